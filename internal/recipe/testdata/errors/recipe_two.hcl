service "a" {
  version = "1"
  base    = "alpine-3.19"
}
base "b" { # ERROR: Second recipe in a file
}
