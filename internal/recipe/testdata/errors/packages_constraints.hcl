service "try" {
  version  = "1"
  base     = "alpine-3.19"
  packages = ["make<4", "make", "!grep", "grep>3", "so:libc.so", "libc"] # ERROR: Package is there twice # ERROR: Package is there twice
}
