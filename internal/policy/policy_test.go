package policy

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hashicorp/hcl/v2"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

var update = flag.Bool("update", false, "write what is generated to testdata and docs")

func readFile(t testing.TB, filename string) []byte {
	t.Helper()
	src, err := os.ReadFile(filename)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func decodeFile(t testing.TB, filename string) *Policy {
	t.Helper()
	p, diags := Decode(filename, readFile(t, filename))
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return p
}

func TestDecode(t *testing.T) {
	got := decodeFile(t, "testdata/good/full.hcl")
	var keys []string
	for _, s := range got.Signers {
		for _, k := range s.Keys {
			keys = append(keys, k.Name)
			if k.ID != k.Public.ID() || got.SignerOf(k.ID, nil).Name != s.Name {
				t.Errorf("key %s: %s", k.Name, k.ID)
			}
		}
	}
	for _, r := range got.Rebuilders {
		if len(r.Keys) == 0 {
			continue
		}
		if got.RebuilderOf(r.Keys[0].ID, nil).Name != r.Name || got.SignerOf(r.Keys[0].ID, nil) != nil {
			t.Errorf("rebuilder %s", r.Name)
		}
	}
	if strings.Join(keys, " ") != "2025 2026" {
		t.Error(keys)
	}
	if got.Rebuilder("riseup") != &got.Rebuilders[0] || got.Rebuilder("") != nil {
		t.Error("another rebuilder")
	}
	if got.SignerOf("", nil) != nil || got.RebuilderOf("", nil) != nil || got.Signer("x") != nil || got.TrustRoot("") != nil {
		t.Error("found what isn't there")
	}
	want := &Policy{
		TrustRoots: []TrustRoot{{
			Name: "tails", Organisation: "tails", Root: "tails.root.json",
			Sources: []string{"https://trust.example/tails", "http://abc.onion/trust", "/media/stick/trust", "trust"},
		}},
		Sigstores: []Sigstore{{Name: "tails", TrustedRoot: "tails.trusted_root.json"}},
		Signers: []Signer{{
			Name: "onionshare", Organisation: "onionshare", Keys: got.Signers[0].Keys, Identities: []Identity{{
				Name: "ci", Sigstore: "tails", Issuer: "https://gitlab.example.org",
				Subject: "https://gitlab.example.org/onionshare/images//.gitlab-ci.yml@refs/heads/main",
			}},
		}},
		Rebuilders: []Rebuilder{
			{
				Name: "riseup", Organisation: "riseup", Builder: "https://rebuild.example/v1", Keys: got.Rebuilders[0].Keys,
				Statements:  []string{"https://rebuild.example/statements", "oci:registry.example:5000/riseup/statements", "/media/stick/statements", "statements"},
				Unreachable: Warn,
			},
			{Name: "debian", Organisation: "debian", Builder: "urn:debian", Keys: got.Rebuilders[1].Keys, Unreachable: Refuse},
			{Name: "guardian", Organisation: "guardian", Builder: "urn:guardian", Unreachable: Refuse, Identities: []Identity{{
				Name: "ci", Sigstore: "tails", Issuer: "https://gitlab.example.org",
				Subject:    "https://gitlab.example.org/guardian/rebuilds//.gitlab-ci.yml@refs/heads/main",
				Extensions: map[string]string{"deployment-environment": "rebuild", "source-repository-ref": "refs/heads/main"},
			}}},
			{Name: "own", Organisation: "tails", Builder: "https://tails.example/v1", Keys: got.Rebuilders[3].Keys, Unreachable: Refuse},
		},
		Scopes: []Scope{
			{
				Pattern: newPattern("registry.example/services/*"), TrustRoot: "tails", Signers: []string{"onionshare"},
				Foreign: Warn, Unsigned: Ask, Size: 64 << 20,
				Rebuilds:   Rebuilds{Minimum: 1, Organisations: []string{"debian", "riseup"}, Different: Warn, MaximumAge: 90 * 24 * time.Hour, Committed: true},
				Privileges: Privileges{Highest: 2, Allowed: got.Scopes[0].Privileges.Allowed},
			},
			// What is left out is strict.
			{Pattern: newPattern("**"), TrustRoot: "tails", Sigstore: "tails", Foreign: Refuse, Unsigned: Refuse, Log: true, Timestamp: true, RefuseUnsupported: true},
		},
	}
	ignore := []cmp.Option{
		cmpopts.IgnoreTypes(hcl.Range{}), cmp.AllowUnexported(Pattern{}),
		cmp.Comparer(func(a, b *sign.PublicKey) bool { return a.ID() == b.ID() }),
	}
	if diff := cmp.Diff(want, got, ignore...); diff != "" {
		t.Error(diff)
	}
}

// TestCertificateOwners: a certificate is whose it says it is, under the root that
// the identity names.
func TestCertificateOwners(t *testing.T) {
	p := decodeFile(t, "testdata/good/full.hcl")
	c := &sign.Certificate{
		Roots: []string{"tails"}, Issuer: "https://gitlab.example.org",
		Subject:    "https://gitlab.example.org/guardian/rebuilds//.gitlab-ci.yml@refs/heads/main",
		Extensions: map[string]string{"deployment-environment": "rebuild", "source-repository-ref": "refs/heads/main", "build-trigger": "web"},
	}
	if r := p.RebuilderOf("x", c); r == nil || r.Name != "guardian" || p.SignerOf("x", c) != nil {
		t.Errorf("%v", r)
	}
	c.Extensions["source-repository-ref"] = "refs/heads/other"
	if r := p.RebuilderOf("x", c); r != nil {
		t.Errorf("of %s, from another branch", r.Name)
	}
	c.Subject = "https://gitlab.example.org/onionshare/images//.gitlab-ci.yml@refs/heads/main"
	if s := p.SignerOf("x", c); s == nil || s.Name != "onionshare" || p.RebuilderOf("x", c) != nil {
		t.Errorf("%v", s)
	}
	c.Roots = []string{"others"}
	if s := p.SignerOf("x", c); s != nil || p.SignerOf("", nil) != nil || p.RebuilderOf("", nil) != nil {
		t.Errorf("of %s, by another root", s.Name)
	}
}

func TestAllows(t *testing.T) {
	p := decodeFile(t, "testdata/good/full.hcl")
	some, none := p.Scopes[0].Privileges, p.Scopes[1].Privileges
	if !some.Allows("cap.SYS_CHROOT") || some.Allows("cap.KILL") || some.Allows("net.host") || some.Allows("nonsense") {
		t.Error(some)
	}
	if none.Allows("rootfs.rw") || none.Allows("nonsense") || !none.Allows("net.none") {
		t.Error(none)
	}
	every := Privileges{Highest: 2, Any: true}
	if !every.Allows("net.outbound") || every.Allows("net.host") || every.Allows("cap.ALL") {
		t.Error(every)
	}
}

// found is a diagnostic as the fixtures name it.
type found struct {
	Line     int
	Severity string
	Summary  string
}

var wantedComment = regexp.MustCompile(`# (ERROR|WARNING): ([^#\n]+)`)

func expected(src []byte) []found {
	var list []found
	for i, line := range strings.Split(string(src), "\n") {
		for _, m := range wantedComment.FindAllStringSubmatch(line, -1) {
			list = append(list, found{i + 1, m[1], strings.TrimSpace(m[2])})
		}
	}
	return list
}

func reported(diags hcl.Diagnostics) []found {
	var list []found
	for _, d := range diags {
		severity := "ERROR"
		if d.Severity == hcl.DiagWarning {
			severity = "WARNING"
		}
		list = append(list, found{d.Subject.Start.Line, severity, d.Summary})
	}
	return list
}

// golden decodes the fixtures in a folder: exactly the diagnostics that comments
// name appear, in order. How they read is in the golden file.
func golden(t *testing.T, dir string, decode func(filename string, src []byte) hcl.Diagnostics) {
	t.Helper()
	files, err := filepath.Glob("testdata/" + dir + "/*.hcl")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, filename := range files {
		src := readFile(t, filename)
		diags := decode(filename, src)
		if diff := cmp.Diff(expected(src), reported(diags)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", filename, diff)
		}
		if err := hclschema.WriteDiagnostics(&text, map[string][]byte{filename: src}, diags, false); err != nil {
			t.Fatal(err)
		}
	}
	const hint = "run the test with -update, and read what changed"
	filename := "testdata/" + dir + ".golden"
	if *update {
		if err := os.WriteFile(filename, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(readFile(t, filename)), text.String()); diff != "" {
		t.Errorf("%s (-want +got; %s):\n%s", filename, hint, diff)
	}
}

func TestErrors(t *testing.T) {
	golden(t, "errors", func(filename string, src []byte) hcl.Diagnostics {
		p, diags := Decode(filename, src)
		if p != nil {
			t.Errorf("%s gives a policy all the same", filename)
		}
		return diags
	})
}

func TestWarnings(t *testing.T) {
	golden(t, "warnings", func(filename string, src []byte) hcl.Diagnostics {
		p, diags := Decode(filename, src)
		if p == nil {
			t.Fatal(diags)
		}
		return p.Warnings()
	})
}

func TestCaseErrors(t *testing.T) {
	p := decodeFile(t, "testdata/good/full.hcl")
	golden(t, "cases", func(filename string, src []byte) hcl.Diagnostics {
		_, diags := DecodeCases(filename, src, p)
		return diags
	})
}

func TestExplain(t *testing.T) {
	p := decodeFile(t, "testdata/good/full.hcl")
	for i, want := range []string{
		"trust_root signers rebuilders committed different statements privileges end_of_support size foreign unsigned",
		"trust_root transparency_log timestamp rebuilders different statements privileges end_of_support foreign unsigned",
	} {
		var about []string
		for _, d := range p.Explain(&p.Scopes[i]) {
			about = append(about, d.About)
			if !strings.HasSuffix(d.Text, ".") {
				t.Errorf("%q is no sentence", d.Text)
			}
		}
		if got := strings.Join(about, " "); got != want {
			t.Errorf("scope %d: %s, want %s", i, got, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, pattern := range []string{"testdata/*/*.hcl", "../../policies/*.hcl"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatal(pattern, err)
		}
		for _, file := range files {
			f.Add(readFile(f, file))
		}
	}
	full := decodeFile(f, "testdata/good/full.hcl")
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > 64<<10 {
			return
		}
		p, diags := Decode("f.hcl", src)
		if (p == nil) != diags.HasErrors() {
			t.Fatalf("%v with %v", p, diags)
		}
		if p != nil {
			p.Warnings()
			for i := range p.Scopes {
				s := &p.Scopes[i]
				if s.TrustRoot == "" && len(s.Signers) == 0 || s.Unsigned == Ask && s.Foreign == Refuse || len(p.Explain(s)) == 0 {
					t.Fatalf("accepted %+v", s)
				}
			}
		}
		if cases, diags := DecodeCases("f.hcl", src, full); (len(cases) == 0) != diags.HasErrors() {
			t.Fatalf("%d tests with %v", len(cases), diags)
		}
	})
}
