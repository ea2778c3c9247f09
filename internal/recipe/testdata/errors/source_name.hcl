service "try" {
  version = "1"
  base    = "alpine-3.19"
  source "http" "my-app" { # ERROR: Name is not allowed
    url = "https://example.org/a.tar.gz"
  }
  source "http" "app" {
    url   = "https://example.org/a.tar.gz"
    strip = 17 # ERROR: Number is out of range
  }
  source "go_module" "app" { # ERROR: Name is there twice
    module  = "example.org/app"
    version = "v1.0.0"
    url     = "https://example.org/" # ERROR: Unknown attribute
  }
  build {
    run = "true"
  }
}
