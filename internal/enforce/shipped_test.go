package enforce

import (
	"os"
	"strings"
	"testing"

	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
)

// TestShipped: the policies that come with tailsbuild are by trust roots, which
// containerd alone can ask. With signers in a scope, as docs/enforce.md adds them, the
// others are told of its images.
func TestShipped(t *testing.T) {
	const image, scope = "registry.example/tails/mqtt", "scope \"registry.example/tails/**\" {\n"
	write := func(src string, engine Engine) (*Export, error) {
		t.Helper()
		p, diags := policy.Decode("policy.hcl", []byte(src))
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		return Write(p, []byte(src), engine, Options{Images: []string{image}})
	}
	sources := map[string]string{}
	for _, name := range []string{"warn", "only-our-registry"} {
		b, err := os.ReadFile("../../policies/" + name + ".hcl")
		if err != nil {
			t.Fatal(err)
		}
		sources[name] = string(b)
		for _, engine := range Engines() {
			if _, err := write(sources[name], Engine(engine)); (err == nil) != (Engine(engine) == Containerd) {
				t.Errorf("%s for %s: %v", name, engine, err)
			}
		}
	}
	with := strings.Replace(sources["warn"], scope, signer("us")+scope+"  signers          = [\"us\"]\n", 1)
	for _, engine := range Engines() {
		e, err := write(with, Engine(engine))
		if err != nil {
			t.Errorf("warn for %s, with signers: %v", engine, err)
			continue
		}
		var all strings.Builder
		for _, f := range e.Files {
			all.Write(f.Content)
		}
		if Engine(engine) != Containerd && !strings.Contains(all.String(), "tails/mqtt") {
			t.Errorf("warn for %s, with signers: not a word of %s:\n%s", engine, image, &all)
		}
	}
}
