service "try" {
  version  = "1"
  base     = "alpine-3.19"
  packages = ["openssh", "tor", "openssh"] # ERROR: Package is there twice
}
