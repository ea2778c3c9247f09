base "try" { # ERROR: Base has no start
  version        = "1"
  end_of_support = "2026-02-30" # ERROR: Not a date
  repository "main" {
    url = "https://example.org/main"
    key = "ssh-rsa AAAA" # ERROR: Not a public key
  }
  repository "main" { # ERROR: Name is there twice
    url = "https://example.org/main"
  }
  packages = ["a", "a"] # ERROR: Package is there twice
  client   = "x" # ERROR: Unknown attribute
}
