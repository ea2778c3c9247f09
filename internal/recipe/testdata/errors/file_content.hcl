service "try" {
  version = "1"
  base    = "alpine-3.19"
  file "/etc/a" { # ERROR: File has two contents
    source  = "files/a"
    content = "x"
  }
  file "/etc/b" { # ERROR: File has no content
  }
  file "/etc/c" {
    source = "../mqtt/files/c" # ERROR: Path leads out of the recipe
  }
  file "/etc/d" {
    source = "/etc/passwd" # ERROR: Path leads out of the recipe
    mode   = "0999" # ERROR: Not a file mode
    owner  = "sftp" # ERROR: Unknown user
  }
  file "/etc/e" {
    content = ""
    mode    = 0644 # ERROR: Not a text
  }
}
