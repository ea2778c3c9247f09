service "try" {
  version = "1"
  base    = "alpine-3.19"
  build {
    run = "\u001b" # ERROR: Invisible character
    env = {
      OUT       = "/tmp" # ERROR: Variable is reserved
      "SRC_app" = "/tmp" # ERROR: Variable is reserved
      "A-B"     = "c" # ERROR: Variable name is not allowed
      CGO       = 0 # ERROR: Not a text
      GOFLAGS   = "-x"
      GOFLAGS   = "-v" # ERROR: Key is there twice
      a.b       = "c" # ERROR: Key has dots
    }
    packages = ["make", "make"] # ERROR: Package is there twice
  }
}
