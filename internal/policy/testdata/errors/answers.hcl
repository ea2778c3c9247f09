trust_root "tails" {
  organisation = "tails"
  root         = "tails.root.json"
}

scope "a/*" {
  trust_root       = "tails"
  foreign          = "ask"      # ERROR: Unknown answer
  transparency_log = "maybe"    # ERROR: Unknown answer
  timestamp        = true       # ERROR: Wrong type
  end_of_support   = "ignore"   # ERROR: Unknown answer
  size             = "64MB"     # ERROR: Not a size
}
scope "b/*" {
  trust_root = "tails"
  unsigned   = "ask" # ERROR: Unsigned is looser than foreign
}
