sigstore "one" {
  trusted_root = "../one.json" # ERROR: Not a file
}
sigstore "one" { # ERROR: Name is there twice
  trusted_root = "two.json"
}
sigstore "two" { # ERROR: Missing trusted_root
}
signer "a" {
  organisation = "a"
  identity "x" {
    sigstore   = "three"                       # ERROR: Unknown sigstore
    issuer     = "gitlab.example.org"          # ERROR: Not an issuer
    subject    = "https://gitlab.example.org/x y" # ERROR: Not a subject
    extensions = { deployment-environments = "x" } # ERROR: Unknown extension
  }
}
signer "b" {
  organisation = "b"
  identity "x" {
    sigstore = "one"
    issuer   = "https://gitlab.example.org"
    subject  = "https://gitlab.example.org/b"
    extensions = {
      deployment-environment = "release"
    }
  }
  # Two of one signer may overlap, as while its authority changes.
  identity "y" {
    sigstore = "two"
    issuer   = "https://gitlab.example.org"
    subject  = "https://gitlab.example.org/b"
    extensions = {
      deployment-environment = "release"
    }
  }
}
signer "c" {
  organisation = "c"
  identity "x" {
    sigstore = "one"
    issuer   = "https://gitlab.example.org"
    subject  = "https://gitlab.example.org/b"
    extensions = {
      deployment-environment = "staging"
    }
  }
}
rebuilder "d" {
  organisation = "d"
  builder      = "https://d.example"
  identity "x" { # ERROR: Identity is there twice
    sigstore = "one"
    issuer   = "https://gitlab.example.org"
    subject  = "https://gitlab.example.org/b"
    extensions = {
      source-repository-ref = "refs/heads/main"
    }
  }
  identity "x" { # ERROR: Missing sigstore # ERROR: Missing issuer # ERROR: Missing subject # ERROR: Name is there twice
  }
}
scope "a/*" {
  signers = ["a"]
}
scope "**" {
  signers  = ["a"]
  sigstore = "none" # ERROR: Unknown sigstore
}
