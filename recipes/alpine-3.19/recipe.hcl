base "alpine-3.19" {
  version        = "3.19.4"
  epoch          = 1725621600
  summary        = "Alpine Linux 3.19, the official mini root file system"
  homepage       = "https://alpinelinux.org"
  license        = "MIT AND GPL-2.0-only AND Apache-2.0 AND MPL-2.0"
  end_of_support = "2025-11-01"

  rootfs {
    url = "https://dl-cdn.alpinelinux.org/alpine/v3.19/releases/${arch}/alpine-minirootfs-${self.version}-${arch}.tar.gz"
  }

  repository "main" {
    url = "https://dl-cdn.alpinelinux.org/alpine/v3.19/main"
  }
  repository "community" {
    url = "https://dl-cdn.alpinelinux.org/alpine/v3.19/community"
  }
}
