service "try" {
  version = "1"
  version = "2" # ERROR: Attribute redefined
  base    = "alpine-3.19"
}
