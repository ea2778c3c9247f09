service "try" {
  version = "1"
  base    = "alpine-3.19"
  build {
    run = "true"
  }
  build { # ERROR: Second build block
    run = "true"
  }
}
