trust_root "tails" {
  organisation = "tails"
  root         = "tails.root.json"
}

signer "a" {
  organisation = "a"
  key "x" {
    public = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEF5+xtpI1pQehbWHQLCeln8sGh36s\nN0fjyucyDWtZNhULDzaFZ5nwEoicEncJbJQgwzIJBrgICOOh+YyQ5/RsDw==\n-----END PUBLIC KEY-----\n"
  }
}
signer "b" { # ERROR: No key and no identity
  organisation = "b"
}
rebuilder "c" {
  organisation = "c"
  builder      = "https://c.example"
  key "x" {
    public = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEF5+xtpI1pQehbWHQLCeln8sGh36s\nN0fjyucyDWtZNhULDzaFZ5nwEoicEncJbJQgwzIJBrgICOOh+YyQ5/RsDw==\n-----END PUBLIC KEY-----\n" # ERROR: Key is there twice
  }
  key "y" {
    public = "none" # ERROR: Not a public key
  }
  key "y" { # ERROR: Name is there twice
    public = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAES3v19Cxkp+T7kh332Cm+hJqrSAdg\ngxlkiy8V8cJHWTucO0/8NImnPhA3kO4eEuUvqXj9qRDCg7uGUm4kAJ0xNg==\n-----END PUBLIC KEY-----\n\nmore" # ERROR: Not a public key
  }
}
rebuilder "d" {
  organisation = "d"
  builder      = "https://c.example" # ERROR: Builder is there twice
  key "x" {
    public = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEfQN3Zt2SwTAfXSOOy7gwwb0ybuQY\nwE85dHaCKG+NTBUcbgYpWV6BD51K8Vu3vUEDyFv8KdRiKvTUqERcGkJHMQ==\n-----END PUBLIC KEY-----\n"
  }
}
rebuilder "e" {
  organisation = "e"
  builder      = "a builder" # ERROR: Not a builder id
  key "x" {
    public = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAElz4G/RoE1K01R23TM91uswy1+aNn\n2nzfw5GGzkqakv2OdWjYBBt1z28N5F9SkqJR7FmShvNwEP3KjBGYwf3ytQ==\n-----END PUBLIC KEY-----\n"
  }
}
scope "**" {
  trust_root = "tails"
}
