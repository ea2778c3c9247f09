service "try" { # ERROR: Unclosed configuration block
  version = "1"
