service "nats" {
  version  = "2.15.2"
  release  = 0
  epoch    = 1793028235 # when v2.15.2 was tagged
  summary  = "NATS server for messages between programs, over an onion service"
  homepage = "https://nats.io/"
  license  = "Apache-2.0"
  base     = "alpine-${var.alpine}"

  documentation = "https://docs.nats.io/"
  client        = "any NATS client, such as nats"
  connect       = "nats://ADDRESS:4222 through Tor's SOCKS proxy; the onion service's client authorization decides who may."

  source "go_module" "nats" {
    module   = "github.com/nats-io/nats-server/v2"
    version  = "v${self.version}"
    packages = ["."]
  }
  toolchain "go" {
    version = "1.26.8"
  }
  build {
    run = <<-EOT
      cd "$SRC_nats"
      go build -trimpath -buildvcs=false -ldflags="-s -w -buildid=" -o "$OUT/usr/bin/nats-server" .
    EOT
  }

  file "/etc/nats/nats.conf" {
    source = "files/nats.conf"
  }

  user "nats" {
    uid   = 10422
    shell = "/sbin/nologin"
  }

  runtime {
    user       = "nats"
    entrypoint = ["/usr/bin/nats-server", "--config", "/etc/nats/nats.conf"]
    # Less than the limit, so that memory is collected before the kernel ends it.
    env = { GOMEMLIMIT = "48MiB" }

    port "nats" {
      number = 4222
      onion  = 4222
    }
  }

  limits {
    size   = "11MiB"
    memory = "64MiB"
    pids   = 64
  }

  test "configuration" {
    run = ["/usr/bin/nats-server", "--config", "/etc/nats/nats.conf", "-t"]
  }

  test "message" {
    client = <<-EOT
      # What is published reaches who subscribed, and the server answers.
      { printf 'CONNECT {"verbose":false}\r\nSUB greeting 7\r\nPUB greeting 5\r\nhello\r\nPING\r\n'; sleep 1; } |
        nc -w 3 127.0.0.1 4222 | tr -d '\r' >answer
      cat answer
      grep -q '^INFO {.*"version":"2.15.2"' answer
      grep -A 1 -x 'MSG greeting 7 5' answer | grep -qx hello
      grep -qx PONG answer

      # More than max_payload is refused.
      { printf 'CONNECT {"verbose":false}\r\nPUB greeting 1048577\r\n'; sleep 1; } |
        nc -w 3 127.0.0.1 4222 | grep "Maximum Payload Violation"

      # No monitoring, no cluster, no leaf nodes.
      for port in 6222 7422 8222; do
        if nc -z 127.0.0.1 "$port"; then exit 1; fi
      done
    EOT
  }

  labels = {
    "org.opencontainers.image.source" = "https://github.com/nats-io/nats-server"
  }
  annotations = {
    "org.opencontainers.image.source" = "https://github.com/nats-io/nats-server"
  }
}
