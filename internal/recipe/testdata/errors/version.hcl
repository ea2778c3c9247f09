service "try" {
  version = "1.0 beta" # ERROR: Version is not allowed
  release = 10000 # ERROR: Number is out of range
  epoch   = 253402300800 # ERROR: Number is out of range
  base    = "alpine-3.19"
}
