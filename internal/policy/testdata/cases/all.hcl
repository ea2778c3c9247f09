test "a" { # ERROR: Missing expect
  image = "Registry/X Y" # ERROR: Not an image
}
test "a" { # ERROR: Name is there twice
  image          = "a/b"
  expect         = "fine"       # ERROR: Unknown verdict
  now            = "yesterday"  # ERROR: Not a date
  trust_root     = "old"        # ERROR: Unknown state
  target         = "there"      # ERROR: Unknown state
  end_of_support = "never"      # ERROR: Not a date
  privileges     = ["cap.X"]    # ERROR: Not a privilege
  signature "onion" {} # ERROR: Unknown name
  signature "onionshare" {
    key = "2024" # ERROR: Unknown key
  }
  signature "onionshare" {
    identity   = "other"       # ERROR: Unknown identity
    extensions = { issuer = "x" } # ERROR: Unknown extension
  }
  rebuild "riseup" {
    identity = "ci" # ERROR: Unknown identity
    outcome  = "reproduced"
  }
  rebuild "onionshare" { # ERROR: Unknown name
    outcome = "same" # ERROR: Unknown outcome
  }
  rebuild "riseup" { # ERROR: Missing outcome
  }
}
