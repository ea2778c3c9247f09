service "try" {
  version = "1"
  base    = "alpine-3.19"
  user "app" { uid = 1000 }
  runtime {
    user       = "app"
    entrypoint = ["/usr/bin/app"]
  }
  test "both" { # ERROR: Test does two things
    run    = ["/bin/true"]
    client = "true"
    setup  = "true"
  }
  test "neither" { # ERROR: Test does nothing
    packages = ["curl"]
  }
  test "command" {
    run      = ["/bin/true"]
    packages = ["curl"] # ERROR: Test has no client
    setup    = "true" # ERROR: Test has no client
  }
  test "packages" {
    packages = ["curl", "-x", "curl"] # ERROR: Not a package # ERROR: Package is there twice
    client   = "curl 127.0.0.1"
  }
  test "more-packages" {
    packages = ["curl>8"] # ERROR: Package is asked for in two ways
    client   = "curl 127.0.0.1"
  }
  test "empty" {
    client  = " " # ERROR: Text is empty
    setup   = "" # ERROR: Text is empty
    timeout = 0 # ERROR: Number is out of range
  }
  test "text" {
    client  = ["true"] # ERROR: Wrong type
    timeout = "60s" # ERROR: Not a number
  }
  test "hidden" {
    client = "echo \u202e" # ERROR: Invisible character
  }
}
