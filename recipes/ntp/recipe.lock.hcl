# Written by tailsbuild lock. Change the recipe, then run it again.

recipe  = "ntp"
version = 1

output {
  compatibility          = 1
  buildkit               = "v0.34.2"
  buildkit_compatibility = 30
  compression            = "gzip"
}

input "apk" "libretls" {
  arch       = "x86_64"
  repository = "main"
  version    = "3.7.0-r2"
  url        = "https://dl-cdn.alpinelinux.org/alpine/v3.19/main/x86_64/libretls-3.7.0-r2.apk"
  size       = 29326
  sha256     = "aeeb29883c8b637d6b849c18b33daf999f76c594530c097e270a599a72829c79"
}

input "apk" "openntpd" {
  arch       = "x86_64"
  repository = "main"
  version    = "6.8_p1-r9"
  url        = "https://dl-cdn.alpinelinux.org/alpine/v3.19/main/x86_64/openntpd-6.8_p1-r9.apk"
  size       = 45462
  sha256     = "d52c0ec71c974592c5b5fe8f189743bd25f293c318c349c59b5fd5882d8ea17e"
}

input "apk_index" "community" {
  arch   = "x86_64"
  url    = "https://dl-cdn.alpinelinux.org/alpine/v3.19/community/x86_64/APKINDEX.tar.gz"
  key    = "alpine-devel@lists.alpinelinux.org-6165ee59.rsa.pub"
  time   = 1718724309
  size   = 1708730
  sha256 = "404e8e442d8bba8d26ce4f45aa85abf6c0585ab5efec6a2d63a3df043d5ffc1e"
}

input "apk_index" "main" {
  arch   = "x86_64"
  url    = "https://dl-cdn.alpinelinux.org/alpine/v3.19/main/x86_64/APKINDEX.tar.gz"
  key    = "alpine-devel@lists.alpinelinux.org-6165ee59.rsa.pub"
  time   = 1718724996
  size   = 467096
  sha256 = "3c967186152e6dd29cfd9e33bfa0a44bdc031b7051339c772848ee0efa817b64"
}

input "rootfs" "alpine-3.19" {
  arch    = "x86_64"
  url     = "https://dl-cdn.alpinelinux.org/alpine/v3.19/releases/x86_64/alpine-minirootfs-3.19.4-x86_64.tar.gz"
  size    = 3299369
  sha256  = "a2a87004e87720cbb0372c08b7de9b80748afdfd7fd72d2eab2ec0b074b92211"
  diff_id = "f72e1091e2e43fb27f30dab4a9d56294d97d1d8bcf35a6911567ce05a7e3ca3a"
}

world "x86_64" "image" {
  packages = ["openntpd"]
  installs = ["libretls", "openntpd"]
}

world "x86_64" "test" {
  packages = ["openntpd"]
  installs = ["libretls", "openntpd"]
}

image "x86_64" {
  plan   = "sha256:32156e661508619f390a9dd1fe94862fd88a82d3f07bbaebd2de8feaee95b0d5"
  digest = "sha256:89a78076c01e40ddaf77160369907e2164b492863e76b410d8e583fb01aac8e8"
  size   = 1231
}
