servce "a" { # ERROR: Unknown block
  version = "1"
}
