trust_root "tails" {
  organisation = "tails"
  root         = "tails.root.json"
}

trust_root "other" { # WARNING: Trust root is not used
  organisation = "other"
  root         = "other.json"
}
signer "a" {
  organisation = "a"
  key "x" {
    public = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEF5+xtpI1pQehbWHQLCeln8sGh36s\nN0fjyucyDWtZNhULDzaFZ5nwEoicEncJbJQgwzIJBrgICOOh+YyQ5/RsDw==\n-----END PUBLIC KEY-----\n"
  }
}
signer "b" { # WARNING: Signer is not used
  organisation = "b"
  key "x" {
    public = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAElz4G/RoE1K01R23TM91uswy1+aNn\n2nzfw5GGzkqakv2OdWjYBBt1z28N5F9SkqJR7FmShvNwEP3KjBGYwf3ytQ==\n-----END PUBLIC KEY-----\n"
  }
}
rebuilder "a" { # WARNING: Rebuilder is not asked for
  organisation = "one"
  builder      = "https://a.example"
  key "x" {
    public = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAES3v19Cxkp+T7kh332Cm+hJqrSAdg\ngxlkiy8V8cJHWTucO0/8NImnPhA3kO4eEuUvqXj9qRDCg7uGUm4kAJ0xNg==\n-----END PUBLIC KEY-----\n"
  }
}
scope "a/*" { # WARNING: No trust root # WARNING: No rebuild is asked for
  signers = ["a"]
  transparency_log = "optional"
  timestamp        = "optional"
}
scope "b/*" { # WARNING: Foreign images can run # WARNING: Unsigned images can run # WARNING: No rebuild is asked for # WARNING: Unsigned images are never asked about
  trust_root = "tails"
  transparency_log = "optional"
  timestamp        = "optional"
  foreign  = "warn"
  unsigned = "ask"
}
scope "c/*" { # WARNING: No rebuild is asked for
  trust_root = "tails"
  transparency_log = "optional"
  timestamp        = "optional"
  privileges { # WARNING: Images can be root on the host
    highest_tier = 3
  }
}
scope "d/*" { # WARNING: No rebuild is asked for
  trust_root = "tails"
  transparency_log = "optional"
  timestamp        = "optional"
  privileges { # WARNING: Every privilege of tier 2 is allowed
    highest_tier = 2
  }
}
sigstore "a" { # WARNING: Sigstore is not used
  trusted_root = "a.json"
}
sigstore "b" {
  trusted_root = "b.json"
}
scope "e/*" { # WARNING: No rebuild is asked for # WARNING: Sigstore is not asked
  trust_root = "tails"
  sigstore   = "b"
  transparency_log = "optional"
  timestamp        = "optional"
}
scope "f/*" { # WARNING: No rebuild is asked for # WARNING: No sigstore
  trust_root = "tails"
  transparency_log = "optional"
}
