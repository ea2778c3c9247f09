service "wireguard" {
  version  = "0.0.20260522"
  release  = 0
  epoch    = 1779483864 # of the commit that the module's version names
  summary  = "WireGuard meeting point: devices that know its key reach what shares its network"
  homepage = "https://www.wireguard.com/"
  license  = "MIT"
  base     = "alpine-${var.alpine}"

  documentation = "https://www.wireguard.com/quickstart/"
  client        = "any WireGuard client"

  # No onion service can carry this: Tor carries TCP only, and Tails drops UDP.
  # It serves a local network, or a machine that the internet reaches.
  connect = "Over UDP, not over Tor: ADDRESS:51820, with the public key that the service prints at its start. Put each device's key into wg0.conf on the volume, as in wg-quick(8)."

  # No release is younger than this commit. Alpine counts versions in the same way.
  source "go_module" "wireguard" {
    module   = "golang.zx2c4.com/wireguard"
    version  = "v0.0.0-20260522210424-ecfc5a8d5446"
    packages = ["."]
  }
  toolchain "go" {
    version = "1.26.8"
  }
  build {
    # wg-pubkey is what `wg pubkey` is: wireguard-go brings no tools, and the
    # kernel's are not needed for more than this.
    run = <<-EOT
      cd "$SRC_wireguard"
      mkdir wg-pubkey
      cat > wg-pubkey/main.go <<'GO'
      // Wg-pubkey reads a private key and writes its public key, both in base64.
      package main

      import (
      	"crypto/ecdh"
      	"encoding/base64"
      	"io"
      	"os"
      	"strings"
      )

      func main() {
      	text, err := io.ReadAll(io.LimitReader(os.Stdin, 1024))
      	if err == nil {
      		err = write(strings.TrimSpace(string(text)))
      	}
      	if err != nil {
      		os.Stderr.WriteString("wg-pubkey: " + err.Error() + "\n")
      		os.Exit(1)
      	}
      }

      func write(private string) error {
      	raw, err := base64.StdEncoding.DecodeString(private)
      	if err != nil {
      		return err
      	}
      	key, err := ecdh.X25519().NewPrivateKey(raw)
      	if err != nil {
      		return err
      	}
      	_, err = os.Stdout.WriteString(base64.StdEncoding.EncodeToString(key.PublicKey().Bytes()) + "\n")
      	return err
      }
      GO
      build() { go build -trimpath -buildvcs=false -ldflags="-s -w -buildid=" -o "$OUT/usr/bin/$1" "$2"; }
      build wireguard-go .
      build wg-pubkey ./wg-pubkey
    EOT
  }

  file "/usr/libexec/wireguard-start" {
    source = "files/start"
    mode   = "0755"
  }

  user "wireguard" {
    uid   = 10820
    home  = "/etc/wireguard"
    shell = "/sbin/nologin"
  }

  runtime {
    user       = "wireguard"
    entrypoint = ["/usr/libexec/wireguard-start"]
    # Says no word about the kernel's own WireGuard, which a service can't load.
    env = { WG_PROCESS_FOREGROUND = "1" }

    port "wireguard" {
      number   = 51820
      protocol = "udp"
    }
    volume "/etc/wireguard" {
      persistent = true
    }
    # The socket through which the interface is configured, and asked.
    volume "/run/wireguard" {}
  }

  privilege "capability" "NET_ADMIN" {
    reason = "gives the tunnel's interface its address and routes, in the service's own network"
  }
  privilege "device" "/dev/net/tun" {
    reason = "makes the tunnel's interface"
  }
  privilege "network" "publish" {
    reason = "WireGuard speaks UDP, which Tor doesn't carry: devices reach it without Tor"
  }

  limits {
    size   = "6MiB"
    memory = "128MiB"
    pids   = 64
  }

  test "first-start" {
    client = <<-EOT
      # The service made its own key, and the interface is up.
      until ip link show dev wg0 | grep -q '[<,]UP[,>]'; do sleep 0.1; done
      [ "$(stat -c '%a %u' /etc/wireguard/wg0.conf)" = "600 10820" ]
      ip address show dev wg0 | grep 'inet 10.82.0.1/24'
    EOT
  }

  test "handshake" {
    setup  = <<-EOT
      PATH=$PATH:/service/usr/bin
      cd /root
      for name in service device stranger; do
        head -c 32 /dev/urandom | base64 >$name.key
        wg-pubkey <$name.key >$name.pub
      done
      cat >/etc/wireguard/wg0.conf <<CONF
      [Interface]
      PrivateKey = $(cat service.key)
      Address = 10.82.0.1/24 # of the service
      ListenPort = 51820
      [Peer]
      PublicKey = $(cat device.pub)
      AllowedIPs = 10.82.0.2/32, 10.83.0.0/16
      CONF
      chown 10820 /etc/wireguard/wg0.conf
    EOT
    client = <<-EOT
      PATH=$PATH:/service/usr/bin
      export WG_PROCESS_FOREGROUND=1
      cd /root
      hex() { base64 -d <"$1" | hexdump -v -e '/1 "%02x"'; }
      # tell INTERFACE hands lines to a daemon; get INTERFACE prints its state.
      tell() { nc -w 1 "local:/run/wireguard/$1.sock"; }
      get() { printf 'get=1\n\n' | tell "$1"; }
      # connect INTERFACE NAME makes a device with the named key, which calls the service.
      connect() {
        wireguard-go -f "$1" &
        until [ -S "/run/wireguard/$1.sock" ]; do sleep 0.1; done
        printf 'set=1\nprivate_key=%s\npublic_key=%s\nendpoint=127.0.0.1:51820\nallowed_ip=10.82.0.1/32\npersistent_keepalive_interval=1\n\n' \
          "$(hex "$2.key")" "$(hex service.pub)" | tell "$1" | grep -x errno=0
        ip link set dev "$1" up
      }
      # The file became the interface's address and routes.
      until ip link show dev wg0 | grep -q '[<,]UP[,>]'; do sleep 0.1; done
      ip address show dev wg0 | grep 'inet 10.82.0.1/24'
      until ip route | grep '^10.83.0.0/16 dev wg0'; do sleep 0.1; done
      get wg0 | grep -x listen_port=51820

      # Two daemons shake hands, and packets arrive.
      connect wg1 device
      until get wg1 | grep -E '^last_handshake_time_sec=[1-9]'; do sleep 0.1; done
      until get wg0 | grep -E '^rx_bytes=[1-9]'; do sleep 0.1; done
      get wg0 | grep -E '^last_handshake_time_sec=[1-9]'
      get wg0 | grep -x "public_key=$(hex device.pub)"

      # A stranger gets no answer.
      connect wg2 stranger
      sleep 2
      get wg2 | grep -E '^tx_bytes=[1-9]'
      get wg2 | grep -x rx_bytes=0
      get wg2 | grep -x last_handshake_time_sec=0
      kill $(jobs -p)
    EOT
  }

  labels = {
    "org.opencontainers.image.source" = "https://git.zx2c4.com/wireguard-go"
  }
  annotations = {
    "org.opencontainers.image.source" = "https://git.zx2c4.com/wireguard-go"
  }
}
