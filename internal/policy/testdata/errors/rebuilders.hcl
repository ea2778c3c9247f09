trust_root "tails" {
  organisation = "tails"
  root         = "tails.root.json"
}

rebuilder "a" {
  organisation = "one"
  builder      = "https://a.example"
  key "x" {
    public = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEF5+xtpI1pQehbWHQLCeln8sGh36s\nN0fjyucyDWtZNhULDzaFZ5nwEoicEncJbJQgwzIJBrgICOOh+YyQ5/RsDw==\n-----END PUBLIC KEY-----\n"
  }
}
rebuilder "b" {
  organisation = "one"
  builder      = "https://b.example"
  key "x" {
    public = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAES3v19Cxkp+T7kh332Cm+hJqrSAdg\ngxlkiy8V8cJHWTucO0/8NImnPhA3kO4eEuUvqXj9qRDCg7uGUm4kAJ0xNg==\n-----END PUBLIC KEY-----\n"
  }
}
rebuilder "c" {
  organisation = "tails"
  builder      = "https://c.example"
  statements = [
    "oci:registry.example/c/statements:latest", # ERROR: Not a repository
    "oci:statements",                           # ERROR: Not a repository
    "oci:Registry/c",                           # ERROR: Not a repository
    "http://rebuild.example/statements",        # ERROR: Not a source
    "https://rebuild.example/statements",
    "https://rebuild.example/statements", # ERROR: Place is there twice
  ]
  unreachable = "ignore" # ERROR: Unknown answer
  key "x" {
    public = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEfQN3Zt2SwTAfXSOOy7gwwb0ybuQY\nwE85dHaCKG+NTBUcbgYpWV6BD51K8Vu3vUEDyFv8KdRiKvTUqERcGkJHMQ==\n-----END PUBLIC KEY-----\n"
  }
}
scope "a/*" {
  trust_root = "tails"
  rebuilders {
    minimum     = 2 # ERROR: Too few rebuilders
    different   = "ask" # ERROR: Unknown answer
    maximum_age = 0     # ERROR: Number is out of range
  }
}
scope "b/*" {
  trust_root = "tails"
  rebuilders {
    minimum       = 1                      # ERROR: Too few rebuilders
    organisations = ["tails", "on", "tails"] # ERROR: Unknown organisation # ERROR: Organisation is there twice
  }
}
scope "c/*" {
  trust_root = "tails"
  rebuilders { # ERROR: Missing minimum
    organisations = [] # ERROR: List is empty
  }
  rebuilders { # ERROR: Second rebuilders block
    minimum = 0
  }
}
