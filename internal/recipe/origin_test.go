package recipe

import (
	"fmt"
	"strings"
	"testing"
)

const originBase = `base "alpine" {
  version        = "3.20.1"
  license        = "MIT"
  end_of_support = "2026-04-01"
  packages       = ["tzdata"]
  rootfs {
    url = "https://example.org/rootfs.tar.gz"
  }
}
`

const originService = `service "mqtt" {
  version = "1.0"
  license = "MIT"
  base    = "alpine"
  packages = ["mosquitto"]

  toolchain "go" { version = "1.26.0" }
  build {
    run = <<-EOT
      # date is not asked here
      cd "$SRC_MQTT"
      go build -o "$OUT/usr/bin/mqtt" .
      go build -o "$OUT/usr/bin/other" ./other
      hostname >"$OUT/etc/builder"
      date >"$OUT/etc/built"
    EOT
  }
  user "mqtt" {
    uid  = 1000
    home = "/var/lib/mqtt"
  }
  file "/etc/mqtt.conf" {
    content = "x"
  }
  runtime {
    user       = "mqtt"
    entrypoint = ["/usr/bin/mqtt"]
    volume "/data" {}
  }
}
`

// TestOrigin: each place of an image leads to the lines that put it there.
func TestOrigin(t *testing.T) {
	service, _ := Decode("mqtt/recipe.hcl", []byte(originService), Env{})
	base, _ := Decode("alpine/recipe.hcl", []byte(originBase), Env{})
	if service == nil || base == nil || service.Build == nil || base.Rootfs == nil {
		t.Fatal("the recipes can't be read")
	}
	for _, c := range []struct {
		place string
		words []string
		file  string
		text  string // the beginning of the line
	}{
		{"layer 0|etc/issue|content", nil, "alpine", "rootfs"},
		{"layer 1|usr/share/zoneinfo/UTC|mtime", nil, "alpine", "packages"},
		{"layer 2|usr/bin/mqtt|content|.gopclntab", []string{"go build"}, "mqtt", `go build -o "$OUT/usr/bin/mqtt"`},
		{"layer 2|usr/bin/other|content", []string{"go build"}, "mqtt", `go build -o "$OUT/usr/bin/other"`},
		{"layer 2|etc/builder|content", []string{"hostname"}, "mqtt", "hostname"},
		{"layer 2|etc/built|content", []string{"date"}, "mqtt", "date >"},
		{"layer 2|usr/share/unknown|content", []string{"hostname"}, "mqtt", "hostname"},
		{"layer 2|usr/share/unknown|content", nil, "mqtt", "run"},
		{"layer 2|etc/mqtt.conf|mode", []string{"umask"}, "mqtt", `file "/etc/mqtt.conf"`},
		{"layer 2|etc/shadow|content", nil, "mqtt", `user "mqtt"`},
		{"layer 2|var/lib/mqtt/|mode", []string{"umask"}, "mqtt", `user "mqtt"`},
		{"layer 2|data/|mode", []string{"umask"}, "mqtt", "runtime"},
		{"layer 2|lib/apk/db/installed|content", nil, "mqtt", "packages"},
		{"config|created", nil, "mqtt", "runtime"},
	} {
		layer, name := LayerConfig, ""
		if _, err := fmt.Sscanf(c.place, "layer %d", &layer); err == nil {
			name = strings.Split(c.place, "|")[1]
		}
		r, rng := Origin([]*Recipe{service, base}, layer, name, c.words)
		line := strings.TrimSpace(strings.Split(string(r.Bytes), "\n")[max(rng.Start.Line, 1)-1])
		if r.Name != c.file || !strings.HasPrefix(line, c.text) {
			t.Errorf("%s with %q: got %s:%d, %q", c.place, c.words, r.Name, rng.Start.Line, line)
		}
	}
}
