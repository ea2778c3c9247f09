policy {
  end_of_support = "ignore" # ERROR: Unknown answer
  end            = "refuse" # ERROR: Unknown attribute
}
policy { # ERROR: Second policy block
}
