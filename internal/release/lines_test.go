package release

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

const tracedBase = `base "alpine" {
  version        = "3.20.1"
  license        = "MIT"
  end_of_support = "2026-04-01"
  packages       = ["tzdata"]
  rootfs {
    url = "https://example.org/rootfs.tar.gz"
  }
}
`

const tracedService = `service "mqtt" {
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
	service, _ := recipe.Decode("mqtt/recipe.hcl", []byte(tracedService), recipe.Env{})
	base, _ := recipe.Decode("alpine/recipe.hcl", []byte(tracedBase), recipe.Env{})
	if service == nil || base == nil || service.Build == nil || base.Rootfs == nil {
		t.Fatal("the recipes can't be read")
	}
	for _, c := range []struct {
		place string
		why   cause.Name
		file  string
		text  string // the beginning of the line
	}{
		{"layer 0|etc/issue|content", cause.Timestamp, "alpine", "rootfs"},
		{"layer 1|usr/share/zoneinfo/UTC|mtime", cause.Timestamp, "alpine", "packages"},
		{"layer 2|usr/bin/mqtt|content|.gopclntab", cause.BuildPath, "mqtt", `go build -o "$OUT/usr/bin/mqtt"`},
		{"layer 2|usr/bin/other|content", cause.BuildPath, "mqtt", `go build -o "$OUT/usr/bin/other"`},
		{"layer 2|etc/builder|content", cause.Hostname, "mqtt", "hostname"},
		{"layer 2|etc/built|content", cause.Epoch, "mqtt", "date >"},
		{"layer 2|usr/share/unknown|content", cause.Hostname, "mqtt", "hostname"},
		{"layer 2|usr/share/unknown|content", cause.Unknown, "mqtt", "run"},
		{"layer 2|etc/mqtt.conf|mode", cause.Umask, "mqtt", `file "/etc/mqtt.conf"`},
		{"layer 2|etc/shadow|content", cause.ShadowDay, "mqtt", `user "mqtt"`},
		{"layer 2|var/lib/mqtt/|mode", cause.Umask, "mqtt", `user "mqtt"`},
		{"layer 2|data/|mode", cause.Umask, "mqtt", "runtime"},
		{"layer 2|lib/apk/db/installed|content", cause.Unknown, "mqtt", "packages"},
		{"config|created", cause.Timestamp, "mqtt", "runtime"},
	} {
		r, rng := origin([]*recipe.Recipe{service, base}, strings.Split(c.place, "|"), c.why)
		line := strings.TrimSpace(strings.Split(string(r.Bytes), "\n")[max(rng.Start.Line, 1)-1])
		if r.Name != c.file || !strings.HasPrefix(line, c.text) {
			t.Errorf("%s because of %s: got %s:%d, %q", c.place, c.why, r.Name, rng.Start.Line, line)
		}
	}
}

// TestTraced: what differs is explained by what varied, and with the recipe's line.
func TestTraced(t *testing.T) {
	b, dist := pair(t, "host: build-a", "host: build-b")
	service, _ := recipe.Decode("mqtt/recipe.hcl", []byte(strings.ReplaceAll(tracedService, "etc/builder", "etc/host")), recipe.Env{})
	if service == nil {
		t.Fatal("the recipe can't be read")
	}
	b.Closure[0], b.Recipes = service, "recipes"
	_, err := Create(ctx, b, Options{Dir: filepath.Join(dist, "mqtt")})
	var different *DifferentError
	if !errors.As(err, &different) {
		t.Fatal(err)
	}
	var found *diffoscope.Cause
	for i, c := range different.Comparison.Causes {
		if c.Name == cause.Hostname {
			found = &different.Comparison.Causes[i]
		}
	}
	if found == nil || found.Confidence != cause.Certain || found.A != "build-a" || found.B != "build-b" {
		t.Fatalf("got %+v", different.Comparison.Causes)
	}
	lines := strings.Split(tracedService, "\n")
	if want := "recipes/mqtt/recipe.hcl:"; !strings.HasPrefix(found.Source, want) || !strings.Contains(lines[lineOf(t, found.Source)-1], "hostname") {
		t.Errorf("it comes from %s", found.Source)
	}
	if _, err := os.Stat(different.Report); err != nil {
		t.Error(err)
	}
}

func lineOf(t *testing.T, source string) int {
	n := 0
	_, after, _ := strings.Cut(source, ":")
	for _, c := range after {
		n = 10*n + int(c-'0')
	}
	if n < 1 {
		t.Fatalf("%s has no line", source)
	}
	return n
}
