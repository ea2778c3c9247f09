// Every block and attribute of a service, and every way to write a value.
service everything {
  version       = "${1}.2"
  release       = 3
  epoch         = 253402300799
  summary       = "${self.name} ${self.version}-r${self.release} for ${arch}"
  homepage      = "https://example.org/${self.version}/"
  license       = "(MIT OR Apache-2.0) AND GPL-2.0-or-later WITH Classpath-exception-2.0"
  documentation = "http://example.onion/doc"
  client        = lower("CURL")
  connect       = join(" ", [self.client, self.homepage])
  arch          = ["x86_64", "aarch64"]
  base          = "alpine-${var.alpine}"
  packages = concat(
    ["openssh=9.6_p1-r0", "!dropbear", "so:libcrypto.so.3", "tor>=0.4"],
    split(" ", upper(var.word)),
  )
  labels      = { "org.example.team" = self.name }
  annotations = { ("org.example/${"arch"}") : upper(arch) }

  source "http" "release" {
    url   = "https://example.org/v${trimsuffix(self.version, ".2")}/everything-${trimprefix("v1.2", "v")}.tar.gz"
    strip = 1
  }
  source "go_module" "tool" {
    module  = replace("example.com/tool", ".com", ".org")
    version = "v0.0.0-20240102030405-0123456789ab"
  }
  toolchain "go" { version = "1.27rc1" }
  build {
    run = <<-EOT
      cd $SRC_release
      	make $${HOME} ${self.version}
    EOT
    env = {
      GOFLAGS = "-p=1"
      EMPTY   = ""
    }
    packages = ["make"]
  }
  file "/usr/libexec/test" {
    content = <<EOT
#!/bin/sh
exit 0
EOT
    mode    = "4755"
    owner   = "app"
  }
  file "/etc/esc" {
    content = "\u001b[0m"
    mode    = "600"
  }
  user "app" { uid = 65533 }
  user "_log" {
    uid   = 1
    home  = "/var/log"
    shell = "/bin/sh"
  }
  runtime {
    user        = "app"
    entrypoint  = ["/usr/bin/${self.name}"]
    command     = ["--level", ""]
    working_dir = "/var/lib"
    env         = { A = var.word }
    stop_signal = "SIGINT"
    port "web" {
      number = 80
      onion  = 80
    }
    port "dns" {
      number   = 80
      protocol = "udp"
    }
    volume "/var/lib/everything" {}
  }
  privilege "device" "/dev/net/tun" { reason = "tunnels" }
  privilege "mount" "/media:ro" { reason = "serves it" }
  privilege "network" "outbound" { reason = "asks" }
  privilege "namespace" "pid" { reason = "watches" }
  privilege "sysctl" "net.ipv4.ip_forward" { reason = "forwards" }
  limits {
    size   = "1024GiB"
    memory = "512KiB"
    pids   = 4194304
  }
  test "starts" { run = ["/usr/libexec/test"] }
  test "answers" {
    packages = ["curl=8.9-r0", lower("NETCAT")]
    setup    = "echo ${self.version} >/var/lib/everything/version"
    client   = <<-EOT
      curl "http://127.0.0.1/$${USER:-app}"
      	true
    EOT
    timeout  = 3600
  }
}
