package builder

import (
	"context"
	"fmt"
	"os"
	"testing"

	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

func TestMain(m *testing.M) {
	if code, ok := Child(); ok {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// need fails the test in CI, where everything has to be there, and skips it with
// the reason elsewhere.
func need(t *testing.T, ok bool, what string) {
	t.Helper()
	if ok {
		return
	}
	if os.Getenv("TAILSBUILD_REQUIRE_ALL") != "" || os.Getenv("CI") != "" {
		t.Fatalf("this machine lacks %s", what)
	}
	t.Skipf("this machine lacks %s", what)
}

// needBuilders skips a test that starts real daemons where they can't run.
func needBuilders(t *testing.T) {
	t.Helper()
	need(t, !rootless() || checkRootless() == nil, "root, or user namespaces")
	for _, v := range variations {
		_, err := findRuntime(v.Runtime)
		need(t, err == nil, v.Runtime)
	}
}

// alpine is the base that the tests build on: the real mini root file system.
const alpine = `base "alpine-3.19" {
  version = "3.19.4"
  epoch   = 1725621600
  rootfs {
    url = "https://dl-cdn.alpinelinux.org/alpine/v3.19/releases/${arch}/alpine-minirootfs-${self.version}-${arch}.tar.gz"
  }
}
`

// alpineInput is the lock's entry for it, with the sum that Alpine published.
var alpineInput = lock.Input{
	Kind:   lock.KindRootfs,
	Name:   "alpine-3.19",
	Arch:   "x86_64",
	URL:    "https://dl-cdn.alpinelinux.org/alpine/v3.19/releases/x86_64/alpine-minirootfs-3.19.4-x86_64.tar.gz",
	Size:   3299369,
	SHA256: "a2a87004e87720cbb0372c08b7de9b80748afdfd7fd72d2eab2ec0b074b92211",
	DiffID: "f72e1091e2e43fb27f30dab4a9d56294d97d1d8bcf35a6911567ce05a7e3ca3a",
}

// service is a recipe on that base, with body inside its block.
func service(body string) string {
	return "service \"try\" {\n  version = \"1\"\n  epoch   = 1740000000\n  summary = \"a test\"\n  license = \"MIT\"\n  base    = \"alpine-3.19\"\n" + body + "\n}\n"
}

func decode(t *testing.T, src string) *recipe.Recipe {
	t.Helper()
	r, diags := recipe.Decode("recipe.hcl", []byte(src), recipe.Env{Arch: "x86_64"})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return r
}

// planOf is the plan of a service and the base above.
func planOf(t *testing.T, src string, more ...lock.Input) *Plan {
	t.Helper()
	r := decode(t, src)
	lk := &lock.File{Recipe: r.Name, Output: lock.CurrentOutput(), Inputs: append([]lock.Input{alpineInput}, more...)}
	p, err := NewPlan([]*recipe.Recipe{r, decode(t, alpine)}, lk, "x86_64", nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// testOptions give a build a store with the real rootfs and a folder to work in.
func testOptions(t *testing.T) Options {
	t.Helper()
	store, err := inputs.OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	const cdn = "https://dl-cdn.alpinelinux.org/alpine"
	f := &inputs.Fetcher{Store: store, Mirrors: []inputs.Mirror{{Upstream: cdn, Locations: []string{"../../shared/mirror/alpine", cdn}}}}
	err = f.Fetch(t.Context(), []lock.Input{alpineInput})
	need(t, err == nil, fmt.Sprintf("a mirror of Alpine: %v", err))
	return Options{Store: store, Work: t.TempDir()}
}

func build2(t *testing.T, src string) (*Pair, error) {
	t.Helper()
	needBuilders(t)
	return Build(context.Background(), planOf(t, src), testOptions(t))
}
