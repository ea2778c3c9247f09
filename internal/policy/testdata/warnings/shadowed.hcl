trust_root "tails" {
  organisation = "tails"
  root         = "tails.root.json"
}

rebuilder "a" {
  organisation = "one"
  builder      = "https://a.example"
  key "x" {
    public = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAES3v19Cxkp+T7kh332Cm+hJqrSAdg\ngxlkiy8V8cJHWTucO0/8NImnPhA3kO4eEuUvqXj9qRDCg7uGUm4kAJ0xNg==\n-----END PUBLIC KEY-----\n"
  }
}
rebuilder "own" { # WARNING: Rebuilder is not asked for
  organisation = "tails"
  builder      = "https://own.example"
  key "x" {
    public = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEfQN3Zt2SwTAfXSOOy7gwwb0ybuQY\nwE85dHaCKG+NTBUcbgYpWV6BD51K8Vu3vUEDyFv8KdRiKvTUqERcGkJHMQ==\n-----END PUBLIC KEY-----\n"
  }
}
scope "a/*" { 
  trust_root = "tails"
  transparency_log = "optional"
  timestamp        = "optional"
  rebuilders { # WARNING: Commitments can be dated back # WARNING: Rebuilder doesn't count
    minimum = 1
    committed = true
  }
}
scope "a/b*" { # WARNING: Scope never matches # WARNING: No rebuild is asked for
  trust_root = "tails"
  transparency_log = "optional"
  timestamp        = "optional"
}
scope "a/**" { # WARNING: No rebuild is asked for
  trust_root = "tails"
  transparency_log = "optional"
  timestamp        = "optional"
}
scope "a/b/c" { # WARNING: Scope never matches # WARNING: No rebuild is asked for
  trust_root = "tails"
  transparency_log = "optional"
  timestamp        = "optional"
}
