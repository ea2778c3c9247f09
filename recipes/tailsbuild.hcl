# What all recipes of this project share.

# Where files below Alpine's CDN come from, tried in order. A location that does
# not exist is skipped; none is trusted: the lock has every file's sha256.
mirror "https://dl-cdn.alpinelinux.org/alpine" {
  locations = [
    "../shared/mirror/alpine",
    "https://dl-cdn.alpinelinux.org/alpine",
  ]
}

variable "alpine" {
  default     = "3.19"
  description = "Release of Alpine that services are based on"
}
