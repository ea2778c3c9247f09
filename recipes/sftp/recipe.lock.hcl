# Written by tailsbuild lock. Change the recipe, then run it again.

recipe  = "sftp"
version = 1

output {
  compatibility          = 1
  buildkit               = "v0.34.2"
  buildkit_compatibility = 30
  compression            = "gzip"
}

input "apk" "libedit" {
  arch       = "x86_64"
  repository = "main"
  version    = "20230828.3.1-r3"
  url        = "https://dl-cdn.alpinelinux.org/alpine/v3.19/main/x86_64/libedit-20230828.3.1-r3.apk"
  size       = 76818
  sha256     = "b704af28b7250cfcba8bb9318f338fd0ad0e6be0270abc908ffa2a7da6818dce"
}

input "apk" "libncursesw" {
  arch       = "x86_64"
  repository = "main"
  version    = "6.4_p20231125-r0"
  url        = "https://dl-cdn.alpinelinux.org/alpine/v3.19/main/x86_64/libncursesw-6.4_p20231125-r0.apk"
  size       = 158755
  sha256     = "94830f70d5b4480be58e01c3bcdf6b05a95181603e31339d59411eacaedbf0e0"
}

input "apk" "ncurses-terminfo-base" {
  arch       = "x86_64"
  repository = "main"
  version    = "6.4_p20231125-r0"
  url        = "https://dl-cdn.alpinelinux.org/alpine/v3.19/main/x86_64/ncurses-terminfo-base-6.4_p20231125-r0.apk"
  size       = 22351
  sha256     = "c89d422f246aa39ff69a5c876a6db6a56f434cc7fd1bd0f9e15914f1752f4440"
}

input "apk" "openssh-client-common" {
  arch       = "x86_64"
  repository = "main"
  version    = "9.6_p1-r0"
  url        = "https://dl-cdn.alpinelinux.org/alpine/v3.19/main/x86_64/openssh-client-common-9.6_p1-r0.apk"
  size       = 856317
  sha256     = "0468b3b8e164d6193cede179fb131e1a39bb74c48ff7628660a556456c50b286"
}

input "apk" "openssh-client-default" {
  arch       = "x86_64"
  repository = "main"
  version    = "9.6_p1-r0"
  url        = "https://dl-cdn.alpinelinux.org/alpine/v3.19/main/x86_64/openssh-client-default-9.6_p1-r0.apk"
  size       = 367684
  sha256     = "dec2ce9e4fb5b431ea3f7e33a7b6b2c1b054db4f6ca7899bd183afe4572ef579"
}

input "apk" "openssh-keygen" {
  arch       = "x86_64"
  repository = "main"
  version    = "9.6_p1-r0"
  url        = "https://dl-cdn.alpinelinux.org/alpine/v3.19/main/x86_64/openssh-keygen-9.6_p1-r0.apk"
  size       = 209976
  sha256     = "909d9268551696f86c4309bac0c8ad0ea0ad01b839ca22a71d770e59b620e272"
}

input "apk" "openssh-server" {
  arch       = "x86_64"
  repository = "main"
  version    = "9.6_p1-r0"
  url        = "https://dl-cdn.alpinelinux.org/alpine/v3.19/main/x86_64/openssh-server-9.6_p1-r0.apk"
  size       = 383723
  sha256     = "52fa72acdeb14259213cb8fd9131ffab431acae849936f7e262244bb99553c67"
}

input "apk" "openssh-server-common" {
  arch       = "x86_64"
  repository = "main"
  version    = "9.6_p1-r0"
  url        = "https://dl-cdn.alpinelinux.org/alpine/v3.19/main/x86_64/openssh-server-common-9.6_p1-r0.apk"
  size       = 3119
  sha256     = "9c1d94de1eb37a6484d89b86e00b95c7dd0681085c4c882c8ad9373a8c6a5197"
}

input "apk" "openssh-sftp-server" {
  arch       = "x86_64"
  repository = "main"
  version    = "9.6_p1-r0"
  url        = "https://dl-cdn.alpinelinux.org/alpine/v3.19/main/x86_64/openssh-sftp-server-9.6_p1-r0.apk"
  size       = 62323
  sha256     = "15fcae93e37e86d1e4b1f41e6bba6ebaa9c780bceba825ef92a60e91cc06fcfe"
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
  packages = ["openssh-server", "openssh-sftp-server"]
  installs = ["openssh-keygen", "openssh-server", "openssh-server-common", "openssh-sftp-server"]
}

world "x86_64" "test" {
  packages = ["openssh-client-default", "openssh-keygen"]
  installs = ["libedit", "libncursesw", "ncurses-terminfo-base", "openssh-client-common", "openssh-client-default", "openssh-keygen"]
}

image "x86_64" {
  plan   = "sha256:270cb0095891718e23ae18747c5ae4655afc56db46e04d4568a28b550d93b35c"
  digest = "sha256:b221a633c9b8f142f67ea398a5cb4c4086bf697c6d278adc66542e8546b05468"
  size   = 1238
}
