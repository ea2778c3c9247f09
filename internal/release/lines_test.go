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

const tracedService = `service "mqtt" {
  version = "1.0"
  base    = "alpine"
  build {
    run = <<-EOT
      cd "$SRC_MQTT"
      hostname >"$OUT/etc/host"
    EOT
  }
}
`

// TestTraced: what differs is explained by what varied, and with the recipe's line.
func TestTraced(t *testing.T) {
	b, dist := pair(t, "host: build-a", "host: build-b")
	service, _ := recipe.Decode("mqtt/recipe.hcl", []byte(tracedService), recipe.Env{})
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
