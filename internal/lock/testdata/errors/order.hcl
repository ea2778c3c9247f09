recipe  = "mqtt"
version = 1

output {
  compatibility          = 1
  buildkit               = "v0.34.2"
  buildkit_compatibility = 30
  compression            = "gzip"
}

output { # ERROR: Second output block
  compatibility          = 1
  buildkit               = "v0.34.2"
  buildkit_compatibility = 30
  compression            = "gzip"
}

input "http" "b" {
  url    = "https://example.com/b"
  size   = 1
  sha256 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
}

input "http" "a" { # ERROR: Unsorted input
  url    = "https://example.com/a"
  size   = 1
  sha256 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
}

input "http" "a" { # ERROR: Repeated input
  url    = "https://example.com/a"
  size   = 1
  sha256 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
}

image "aarch64" {
  plan   = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
}

image "aarch64" { # ERROR: Repeated image
  plan   = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
}
