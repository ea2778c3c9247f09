service "registry" {
  version  = "3.1.2"
  release  = 0
  epoch    = 1790250209 # when v3.1.2 was tagged
  summary  = "Registry for container images and releases of tailsbuild, over an onion service"
  homepage = "https://distribution.github.io/distribution/"
  license  = "Apache-2.0"
  base     = "alpine-${var.alpine}"

  documentation = "https://distribution.github.io/distribution/"
  client        = "tailsbuild, podman or any other client of the OCI distribution protocol"
  connect       = "http://ADDRESS through Tor's SOCKS proxy; the onion service's client authorization decides who may, pushing included."

  source "go_module" "registry" {
    module   = "github.com/distribution/distribution/v3"
    version  = "v${self.version}"
    packages = ["./registry", "./registry/storage/driver/filesystem"]
  }
  toolchain "go" {
    version = "1.26.8"
  }
  build {
    # Of upstream's program, only what the configuration uses is linked: no clients
    # of clouds, no profiler, and no ways to authenticate that aren't set up.
    run = <<-EOT
      cd "$SRC_registry"
      sed -i -E \
        -e '\#"net/http/pprof"#d' \
        -e '\#/registry/(auth|proxy)#d' \
        -e '\#/storage/driver/(azure|gcs|inmemory|middleware|s3-aws)#d' \
        cmd/registry/main.go
      go build -trimpath -buildvcs=false \
        -ldflags="-s -w -buildid= -X github.com/distribution/distribution/v3/version.version=v${self.version}" \
        -o "$OUT/usr/bin/registry" ./cmd/registry
    EOT
  }

  file "/etc/registry/config.yml" {
    source = "files/config.yml"
  }

  user "registry" {
    uid   = 10500
    home  = "/var/lib/registry"
    shell = "/sbin/nologin"
  }

  runtime {
    user       = "registry"
    entrypoint = ["/usr/bin/registry", "serve", "/etc/registry/config.yml"]
    env = {
      # Traces of requests would be sent to whom the defaults name.
      OTEL_TRACES_EXPORTER = "none"
      # Less than the limit, so that memory is collected before the kernel ends it.
      GOMEMLIMIT = "96MiB"
    }

    port "http" {
      number = 5000
      onion  = 80
    }
    volume "/var/lib/registry" {
      persistent = true
    }
  }

  limits {
    size   = "14MiB"
    memory = "128MiB"
    pids   = 64
  }

  test "push-and-pull" {
    client = <<-EOT
      # request METHOD PATH FILE TYPE sends the file, and prints the answer.
      request() {
        {
          printf '%s %s HTTP/1.1\r\nHost: registry\r\nConnection: close\r\n' "$1" "$2"
          printf 'Content-Type: %s\r\nContent-Length: %s\r\n\r\n' "$4" "$(wc -c <"$3")"
          cat "$3"
        } | nc -w 10 127.0.0.1 5000 | tr -d '\r'
      }
      get() { wget -q -O - --header 'Accept: application/vnd.oci.image.manifest.v1+json' "http://127.0.0.1:5000/v2/$1"; }
      digest() { echo "sha256:$(sha256sum "$1" | cut -d ' ' -f 1)"; }
      # push FILE DIGEST uploads a blob, and prints the status.
      push() {
        location=$(request POST /v2/some/image/blobs/uploads/ /dev/null none | sed -n 's/^Location: //p')
        # A path, as the onion address isn't known to the registry.
        case "$location" in /v2/*) ;; *) echo "Location: $location"; exit 1 ;; esac
        request PUT "$location&digest=$2" "$1" application/octet-stream | head -n 1
      }
      cd /tmp
      printf '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}' >config
      head -c 3000000 /dev/urandom >layer
      push config "$(digest config)" | grep ' 201 '
      push layer "$(digest layer)" | grep ' 201 '

      cat >manifest <<MANIFEST
      {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
      "config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"$(digest config)","size":$(wc -c <config)},
      "layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"$(digest layer)","size":$(wc -c <layer)}]}
      MANIFEST
      request PUT /v2/some/image/manifests/1 manifest application/vnd.oci.image.manifest.v1+json | grep ' 201 '

      # What is read back is what was pushed.
      get some/image/manifests/1 | cmp - manifest
      get "some/image/manifests/$(digest manifest)" | cmp - manifest
      get "some/image/blobs/$(digest layer)" | cmp - layer
      get some/image/tags/list | grep -F '{"name":"some/image","tags":["1"]}'
      # And it is on the volume.
      find /var/lib/registry -name data -size +2900k | grep -q .

      # A blob under another's digest is refused, and so is a manifest without its blobs.
      push config "$(digest manifest)" | grep ' 400 '
      sed 's/"digest":"sha256:..../"digest":"sha256:0000/' manifest >broken
      request PUT /v2/some/image/manifests/2 broken application/vnd.oci.image.manifest.v1+json | grep ' 40[04] '
      if get some/image/manifests/2; then exit 1; fi

      # No debug endpoint, on its usual port or on this one.
      if nc -z 127.0.0.1 5001; then exit 1; fi
      for path in metrics debug/health debug/pprof/; do
        if wget -q -O - "http://127.0.0.1:5000/$path"; then exit 1; fi
      done
    EOT
  }

  labels = {
    "org.opencontainers.image.source" = "https://github.com/distribution/distribution"
  }
  annotations = {
    "org.opencontainers.image.source" = "https://github.com/distribution/distribution"
  }
}
