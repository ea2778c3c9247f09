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

  # Two clients of MQTT 3.1.1 in a few bytes: what one publishes reaches the other.
  test "message" {
    client = <<-EOT
      connect() { printf '\020\015\000\004MQTT\004\002\000\074\000\001%s' "$1"; }
      received() { od -An -v -tx1 "$1" | tr -d ' \n'; }
      await() { # WHAT FILE
        for i in $(seq 100); do
          test "$(received "$2")" != "$1" || return 0
          sleep 0.1
        done
        echo "$2 has $(received "$2"), want $1"
        exit 1
      }
      mkfifo say
      nc 127.0.0.1 1883 <say >heard &
      exec 3>say
      connect s >&3
      await 20020000 heard # CONNACK: accepted
      printf '\202\011\000\001\000\004room\000' >&3
      await 200200009003000100 heard # SUBACK

      (connect p; printf '\060\013\000\004roomhello\340\000') | nc 127.0.0.1 1883 >answer
      await 20020000 answer
      await 200200009003000100300b0004726f6f6d68656c6c6f heard # PUBLISH

      # The listeners that nobody asked for can't be reached from outside.
      netstat -ltn | grep -E ':(1882|8080) ' >others
      test "$(grep -vc ' 127.0.0.1:' others || true)" = 0
    EOT
  }

  labels = {
    "org.opencontainers.image.source" = "https://github.com/mochi-mqtt/server"
  }
  annotations = {
    "org.opencontainers.image.source" = "https://github.com/mochi-mqtt/server"
  }
}
