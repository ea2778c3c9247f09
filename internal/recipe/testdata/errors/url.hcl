service "try" {
  version  = "1"
  base     = "alpine-3.19"
  homepage = "www.example.org" # ERROR: Not a URL
  documentation = "https://me:secret@example.org/" # ERROR: URL has a password
  source "http" "a" {
    url = "ftp://example.org/a.tar.gz" # ERROR: Not a URL
  }
  source "http" "b" {
    url = "https://example.org/a/../../etc/passwd" # ERROR: URL is not plain
  }
  source "http" "c" {
    url = "https://example.org/a?b=c" # ERROR: URL is not plain
  }
  build {
    run = "true"
  }
}
