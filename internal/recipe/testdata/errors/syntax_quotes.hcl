service "try" {
  version = '1' # ERROR: Invalid character
}
