service "try" {
  version = "1"
  base    = "alpine-3.19"
  source "http" "app" { # ERROR: Nothing reads it
    url = "https://example.org/a.tar.gz"
  }
  toolchain "go" { # ERROR: Nothing reads it
    version = "1.26.8"
  }
}
