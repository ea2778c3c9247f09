service "try" { # ERROR: Missing version # ERROR: Missing base
  source "http" "app" { # ERROR: Missing url
    strip = 1
  }
  build { # ERROR: Missing run
  }
}
