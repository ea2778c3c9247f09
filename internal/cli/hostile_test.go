package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/pflag"
)

// evil is a name that would speak to a terminal, or for us: escape sequences of both
// kinds, a change of direction, and lines of its own.
const evil = "e\x1b]0;x\x07\u202e\u2066\u009b2J\rINJECTED\nINJECTED is trusted"

// clean checks that a terminal shows what was written, and acts on nothing in it, and
// that no line is one that a name has made.
func clean(t *testing.T, args []string, stdout, stderr string) {
	t.Helper()
	for _, out := range []string{stdout, stderr} {
		for line := range strings.Lines(out) {
			if strings.HasPrefix(line, "INJECTED") {
				t.Errorf("%q: a line is the name's own:\n%q", args, out)
				break
			}
		}
		for _, r := range out {
			if r != '\n' && r != '\t' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Errorf("%q: %U is in\n%q", args, r, out)
				break
			}
		}
	}
}

// TestHostileNames gives every command names that are hostile, which are nowhere: in
// every argument, and in every flag that takes a text.
func TestHostileNames(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"} {
		t.Setenv(name, t.TempDir())
	}
	t.Setenv("TAILSBUILD_PASSWORD", "")
	t.Setenv("PATH", t.TempDir()) // no engine, no git, no runtime
	n := 0
	try := func(args ...string) {
		for _, format := range []string{"text", "json"} {
			_, stdout, stderr := run(append(args, "--format", format)...)
			clean(t, args, stdout, stderr)
			n++
		}
	}
	root := newApp(nil, nil, nil).root()
	for _, cmd := range leaves(root) {
		path := strings.Fields(strings.TrimPrefix(cmd.CommandPath(), "tailsbuild "))
		if path[0] == "completion" || path[0] == "help" {
			continue
		}
		for _, args := range [][]string{{evil}, {evil, evil}, {evil, "registry.example/" + evil + ":1"}, {"--" + evil}, {"--format=" + evil}} {
			try(append(slices.Clone(path), args...)...)
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Value.Type() == "bool" || f.Name == "format" {
				return
			}
			for _, more := range [][]string{nil, {"a"}, {evil}} {
				try(append(append(slices.Clone(path), "--"+f.Name, evil), more...)...)
			}
		})
	}
	try(evil)
	try("trust", evil)
	t.Logf("%d command lines", n)
}

// TestHostileFolders: the same of folders and files that are there.
func TestHostileFolders(t *testing.T) {
	p := publish(t)
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	dir := filepath.Join(t.TempDir(), evil)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		check(os.MkdirAll(filepath.Dir(path), 0o755))
		check(os.WriteFile(path, []byte(content), 0o644))
		return path
	}
	good := filepath.Join(dir, evil+"good")
	unsigned := filepath.Join(dir, evil+"unsigned")
	check(os.CopyFS(good, os.DirFS(p.dir)))
	check(os.CopyFS(unsigned, os.DirFS(p.dir+"-unsigned")))
	broken := filepath.Join(dir, evil+"broken")
	check(os.CopyFS(broken, os.DirFS(p.dir)))
	check(os.WriteFile(filepath.Join(broken, "index.json"), []byte(`{"schemaVersion":2,"manifests":[],"`+strings.Trim(fmt.Sprintf("%q", evil), `"`)+`":1}`), 0o644))
	key := file(evil+".pub", string(must[[]byte](t)(os.ReadFile(p.key))))
	policy := file(evil+".hcl", string(must[[]byte](t)(os.ReadFile(policyOf(t, "mqtt", p.key)))))
	wrong := file(evil+"wrong.hcl", "scope \""+strings.ReplaceAll(evil, "\n", "")+"\" {\n  trust_root = \"\u202ex\"\n}\nx\x1b = 1\n")
	file(evil+"_test.hcl", "test \"x\" {\n  image = \"mqtt\"\n  expect = \"trusted\"\n}\n")
	file("recipes/"+evil+"/recipe.hcl", "base \"x\" {\n")
	file("recipes/tailsbuild.hcl", "")
	recipes := filepath.Join(dir, "recipes")
	cache := filepath.Join(dir, "cache"+evil)
	trust := filepath.Join(dir, "trust"+evil)

	for _, args := range [][]string{
		{"verify", good, "--key", key},
		{"verify", unsigned, "--key", key},
		{"verify", broken, "--key", key},
		{"verify", good, "--key", policy},
		{"verify", good, "--policy", policy, "--cache", cache},
		{"verify", good, unsigned, broken, "--policy", policy},
		{"verify", good, "--policy", policy, "--reference", evil},
		{"verify", good, "--policy", wrong},
		{"verify", good, "--policy", good},
		{"compare", good, unsigned},
		{"compare", good, good},
		{"compare", good, broken},
		{"policy", "check", policy},
		{"policy", "check", wrong},
		{"policy", "test", policy},
		{"policy", "explain", policy, evil},
		{"policy", "explain", policy, "mqtt"},
		{"policy", "export", policy, "--for", "podman"},
		{"policy", "export", policy, "--for", "kyverno"},
		{"push", good, p.repo + ":1", "--key", key},
		{"push", broken, p.repo + ":1"},
		{"push", unsigned, p.repo + ":1"},
		{"fmt", policy},
		{"fmt", wrong},
		{"fmt", "--recipes", recipes},
		{"validate", "--recipes", recipes},
		{"graph", "--recipes", recipes},
		{"lock", "--all", "--recipes", recipes, "--offline"},
		{"plan", evil, "--recipes", recipes},
		{"trust", "init", "--dir", trust, "--root-key", key, "--snapshot-key", key, "--timestamp-key", key, "--threshold", "1"},
		{"trust", "status", "--dir", trust},
		{"trust", "show", "--dir", trust, "--staged"},
		{"trust", "show", key, "--dir", trust},
		{"trust", "delegate", evil, "--key", key, "--dir", trust},
		{"trust", "add", good, "--key", key, "--dir", trust},
		{"key", "new", "--out", filepath.Join(dir, evil+"new")},
		{"key", "show", key},
	} {
		for _, format := range []string{"text", "json"} {
			_, stdout, stderr := run(append(args, "--format", format)...)
			if stdout+stderr == "" && args[0] != "fmt" { // the second time
				t.Errorf("%q says nothing", args)
			}
			clean(t, args, stdout, stderr)
		}
	}
}
