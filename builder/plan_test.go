package builder

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// everything is a service that uses all that can be built, with its inputs.
var everything = service(`
  source "go_module" "mochi" {
    module  = "github.com/mochi-mqtt/server/v2"
    version = "v2.7.9"
  }
  source "http" "theme" {
    url   = "https://example.org/theme-1.tar.gz"
    strip = 1
  }
  toolchain "go" {
    version = "1.26.8"
  }
  build {
    run = "cd $SRC_mochi && go build -o $OUT/usr/bin/try ./cmd"
    env = {
      GOFLAGS = "-trimpath"
      A       = "1"
      B       = "2"
    }
  }
  file "/etc/try.conf" {
    content = "x = 1\n"
  }
  user "try" {
    uid  = 12000
    home = "/var/lib/try"
  }
  runtime {
    user       = "try"
    entrypoint = ["/usr/bin/try"]
    env = {
      Z = "1"
      Y = "2"
    }
    port "web" {
      number = 8080
      onion  = 80
    }
    port "more" { number = 8081 }
    volume "/srv/try" { persistent = true }
  }
  privilege "capability" "NET_BIND_SERVICE" {
    reason = "the old clients know port 80 only"
  }
  limits {
    size = "8MiB"
  }
  labels = {
    one = "1"
    two = "2"
  }
  annotations = {
    three = "3"
    four  = "4"
  }`)

var everythingInputs = []lock.Input{
	{Kind: lock.KindGoModule, Name: "mochi", Module: "github.com/mochi-mqtt/server/v2", Version: "v2.7.9", Size: 10240, SHA256: strings.Repeat("1", 64)},
	{Kind: lock.KindHTTP, Name: "theme", URL: "https://example.org/theme-1.tar.gz", Size: 1234, SHA256: strings.Repeat("2", 64)},
	{Kind: lock.KindToolchain, Name: "go", Arch: "x86_64", Module: "golang.org/toolchain", Version: "v0.0.1-go1.26.8.linux-amd64", Size: 20480, SHA256: strings.Repeat("3", 64)},
}

func TestPlanIsPure(t *testing.T) {
	first := planOf(t, everything, everythingInputs...)
	for range 50 {
		if again := planOf(t, everything, everythingInputs...); !bytes.Equal(first.JSON(), again.JSON()) {
			t.Fatalf("two plans of one recipe:\n%s\n%s", first.JSON(), again.JSON())
		}
	}
	if got, want := first.Digest(), digest.FromBytes(first.JSON()); got != want {
		t.Errorf("digest %s, want that of the encoding, %s", got, want)
	}
	commented := strings.Replace(everything, "  version = \"1\"\n", "  # a comment\n\n  version = \"1\"\n", 1)
	if got := planOf(t, commented, everythingInputs...); got.Digest() != first.Digest() {
		t.Error("a comment changes the plan's digest")
	}
}

func TestPlanChanges(t *testing.T) {
	first := planOf(t, everything, everythingInputs...).Digest()
	for _, change := range [][2]string{
		{`version = "1"`, `version = "2"`},
		{"epoch   = 1740000000", "epoch   = 1740000001"},
		{`summary = "a test"`, `summary = "another"`},
		{"strip = 1", "strip = 2"},
		{"-o $OUT", "-v -o $OUT"},
		{`A       = "1"`, `A       = "3"`},
		{`x = 1\n`, `x = 2\n`},
		{"uid  = 12000", "uid  = 12001"},
		{"onion  = 80", "onion  = 81"},
		{"persistent = true", "persistent = false"},
		{"the old clients", "some old clients"},
		{"8MiB", "9MiB"},
		{`one = "1"`, `one = "3"`},
		{`three = "3"`, `three = "1"`},
	} {
		src := strings.Replace(everything, change[0], change[1], 1)
		if src == everything {
			t.Fatalf("the recipe has no %s", change[0])
		}
		if planOf(t, src, everythingInputs...).Digest() == first {
			t.Errorf("%s for %s leaves the plan as it was", change[1], change[0])
		}
	}
	for i := range everythingInputs {
		other := append([]lock.Input(nil), everythingInputs...)
		other[i].SHA256 = strings.Repeat("4", 64)
		if planOf(t, everything, other...).Digest() == first {
			t.Errorf("another %s leaves the plan as it was", other[i].Kind)
		}
	}
}

// TestEveryVertexHasALine is what lets a failing step show the recipe's text.
func TestEveryVertexHasALine(t *testing.T) {
	p := planOf(t, everything, everythingInputs...)
	var got []string
	for _, s := range p.Steps() {
		got = append(got, fmt.Sprintf("%s:%d %s", s.Range.Filename, s.Range.Start.Line, s.Name))
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{
		"alpine-3.19/recipe.hcl:4 rootfs of alpine-3.19",
		"try/recipe.hcl:1 layer of try",
		"try/recipe.hcl:1 tree of try",
		"try/recipe.hcl:12 source theme",
		"try/recipe.hcl:12 unpack theme",
		"try/recipe.hcl:16 go 1.26.8",
		"try/recipe.hcl:20 build of try",
		"try/recipe.hcl:30 users of try",
		"try/recipe.hcl:8 source mochi",
	}, got); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if got, want := len(p.Steps()), len(p.definition.Def)-1; got != want {
		t.Errorf("%d of %d vertices have a place in the recipe", got, want)
	}
}

// TestNoStepHasANetwork looks at what any BuildKit would be told; the embedded
// daemons have no other provider anyway (TestFailingStep).
func TestNoStepHasANetwork(t *testing.T) {
	p := planOf(t, everything, everythingInputs...)
	steps := 0
	for _, b := range p.definition.Def {
		var op pb.Op
		if err := op.Unmarshal(b); err != nil {
			t.Fatal(err)
		}
		if e := op.GetExec(); e != nil {
			steps++
			if e.Network != pb.NetMode_NONE || e.Security != pb.SecurityMode_SANDBOX {
				t.Errorf("a step has network %v and security %v", e.Network, e.Security)
			}
		}
	}
	if steps != 3 {
		t.Errorf("%d steps, want 3: unpack, build, users", steps)
	}
}

func TestPlanErrors(t *testing.T) {
	base := decode(t, alpine)
	lk := func(inputs ...lock.Input) *lock.File {
		return &lock.File{Recipe: "try", Output: lock.CurrentOutput(), Inputs: inputs}
	}
	file := "  file \"/x\" {\n    content = \"x\"\n  }\n"
	var missing *lock.MissingError
	_, err := NewPlan([]*recipe.Recipe{decode(t, service(file)), base}, lk(), "x86_64", nil)
	if !errors.As(err, &missing) || len(missing.Inputs) != 1 || missing.Inputs[0].Name != "alpine-3.19" {
		t.Errorf("with an empty lock: got %v, want a MissingError for the rootfs", err)
	}
	for _, body := range []string{"  packages = [\"make\"]\n" + file, "  build {\n    run = \"make\"\n    packages = [\"make\"]\n  }\n"} {
		_, err = NewPlan([]*recipe.Recipe{decode(t, service(body)), base}, lk(alpineInput), "x86_64", nil)
		if !errors.As(err, &missing) || len(missing.Inputs) != 1 || missing.Inputs[0].Kind != lock.KindPackage {
			t.Errorf("%q: got %v, want a MissingError for the package", body, err)
		}
	}
	old := lk(alpineInput)
	old.Output.BuildKit = "v0.1.0"
	var record *OutputRecordError
	if _, err := NewPlan([]*recipe.Recipe{decode(t, service(file)), base}, old, "x86_64", nil); !errors.As(err, &record) {
		t.Errorf("with another BuildKit's lock: got %v, want an OutputRecordError", err)
	}
	for _, body := range []string{
		"",
	} {
		var notYet *NotYetError
		_, err := NewPlan([]*recipe.Recipe{decode(t, service(body)), base}, lk(alpineInput), "x86_64", nil)
		if !errors.As(err, &notYet) || notYet.Range.Start.Line == 0 {
			t.Errorf("%q: got %v, want a NotYetError with its place", body, err)
		}
	}
	if _, err := NewPlan([]*recipe.Recipe{decode(t, service(file)), base}, lk(alpineInput), "mips", nil); err == nil {
		t.Error("a plan for mips, want an error")
	}
}
