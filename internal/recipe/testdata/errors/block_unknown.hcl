service "try" {
  version = "1"
  base    = "alpine-3.19"
  runtim { # ERROR: Unknown block
    user = "x"
  }
  whatever "a" "b" { # ERROR: Unknown block
  }
}
