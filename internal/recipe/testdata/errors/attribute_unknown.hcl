service "try" {
  verison = "2.7.9" # ERROR: Unknown attribute
  version = "1"
  base    = "alpine-3.19"
  flavour = "sour" # ERROR: Unknown attribute
}
