service "mqtt" {
  version  = "2.7.9"
  release  = 0
  epoch    = 1740837169 # when v2.7.9 was tagged
  summary  = "MQTT broker for messages between a few devices, over an onion service"
  homepage = "https://github.com/mochi-mqtt/server"
  license  = "MIT"
  base     = "alpine-${var.alpine}"

  documentation = "https://github.com/mochi-mqtt/server#readme"
  client        = "any MQTT 3.1.1 or 5 client, such as mosquitto_pub"
  connect       = "Connect to the onion address on port 1883; the onion service's client authorization decides who may."

  source "go_module" "mochi" {
    module   = "github.com/mochi-mqtt/server/v2"
    version  = "v${self.version}"
    packages = ["./cmd"]
  }
  toolchain "go" {
    version = "1.26.8"
  }
  build {
    run = <<-EOT
      cd "$SRC_mochi"
      go build -trimpath -buildvcs=false -ldflags="-s -w -buildid=" -o "$OUT/usr/bin/mqtt" ./cmd
    EOT
  }

  user "mqtt" {
    uid   = 10883
    home  = "/var/lib/mqtt"
    shell = "/sbin/nologin"
  }

  runtime {
    user = "mqtt"
    # The WebSocket and status listeners can't be turned off, so only the
    # container itself can reach them.
    entrypoint  = ["/usr/bin/mqtt", "-tcp=:1883", "-ws=127.0.0.1:1882", "-info=127.0.0.1:8080"]
    working_dir = "/var/lib/mqtt"

    port "mqtt" {
      number = 1883
      onion  = 1883
    }
  }

  limits {
    size   = "8MiB"
    memory = "64MiB"
    pids   = 64
  }

  test "starts" {
    run = ["/usr/bin/mqtt", "-h"]
  }

  labels = {
    "org.opencontainers.image.source" = "https://github.com/mochi-mqtt/server"
  }
  annotations = {
    "org.opencontainers.image.source" = "https://github.com/mochi-mqtt/server"
  }
}
