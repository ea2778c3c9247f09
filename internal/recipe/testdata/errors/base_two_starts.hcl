base "try" {
  version = "1"
  base    = "other"
  rootfs { # ERROR: Base has two starts
    url    = "https://example.org/a.tar.gz"
    sha256 = "ABCDEF" # ERROR: Not a sha256
  }
}
