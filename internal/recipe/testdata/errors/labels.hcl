service "try" {
  version = "1"
  base    = "alpine-3.19"
  labels = {
    "org.opencontainers.image.version" = "9" # ERROR: Key is reserved
    "a b"                              = "c" # ERROR: Key is not allowed
  }
  annotations = {
    "org.opencontainers.image.created" = "now" # ERROR: Key is reserved
  }
}
