service "caddy" {
  version  = "2.11.9"
  release  = 0
  epoch    = 1793833511 # when v2.11.9 was tagged
  summary  = "Web server for a site of plain files, over an onion service"
  homepage = "https://caddyserver.com/"
  license  = "Apache-2.0"
  base     = "alpine-${var.alpine}"

  documentation = "https://caddyserver.com/docs/"
  client        = "Tor Browser"
  connect       = "http://ADDRESS in Tor Browser. Put the site's files into the volume, below /srv/www."

  source "go_module" "caddy" {
    module  = "github.com/caddyserver/caddy/v2"
    version = "v${self.version}"
    packages = [
      "./cmd",
      "./caddyconfig/caddyfile",
      "./caddyconfig/httpcaddyfile",
      "./modules/caddyhttp",
      "./modules/caddyhttp/encode",
      "./modules/caddyhttp/encode/gzip",
      "./modules/caddyhttp/fileserver",
      "./modules/caddyhttp/headers",
      "./modules/caddyhttp/rewrite",
      "./modules/logging",
    ]
  }
  toolchain "go" {
    version = "1.26.8"
  }
  build {
    # Upstream's main.go says where to choose modules. These are what serving files
    # takes: no proxy, no templates, no server of certificates, no tracing.
    run = <<-EOT
      cd "$SRC_caddy"
      cat > cmd/caddy/main.go <<'GO'
      package main

      import (
      	caddycmd "github.com/caddyserver/caddy/v2/cmd"

      	_ "github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
      	_ "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
      	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp"
      	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/encode"
      	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/encode/gzip"
      	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/fileserver"
      	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
      	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"
      	_ "github.com/caddyserver/caddy/v2/modules/logging"
      )

      func main() { caddycmd.Main() }
      GO
      go build -trimpath -buildvcs=false \
        -ldflags="-s -w -buildid= -X github.com/caddyserver/caddy/v2.CustomVersion=v${self.version}" \
        -o "$OUT/usr/bin/caddy" ./cmd/caddy
    EOT
  }

  file "/etc/caddy/Caddyfile" {
    source = "files/Caddyfile"
  }

  user "caddy" {
    uid   = 10080
    shell = "/sbin/nologin"
  }

  runtime {
    user       = "caddy"
    entrypoint = ["/usr/bin/caddy", "run", "--config", "/etc/caddy/Caddyfile"]
    # Less than the limit, so that memory is collected before the kernel ends it.
    env = { GOMEMLIMIT = "96MiB" }

    port "http" {
      number = 8080
      onion  = 80
    }
    volume "/srv/www" {
      persistent = true
    }
  }

  limits {
    size   = "24MiB"
    memory = "128MiB"
    pids   = 64
  }

  test "configuration" {
    run = ["/usr/bin/caddy", "validate", "--config", "/etc/caddy/Caddyfile"]
  }

  test "page" {
    setup  = <<-EOT
      cd /srv/www
      mkdir folder
      echo '<h1>An onion</h1>' >index.html
      echo secret >.secret
      echo secret >folder/file
    EOT
    client = <<-EOT
      wget -q -O - http://127.0.0.1:8080/ | cmp - /srv/www/index.html
      wget -q -O - http://127.0.0.1:8080/folder/file | grep -qx secret

      # ask PATH prints the whole answer.
      ask() { printf 'GET %s HTTP/1.0\r\nHost: example.onion\r\n\r\n' "$1" | nc -w 5 127.0.0.1 8080 | tr -d '\r'; }
      ask / >answer
      cat answer
      grep -q '^HTTP/1.0 200 ' answer
      grep -qx 'Referrer-Policy: no-referrer' answer

      # No hidden files, no listings, nothing outside.
      ask /folder/ | grep -q '^HTTP/1.0 404 '
      ask /.secret >error
      grep -q '^HTTP/1.0 404 ' error
      if grep -i '^server:' answer error; then exit 1; fi
      ask /../../etc/passwd >answer
      if grep root: answer; then exit 1; fi

      # Neither the admin endpoint nor TLS.
      for port in 80 443 2019; do
        if nc -z 127.0.0.1 "$port"; then exit 1; fi
      done
    EOT
  }

  labels = {
    "org.opencontainers.image.source" = "https://github.com/caddyserver/caddy"
  }
  annotations = {
    "org.opencontainers.image.source" = "https://github.com/caddyserver/caddy"
  }
}
