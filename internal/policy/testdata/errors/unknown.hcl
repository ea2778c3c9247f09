trust_root "tails" {
  organisation = "tails"
  root         = "tails.root.json"
}

scop "**" { # ERROR: Unknown block
  trust_root = "tails"
}
scope "**" {
  trust_root = "tails"
  sizes      = "1MiB" # ERROR: Unknown attribute
  privileges {
    highest_tier = 4                                # ERROR: Number is out of range
    allowed      = ["cap.KILL", "cap.*", "net host"] # ERROR: Not a privilege # ERROR: Not a privilege
  }
}
policy {} # ERROR: Unknown block
