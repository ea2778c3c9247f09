service "try" {
  version = "1"
  base    = "alpine-3.19"
  labels { # ERROR: Unknown block
    a = "b"
  }
  limits = { size = "1MiB" } # ERROR: Unknown attribute
}
