# Written by tailsbuild lock. Change the recipe, then run it again.

recipe  = "mqtt"
version = 1

output {
  compatibility          = 1
  buildkit               = "v0.34.2"
  buildkit_compatibility = 30
  compression            = "gzip"
}

input "go_module" "mochi" {
  module   = "github.com/mochi-mqtt/server/v2"
  version  = "v2.7.9"
  sum      = "h1:y0g4vrSLAag7T07l2oCzOa/+nKVLoazKEWAArwqBNYI="
  packages = ["./cmd"]
  modules = [
    "github.com/gorilla/websocket v1.5.0 h1:PPwGk2jz7EePpoHN/+ClbZu8SPxiqlu12wZP/3sWmnc= h1:YR8l580nyteQvAITg2hZ9XVh4b55+EU/adAjf1fMHhE=",
    "github.com/rs/xid v1.4.0 h1:qd7wPTDkN6KQx2VmMBLrpHkiyQwgFXRnkOLacUiaSNY= h1:trrq9SKmegXys3aeAKXMUTdJsYXVwGY3RLcfgqegfbg=",
    "gopkg.in/yaml.v3 v3.0.1 h1:fxVm/GzAzEWqLHuvctI91KS9hhNmmWOoWu0XTYJS7CA= h1:K4uyk7z7BCEPqu6E+C64Yfv1cQ7kz7rIZviUmN+EgEM=",
  ]
  size   = 1846272
  sha256 = "bc82bba02adba58c3914e14fcf48c7876f8ed7e92114a33c15043cceb1f152aa"
}

input "rootfs" "alpine-3.19" {
  arch    = "x86_64"
  url     = "https://dl-cdn.alpinelinux.org/alpine/v3.19/releases/x86_64/alpine-minirootfs-3.19.4-x86_64.tar.gz"
  size    = 3299369
  sha256  = "a2a87004e87720cbb0372c08b7de9b80748afdfd7fd72d2eab2ec0b074b92211"
  diff_id = "f72e1091e2e43fb27f30dab4a9d56294d97d1d8bcf35a6911567ce05a7e3ca3a"
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
  plan   = "sha256:da07c2e7ecc48f44c61ce506b60fea7863502130fcfc3e7cfff9503bca602a5a"
  digest = "sha256:91b6b149968c11a2c5ca3ba5549273cedf909a723b5c5121ac658d732abfacbd"
  size   = 1355
}
