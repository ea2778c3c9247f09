# Written by tailsbuild lock. Change the recipe, then run it again.

recipe  = "alpine-3.19"
version = 1

output {
  compatibility          = 1
  buildkit               = "v0.34.2"
  buildkit_compatibility = 30
  compression            = "gzip"
}

input "rootfs" "alpine-3.19" {
  arch    = "x86_64"
  url     = "https://dl-cdn.alpinelinux.org/alpine/v3.19/releases/x86_64/alpine-minirootfs-3.19.4-x86_64.tar.gz"
  size    = 3299369
  sha256  = "a2a87004e87720cbb0372c08b7de9b80748afdfd7fd72d2eab2ec0b074b92211"
  diff_id = "f72e1091e2e43fb27f30dab4a9d56294d97d1d8bcf35a6911567ce05a7e3ca3a"
}

image "x86_64" {
  plan   = "sha256:46bc5308a7c90a2b92af1d1159d7c238d1a1b99c7a7a33e55a63f8961859a788"
  digest = "sha256:b075d3f44bb4d78e11b20b63c3bee3c2ad129032c7211c5a31d7afdfb738d224"
  size   = 929
}
