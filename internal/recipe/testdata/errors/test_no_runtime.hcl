service "try" {
  version = "1"
  base    = "alpine-3.19"
  test "command" {
    run     = ["/bin/true"]
    timeout = 3601 # ERROR: Number is out of range
  }
  test "client" {
    client = "true" # ERROR: No service to talk to
  }
}
