service "trivial" {
  version = "1.0.0"
  epoch   = 1735689600
  summary = "Two files and a user on Alpine, for the benchmark"
  license = "Apache-2.0"
  arch    = ["x86_64"]
  base    = "alpine-3.19"

  file "/etc/hello.conf" {
    source = "files/hello.conf"
  }
  file "/usr/bin/hello" {
    source = "files/hello"
    mode   = "0755"
  }

  user "hello" {
    uid   = 10001
    home  = "/srv/hello"
    shell = "/sbin/nologin"
  }

  runtime {
    user       = "hello"
    entrypoint = ["/usr/bin/hello"]
  }
}
