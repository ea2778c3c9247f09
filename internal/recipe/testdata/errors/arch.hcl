service "try" {
  version = "1"
  base    = "alpine-3.19"
  arch    = ["x86_64", "amd64", "x86_64"] # ERROR: Architecture is not supported # ERROR: Architecture is there twice
}
