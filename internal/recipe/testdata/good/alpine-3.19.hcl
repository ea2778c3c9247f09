base "alpine-3.19" {
  version        = "3.19.4"
  end_of_support = "2025-11-01"
  rootfs { url = "https://dl-cdn.alpinelinux.org/alpine/v3.19/releases/${arch}/alpine-minirootfs-3.19.4-${arch}.tar.gz" }
  repository "main" { url = "https://dl-cdn.alpinelinux.org/alpine/v3.19/main" }
  repository "community" { url = "https://dl-cdn.alpinelinux.org/alpine/v3.19/community" }
}
