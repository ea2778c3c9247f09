trust_root "tails" {
  organisation = "tails"
  root         = "tails.root.json"
}

scope "a/*" {
  trust_root = "tails"
  privileges {
    highest_tier = 1
    allowed      = ["cap.KILL", "cap.KILL", "net.host"] # ERROR: Privilege is there twice # ERROR: Privilege is above the highest tier
  }
}
scope "b/*" {
  trust_root = "tails"
  privileges { # ERROR: Missing highest_tier
    allowed = "cap.KILL" # ERROR: Not a list
  }
}
