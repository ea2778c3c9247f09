# Written by tailsbuild lock. Change the recipe, then run it again.

recipe  = "alpine-3.20"
version = 1

output {
  compatibility          = 1
  buildkit               = "v0.34.2"
  buildkit_compatibility = 30
  compression            = "gzip"
}

input "rootfs" "alpine-3.20" {
  arch    = "aarch64"
  url     = "https://dl-cdn.alpinelinux.org/alpine/v3.20/releases/aarch64/alpine-minirootfs-3.20.3-aarch64.tar.gz"
  size    = 3947906
  sha256  = "041fa34a81788242df9e78fa69b97ab45b8ec47ddbf88864755610414a7bf3de"
  diff_id = "909cd5ea844eecebecee4b5e80e98709c7cfbb2e95748c787c211bf1698aaae2"
}

input "rootfs" "alpine-3.20" {
  arch    = "x86_64"
  url     = "https://dl-cdn.alpinelinux.org/alpine/v3.20/releases/x86_64/alpine-minirootfs-3.20.3-x86_64.tar.gz"
  size    = 3490290
  sha256  = "d4e6fd67dcf75e40c451560ac7265166c2b72a0f38ddc9aae756a7de3d1efa0c"
  diff_id = "1bccf10afce5c1ffe31381419930ad565c1436eaeb1ca680494b0663e0028419"
}

image "aarch64" {
  plan   = "sha256:1866dacac44af1858f12bd3da2fb5da2de29b159bcdea2689235c199e9faac8c"
  digest = "sha256:ab85e2bb3111de2610f191d38d3f072ae8549ed3fc28a7d50a06c9de8c664cfa"
  size   = 929
}

image "x86_64" {
  plan   = "sha256:ca05cd4ef1ec7c6f1244a1a219aefbc78bcddd146bb53c8b5c93e61b32d81e3c"
  digest = "sha256:c08563f24687adf4f7832d8352e0688b0ac4d16e4820abb663727aa5b03b4896"
  size   = 929
}
