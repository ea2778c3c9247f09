service "try" {
  version = "1"
  base    = "alpine-3.19"
  limits {
    size   = "16MB" # ERROR: Not a size
    memory = 64 # ERROR: Not a text
    pids   = 0 # ERROR: Number is out of range
  }
}
