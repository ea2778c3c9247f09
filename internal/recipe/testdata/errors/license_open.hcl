service "try" {
  version = "1"
  base    = "alpine-3.19"
  license = "(MIT OR Apache-2.0" # ERROR: Not a license expression
}
