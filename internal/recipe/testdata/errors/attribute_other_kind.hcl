service "try" {
  version        = "1"
  base           = "alpine-3.19"
  end_of_support = "2026-01-01" # ERROR: Unknown attribute
  rootfs { # ERROR: Unknown block
    url = "https://example.org/a.tar.gz"
  }
}
