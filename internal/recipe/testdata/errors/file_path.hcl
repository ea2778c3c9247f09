service "try" {
  version = "1"
  base    = "alpine-3.19"
  file "etc/app.conf" { # ERROR: Path is not absolute and clean
    content = "x"
  }
  file "/etc/../shadow" { # ERROR: Path is not absolute and clean
    content = "x"
  }
  file "/" { # ERROR: Path is a folder
    content = "x"
  }
  file "/proc/version" { # ERROR: Path is not part of an image
    content = "x"
  }
  file "/etc/app" {
    content = "x"
  }
  file "/etc/app" { # ERROR: Name is there twice
    content = "y"
  }
  file "/etc/app/conf" { # ERROR: File is below a file
    content = "x"
  }
}
