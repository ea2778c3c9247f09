service "try" {
  version = "1"
  base    = "alpine-3.19"
  test "starts" {
    run = ["app"] # ERROR: Program is not an absolute path
  }
  test "starts" { # ERROR: Name is there twice
    run = [] # ERROR: List is empty
  }
  test "It works" { # ERROR: Name is not allowed
    run = ["/bin/true"]
  }
}
