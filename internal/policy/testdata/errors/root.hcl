trust_root "tails" { # ERROR: Missing organisation
  root    = "../root.json" # ERROR: Not a file
  sources = ["http://trust.example/", "ftp://x/", "https://u@x/", "https://x/?a", "/"] # ERROR: Not a source # ERROR: Not a source # ERROR: Not a source # ERROR: Not a source # ERROR: Not a file
}
trust_root "Tails" { # ERROR: Name is not allowed
  organisation = "Tails Project" # ERROR: Name is not allowed
  root         = "root.json"
}
scope "**" {
  trust_root = "tails"
}
