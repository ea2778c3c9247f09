# Written by tailsbuild lock. Change the recipe, then run it again.

recipe  = "dhcp"
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
  plan   = "sha256:5a486ec59b44b00fb9b3307308bd490b521a723ffa00c7582f04dec56adc32c8"
  digest = "sha256:f5fab3158f3d0f0f4b16b8021f759319f4523e4425492a10d66088e62b3bd7ee"
  size   = 1272
}
