service "try" {
  version = "1"
  base    = "alpine-3.19"
  user "a" {
    uid = 1000
  }
  user "b" {
    uid = 1000 # ERROR: Number is there twice
  }
  user "a" { # ERROR: Name is there twice
    uid = 1001
  }
  user "root" { # ERROR: User exists already
    uid = 0 # ERROR: Number is out of range
  }
  user "Bob" { # ERROR: User name is not allowed
    uid   = 65534 # ERROR: Number is out of range
    home  = "home/bob" # ERROR: Path is not absolute and clean
    shell = "/bin/sh/" # ERROR: Path is not absolute and clean
  }
}
