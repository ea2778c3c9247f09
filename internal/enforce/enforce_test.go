package enforce

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
)

var update = flag.Bool("update", false, "write the golden files anew")

// signer returns a signer with one of two keys.
func signer(name string) string {
	public := map[string]string{
		"us": `MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE03nfFvNlCCNA4NhMIu8kHO60LXkr
    VPXiyKMQYbCBMbk1h7UqCrXxvG3dq4jEv82yG/QJ9CVmvuD8b0shpmFsRg==`,
		"them": `MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAElMZ1VoK65yb8hhSDaiS2G7F7nI+l
    Ut2FH9tGE9nbKc9ipbtFaOwBStR31t523/ARHmGxHM+hDiE4jVDcLuJFgw==`,
	}[name]
	return fmt.Sprintf("signer %q {\n  organisation = %q\n  key \"2026\" {\n    public = <<-EOT\n    -----BEGIN PUBLIC KEY-----\n    %s\n    -----END PUBLIC KEY-----\n    EOT\n  }\n}\n", name, name, public)
}

const trustRoot = "trust_root \"root\" {\n  organisation = \"us\"\n  root = \"root.json\"\n}\n"

// decode returns the policy of src, with a trust root and two signers before it.
func decode(t testing.TB, src string) (*policy.Policy, []byte) {
	t.Helper()
	src = trustRoot + signer("us") + signer("them") + src
	p, diags := policy.Decode("policy.hcl", []byte(src))
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return p, []byte(src)
}

func scope(pattern, rest string) string { return fmt.Sprintf("scope %q {\n%s\n}\n", pattern, rest) }

const byUs, byThem, byBoth = `signers = ["us"]`, `signers = ["them"]`, `signers = ["us", "them"]`

// example is a policy that every engine can be told of.
var example = scope("registry.example/services/mqtt", byBoth) +
	scope("registry.example/tails", `
  signers    = ["us"]
  trust_root = "root"
  size       = "64MiB"
  unsigned   = "ask"
  foreign    = "warn"
  rebuilders {
    minimum       = 1
    organisations = ["riseup"]
  }`) +
	scope("registry.example/tails/**", byUs) +
	scope("registry.example/tails/old", byThem) +
	scope("*", byUs) + `
rebuilder "riseup" {
  organisation = "riseup"
  builder      = "https://rebuild.example/v1"
  key "2026" {
    public = <<-EOT
    -----BEGIN PUBLIC KEY-----
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt
    6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==
    -----END PUBLIC KEY-----
    EOT
  }
}
`

func TestGolden(t *testing.T) {
	p, src := decode(t, example)
	for _, engine := range Engines() {
		t.Run(engine, func(t *testing.T) {
			e, err := Write(p, src, Engine(engine), Options{})
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			for _, f := range e.Files {
				fmt.Fprintf(&b, "-- %s (%v) --\n%s", f.Path, f.Mode, f.Content)
			}
			for _, n := range e.Notes {
				fmt.Fprintf(&b, "note: %s\n", n)
			}
			golden := filepath.Join("testdata", engine+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestParse: each file is one of its format.
func TestParse(t *testing.T) {
	p, src := decode(t, example)
	for _, engine := range Engines() {
		e, err := Write(p, src, Engine(engine), Options{Prefix: "/opt/x-1"})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range e.Files {
			switch path := f.Path; filepath.Ext(path) {
			case ".json":
				var v map[string]any
				if err := json.Unmarshal(f.Content, &v); err != nil {
					t.Errorf("%s: %v", path, err)
				}
			case ".yaml":
				documents(t, f.Content)
			}
			if strings.Contains(string(f.Content), `"/etc/`) || strings.Contains(string(f.Content), " /etc/") {
				t.Errorf("%s names a path without the prefix:\n%s", f.Path, f.Content)
			}
		}
	}
}

func documents(t *testing.T, src []byte) []map[string]any {
	t.Helper()
	var all []map[string]any
	dec := yaml.NewDecoder(strings.NewReader(string(src)))
	for {
		var v map[string]any
		if err := dec.Decode(&v); err != nil {
			if len(all) == 0 {
				t.Fatalf("%v in\n%s", err, src)
			}
			return all
		}
		all = append(all, v)
	}
}

// TestRefused: what an engine can't say exactly is not said at all.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		engine Engine
		policy string
		images []string
		want   string
	}{
		"star":               {Podman, scope("r.example/a/*", byUs), nil, "no other pattern"},
		"prefix":             {Podman, scope("r.example/a-*", byUs), nil, "no other pattern"},
		"host":               {Podman, scope("*.example/**", byUs), nil, "no other pattern"},
		"folder alone":       {Podman, scope("r.example/a/**", byUs), nil, `is for the repository "r.example/a", too`},
		"folder of others":   {Podman, scope("r.example/a", byThem) + scope("r.example/a/**", byUs), nil, "different signers"},
		"inside of others":   {Podman, scope("r.example/a/b", byThem) + scope("r.example/a/**", byUs) + scope("r.example/a", byUs), nil, "different signers"},
		"trust root alone":   {Podman, scope("r.example/a", `trust_root = "root"`), nil, "no signers"},
		"docker hub":         {Kyverno, scope("docker.io/x/**", byUs), nil, "several names"},
		"folders":            {PolicyController, scope("*", byUs), nil, "no scope is for images in registries"},
		"no scope":           {Podman, scope("r.example/a/*", byUs), []string{"r.example/b/c:1"}, "no scope of the policy"},
		"no registry":        {Podman, scope("*", byUs), []string{"mqtt"}, "no registry"},
		"suffix":             {PolicyController, scope("r.example/*-a", byUs), nil, "tags as well"},
		"hub's pattern":      {PolicyController, scope("*/*", byUs), nil, "Docker Hub"},
		"overlap":            {PolicyController, scope("r.example/a", byUs) + scope("r.example/*", byThem), nil, "ask for both"},
		"overlap by wider *": {Kyverno, scope("r.example/a/*", byUs) + scope("r.example/a/b/*", byThem), nil, "ask for both"},
	} {
		t.Run(name, func(t *testing.T) {
			p, src := decode(t, c.policy)
			e, err := Write(p, src, c.engine, Options{Images: c.images})
			var scopeErr *ScopeError
			if !errors.As(err, &scopeErr) || !strings.Contains(err.Error(), c.want) || scopeErr.Fix == "" {
				t.Fatalf("got %v and %v, want an error with %q", e, err, c.want)
			}
			if e != nil {
				t.Error("there is a configuration beside the error")
			}
		})
	}
}

func TestPrefix(t *testing.T) {
	p, src := decode(t, example)
	for _, prefix := range []string{"x", "/x/", "/x/../y", "//x", "/x y", "/x$(y)", "/x\ny", `/"`} {
		for _, engine := range Engines() {
			_, err := Write(p, src, Engine(engine), Options{Prefix: prefix})
			var prefixErr *PrefixError
			if !errors.As(err, &prefixErr) {
				t.Errorf("%s: prefix %q: %v", engine, prefix, err)
			}
		}
	}
}

var (
	patterns = []string{"r.example/a", "r.example/a/*", "r.example/a/**", "r.example/a-*", "r.example/**", "**", "*.example/a", "r.example:5000/a/*", "r.example/*/b"}
	names    = []string{
		"r.example/a", "r.example/ab", "r.example/a-b", "r.example/a/b", "r.example/a/b/c", "rxexample/a", "rxexample/a/b",
		"r.example.evil.example/a", "r.example/evil/a", "r.example:5000/a/b", "r.example:5000/a", "s.example/a", "r.example/x/b", "evil.example/r.example/a",
	}
	atSum = "@sha256:" + strings.Repeat("0123456789abcdef", 4)
	ends  = []string{":1", ":latest-1.x_y", atSum, ":1" + atSum}
)

// TestGlobs: what policy-controller's globs match, by its own rules, is what the
// policy's pattern does.
func TestGlobs(t *testing.T) {
	for _, pattern := range patterns {
		p, src := decode(t, scope(pattern, byUs))
		e, err := Write(p, src, PolicyController, Options{})
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		var globs []*regexp.Regexp
		for _, i := range documents(t, e.Files[0].Content)[0]["spec"].(map[string]any)["images"].([]any) {
			glob := strings.NewReplacer(".", `\.`, "**", ".*", "*", "[^/]*").Replace(i.(map[string]any)["glob"].(string))
			globs = append(globs, regexp.MustCompile("^"+glob+"$"))
		}
		for _, name := range names {
			for _, end := range ends {
				got := false
				for _, g := range globs {
					got = got || g.MatchString(name+end)
				}
				if want := p.Scope(name) != nil; got != want {
					t.Errorf("%s: %s: matches: %v, want %v", pattern, name+end, got, want)
				}
			}
		}
	}
}

// TestKyvernoNames: the first rule lets through exactly what a scope matches, and
// the others match all of it.
func TestKyvernoNames(t *testing.T) {
	for _, pattern := range append(patterns, "r.example/*-b") {
		p, src := decode(t, scope(pattern, byUs))
		e, err := Write(p, src, Kyverno, Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, after, _ := strings.Cut(string(e.Files[0].Content), "regex_match('")
		expr, _, _ := strings.Cut(after, "'")
		if strings.ContainsAny(expr, `\{}"`) {
			t.Errorf("%s: %s has a character that Kyverno takes for its own", pattern, expr)
		}
		re := regexp.MustCompile(expr)
		var wide []*regexp.Regexp
		for _, ref := range references(pattern) {
			wide = append(wide, regexp.MustCompile("^"+strings.NewReplacer(".", `\.`, "*", ".*").Replace(ref)+"$"))
		}
		for _, name := range names {
			for _, end := range ends {
				want, matched := p.Scope(name) != nil, false
				for _, w := range wide {
					matched = matched || w.MatchString(name+end)
				}
				if got := re.MatchString(name + end); got != want || want && !matched {
					t.Errorf("%s: %s: let through: %v, verified: %v, want %v", pattern, name+end, got, matched, want)
				}
			}
		}
	}
}

// TestIdentities: of who signs without a key, other engines can't be told, and are
// told of less rather than of more.
func TestIdentities(t *testing.T) {
	const identities = "sigstore \"log\" {\n  trusted_root = \"trusted_root.json\"\n}\n" +
		"signer \"ci\" {\n  organisation = \"us\"\n  identity \"ci\" {\n    sigstore = \"log\"\n    issuer = \"https://a.example\"\n    subject = \"https://a.example/b\"\n  }\n}\n"
	p, src := decode(t, identities+scope("registry.example/a", `signers = ["ci", "us"]`))
	for _, engine := range []Engine{Podman, PolicyController, Kyverno} {
		e, err := Write(p, src, engine, Options{})
		if err != nil {
			t.Fatal(engine, err)
		}
		if !slices.ContainsFunc(e.Notes, func(n Note) bool { return n.Text == "what its signers sign without a key is refused" }) {
			t.Errorf("%s: %v", engine, e.Notes)
		}
	}
	e, err := Write(p, src, Containerd, Options{})
	if err != nil || !slices.ContainsFunc(e.Notes, func(n Note) bool { return strings.Contains(n.Text, `put "trusted_root.json"`) }) {
		t.Error(e, err)
	}
	p, src = decode(t, identities+scope("registry.example/a", `signers = ["ci"]`))
	var scope *ScopeError
	if _, err := Write(p, src, Podman, Options{}); !errors.As(err, &scope) {
		t.Error(err)
	}
}
