service "try" {
  version = "1"
  release = 1E9999999 # ERROR: Number is out of range
  epoch   = 100000000000000000000000000000000000000000000000000 # ERROR: Number is out of range
  summary = "${1e5}" # ERROR: Number is out of range
  base    = "alpine-3.19"
}
