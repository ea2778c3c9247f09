trust_root "tails" {
  organisation = "tails"
  root         = "tails.root.json"
}

scope "a/*" { # ERROR: Nobody vouches for the images
}
scope "b/*" {
  trust_root = "tail" # ERROR: Unknown trust root
  signers    = ["a", "a"] # ERROR: Unknown signer # ERROR: Signer is there twice # ERROR: Unknown signer
}
scope "c/*" {
  signers = [] # ERROR: List is empty
}
