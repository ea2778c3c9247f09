base "alpine-3.20" {
  version        = "3.20.3"
  epoch          = 1725621600
  arch           = ["x86_64", "aarch64"]
  summary        = "Alpine Linux 3.20, the official mini root file system"
  homepage       = "https://alpinelinux.org"
  license        = "MIT AND GPL-2.0-only AND Apache-2.0 AND MPL-2.0"
  end_of_support = "2026-04-01"

  rootfs {
    url = "https://dl-cdn.alpinelinux.org/alpine/v3.20/releases/${arch}/alpine-minirootfs-${self.version}-${arch}.tar.gz"
  }

  repository "main" {
    url = "https://dl-cdn.alpinelinux.org/alpine/v3.20/main"
  }
  repository "community" {
    url = "https://dl-cdn.alpinelinux.org/alpine/v3.20/community"
  }
}
