# Written by tailsbuild lock. Change the recipe, then run it again.

recipe  = "nats"
version = 1

output {
  compatibility          = 1
  buildkit               = "v0.34.2"
  buildkit_compatibility = 30
  compression            = "gzip"
}

input "go_module" "nats" {
  module   = "github.com/nats-io/nats-server/v2"
  version  = "v2.15.2"
  sum      = "h1:yLsgt2kslgymvxvjFq1WGWck5hkat2YYfbXvQ145tzU="
  packages = ["."]
  modules = [
    "github.com/antithesishq/antithesis-sdk-go v0.8.0-default-no-op h1:1BOWQJweNyvZMlpAHXGLiZQn9S+QXGcz3xh94lC0w6E= h1:FQyySiasQQM8735Ddel3MRojmy4dA1IqCeyJ5jmPMbI=",
    "github.com/klauspost/compress v1.20.3 h1:zWNoFqq/lSuYQRim3dUXlXeA0IqwuZGicdG5ZTfY5j4= h1:LUdAzn7YLVvxLpc7y3V1m40wESHTgc1422pwwBSKYuI=",
    "github.com/minio/highwayhash v1.0.4 h1:asJizugGgchQod2ja9NJlGOWq4s7KsAWr5XUc9Clgl4= h1:GGYsuwP/fPD6Y9hMiXuapVvlIUEhFhMTh0rxU3ik1LQ=",
    "github.com/nats-io/jwt/v2 v2.8.2 h1:XXRgB60MSTnqsRwejQurVDs/hcv2dkt+86GjI+I/bMc= h1:Ag/56sq9OblL4JgdYufDd16Egb17Kr/8WwwuO/forVc=",
    "github.com/nats-io/nkeys v0.4.16 h1:rd5oAuLOb8mnAycB0xleuEBNS1pVVnN0fv/FF34Eypg= h1:llLgWoI0o4z/Q57q2R1kHfmocyhGV6VG/U18Glg1Afs=",
    "github.com/nats-io/nuid v1.0.1 h1:5iA8DT8V7q8WK2EScv2padNa/rTESc1KdnPw4TC2paw= h1:19wcPz3Ph3q0Jbyiqsd0kePYG7A95tJPxeL+1OSON2c=",
    "golang.org/x/crypto v0.58.0 h1:COkYLr4k7nDI4r6QtMML2AfzeIswWHAJthLS6K/M/54= h1:Xh+kl5A+M0gMiWDytH2Hhr5Z7WbNCpv/eB/EFgfSk+w=",
    "golang.org/x/sys v0.49.0 h1:XbzkgYJHdqh/8m2Uu0W/dQv8nktxx4BFHp1M0gROTXA= h1:hNLxWAXmnKAxqDtdwIYC4bM9oQPEecfsnNMuSxOs3og=",
    "golang.org/x/time v0.16.0 h1:vMb6ptszcQMkcwiRTAuNNU50gom6++Q/6gY2hDM6VDE= h1:rVKOqvZeKvrDKTQiAHJ7wmwP0RzleSphoEA9RcdLA0s=",
  ]
  size   = 80469504
  sha256 = "dd88aae585ae71117c79a90d7b235133871825e68ec4d031554c792a500fdc52"
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
  plan   = "sha256:9e6ad79d410f128fa1be940e870ef78e2bbe517dfc98822ce1477f2ee1ebb874"
  digest = "sha256:70c1414d15154aecdf4c9abce6e15977e79c6e4744c132b23bd0d2fc86e11188"
  size   = 1318
}
