service "croc" {
  version  = "10.7.0"
  release  = 0
  epoch    = 1785261955 # when v10.7.0 was tagged
  summary  = "Relay for sending files from one computer to another, encrypted end to end, over an onion service"
  homepage = "https://github.com/schollz/croc"
  license  = "MIT"
  base     = "alpine-${var.alpine}"

  documentation = "https://github.com/schollz/croc#self-host-relay"
  client        = "croc"
  connect       = "croc --socks5 127.0.0.1:9050 --relay ADDRESS:9009 --pass PASSWORD send FILE, with the password that is on the volume. The receiver gives the same options."

  source "go_module" "croc" {
    module   = "github.com/schollz/croc/v10"
    version  = "v${self.version}"
    packages = ["."]
  }
  toolchain "go" {
    version = "1.26.8"
  }
  build {
    # At every start, a relay's too, croc looks up the names of its public relays
    # on the internet. As addresses of this machine, nothing is looked up.
    run = <<-EOT
      cd "$SRC_croc"
      models=github.com/schollz/croc/v10/src/models
      go build -trimpath -buildvcs=false \
        -ldflags="-s -w -buildid= -X $models.DEFAULT_RELAY=127.0.0.1 -X $models.DEFAULT_RELAY6=::1" \
        -o "$OUT/usr/bin/croc" .
    EOT
  }

  file "/usr/libexec/croc-start" {
    source = "files/start"
    mode   = "0755"
  }

  user "croc" {
    uid   = 10909
    home  = "/var/lib/croc"
    shell = "/sbin/nologin"
  }

  runtime {
    user        = "croc"
    entrypoint  = ["/usr/libexec/croc-start"]
    working_dir = "/var/lib/croc"

    # Clients learn the numbers of the other four from the first, so the virtual
    # ports have to be the same.
    port "relay" {
      number = 9009
      onion  = 9009
    }
    port "transfer-1" {
      number = 9010
      onion  = 9010
    }
    port "transfer-2" {
      number = 9011
      onion  = 9011
    }
    port "transfer-3" {
      number = 9012
      onion  = 9012
    }
    port "transfer-4" {
      number = 9013
      onion  = 9013
    }
    # The relay's password. Files only pass through, and are never stored.
    volume "/var/lib/croc" {
      persistent = true
    }
  }

  limits {
    size   = "11MiB"
    memory = "64MiB"
    pids   = 64
  }

  test "transfer" {
    client = <<-EOT
      export HOME=/tmp/home CROC_RELAY=127.0.0.1:9009 CROC_SECRET=seven-small-onions
      password=/var/lib/croc/password
      [ "$(stat -c %a "$password")" = 600 ]
      mkdir -p /tmp/home /tmp/sent /tmp/received
      head -c 5000000 /dev/urandom >/tmp/sent/file
      cd /tmp/received

      # Through the relay only: --no-local starts none of the sender's own.
      CROC_PASS="$password" /service/usr/bin/croc --ignore-stdin send --no-local /tmp/sent/file >../sender 2>&1 &
      sleep 2
      CROC_PASS="$password" timeout 30 /service/usr/bin/croc --ignore-stdin --yes >../receiver 2>&1 ||
        { cat ../sender ../receiver; exit 1; }
      wait
      cmp file /tmp/sent/file

      # The relay asks for its password: croc's own, which everybody knows, is refused.
      if CROC_PASS=pass123 timeout 20 /service/usr/bin/croc --ignore-stdin send --no-local /tmp/sent/file >../sender 2>&1; then
        exit 1
      fi
      tr '\r' '\n' <../sender | grep -i 'bad password'
    EOT
  }

  labels = {
    "org.opencontainers.image.source" = "https://github.com/schollz/croc"
  }
  annotations = {
    "org.opencontainers.image.source" = "https://github.com/schollz/croc"
  }
}
