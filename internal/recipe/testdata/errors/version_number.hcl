service "try" {
  version = 3.10 # ERROR: Not a text
  release = "1" # ERROR: Not a number
  epoch   = 1.5 # ERROR: Number is out of range
  base    = "alpine-3.19"
}
