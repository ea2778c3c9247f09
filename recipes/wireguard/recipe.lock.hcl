# Written by tailsbuild lock. Change the recipe, then run it again.

recipe  = "wireguard"
version = 1

output {
  compatibility          = 1
  buildkit               = "v0.34.2"
  buildkit_compatibility = 30
  compression            = "gzip"
}

input "go_module" "wireguard" {
  module   = "golang.zx2c4.com/wireguard"
  version  = "v0.0.0-20260522210424-ecfc5a8d5446"
  sum      = "h1:cqHQ3AycTHvM2R7ikgyX57D+XvtcSnGylsLkOVhta/w="
  packages = ["."]
  modules = [
    "golang.org/x/crypto v0.37.0 h1:kJNSjF/Xp7kU0iB2Z+9viTPMW4EqqsrywMXLJOOsXSE= h1:vg+k43peMZ0pUMhYmVAWysMK35e6ioLh3wB8ZCAfbVc=",
    "golang.org/x/net v0.39.0 h1:ZCu7HMWDxpXpaiKdhzIfaltL9Lp31x/3fCP11bc6/fY= h1:X7NRbYVEA+ewNkCNyJ513WmMdQ3BineSwVtN2zD/d+E=",
    "golang.org/x/sys v0.32.0 h1:s77OFDvIQeibCmezSnk/q6iAfkdiQaJi4VzroCFrN20= h1:BJP2sWEmIv4KK5OTEluFJCKSidICx8ciO85XgH3Ak8k=",
  ]
  size   = 21146112
  sha256 = "373c29ba144824bcb661d7bb70b52c1721b143b693e1b5b57f6f9f0e74ded6ac"
}

input "rootfs" "alpine-3.19" {
  arch    = "x86_64"
  url     = "https://dl-cdn.alpinelinux.org/alpine/v3.19/releases/x86_64/alpine-minirootfs-3.19.4-x86_64.tar.gz"
  size    = 3299369
  sha256  = "a2a87004e87720cbb0372c08b7de9b80748afdfd7fd72d2eab2ec0b074b92211"
  diff_id = "f72e1091e2e43fb27f30dab4a9d56294d97d1d8bcf35a6911567ce05a7e3ca3a"
}

input "rootfs" "alpine-3.20" {
  arch    = "x86_64"
  url     = "https://dl-cdn.alpinelinux.org/alpine/v3.20/releases/x86_64/alpine-minirootfs-3.20.3-x86_64.tar.gz"
  size    = 3490290
  sha256  = "d4e6fd67dcf75e40c451560ac7265166c2b72a0f38ddc9aae756a7de3d1efa0c"
  diff_id = "1bccf10afce5c1ffe31381419930ad565c1436eaeb1ca680494b0663e0028419"
}

input "toolchain" "go" {
  arch    = "x86_64"
  module  = "golang.org/toolchain"
  version = "v0.0.1-go1.26.8.linux-amd64"
  sum     = "h1:ZOmGe1OnfREDMIdb1Qi4G9JSuDPBLGExZMQ4nis1RXM="
  size    = 142429184
  sha256  = "ec43d7335f0a9661f6bcabe6dc63d3f7ad0738d20b5bf4f8a0f3d3575c8407a0"
}

image "x86_64" {
  plan   = "sha256:15e61619db67b31ba39e7c857b3be8396040df847d4d41210122a8e4380e97bf"
  digest = "sha256:16f3fda38512c99f1148e346ddbf880eefe3d45698cf5deddb7ea42f7bc76a51"
  size   = 1361
}
