service "try" {
  version = "1"
  base    = "alpine-3.19"
  arch    = [] # ERROR: List is empty
}
