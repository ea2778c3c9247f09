trust_root "tails" {
  organisation = "tails"
  root         = "tails.root.json"
}

scope "Registry.example/*" { # ERROR: Not a pattern
  trust_root = "tails"
}
scope "a/**/b" { # ERROR: Not a pattern
  trust_root = "tails"
}
scope "a*b*c" { # ERROR: Not a pattern
  trust_root = "tails"
}
scope "a/b:tag@x" { # ERROR: Not a pattern
  trust_root = "tails"
}
scope "" { # ERROR: Not a pattern
  trust_root = "tails"
}
scope "a//b" { # ERROR: Not a pattern
  trust_root = "tails"
}
scope "registry.example:443/*" { # ERROR: Not a pattern
  trust_root = "tails"
}
scope "a/***" { # ERROR: Not a pattern
  trust_root = "tails"
}
scope "a/*" {
  trust_root = "tails"
}
scope "a/*" { # ERROR: Name is there twice
  trust_root = "tails"
}
