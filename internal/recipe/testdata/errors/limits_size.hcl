service "try" {
  version = "1"
  base    = "alpine-3.19"
  limits {
    size   = "0MiB" # ERROR: Not a size
    memory = "9999999999GiB" # ERROR: Not a size
  }
}
