service "try" {
  version = "1"
  base    = "alpine-3.19"
  source "git" "a" { # ERROR: Kind is not supported yet
    url = "https://example.org/a.git"
  }
  source "gomodule" "b" { # ERROR: Unknown kind
    module = "example.org/b"
  }
  build {
    run = "true"
  }
}
