service "try" {
  version = "1"
  base    = "alpine-3.19"
  file { # ERROR: Wrong number of labels
    content = "x"
  }
  user "a" "b" { # ERROR: Wrong number of labels
    uid = 5
  }
}
