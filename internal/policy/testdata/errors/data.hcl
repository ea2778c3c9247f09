trust_root "tails" {
  organisation = "tails"
  root         = "tails.root.json"
}

scope "a/*" {
  trust_root = lower("TAILS") # ERROR: Functions are not part of policies
  size       = var.size       # ERROR: Nothing to refer to
  signers    = [for s in ["a"] : s] # ERROR: Expression is not data
}
