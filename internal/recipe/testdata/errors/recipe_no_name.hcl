service { # ERROR: Wrong number of labels
  version = "1"
}
