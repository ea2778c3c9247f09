version = "1" # ERROR: Attribute outside of the recipe
service "try" {
  version = "1"
  base    = "alpine-3.19"
}
