service "try" {
  version = "1"
  base    = "alpine-3.19"
  license = "MIT and BSD-3-Clause" # ERROR: Not a license expression
}
