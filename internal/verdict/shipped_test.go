package verdict

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
)

// TestShipped: the policies that come with tailsbuild say what their tests
// expect, every scope has one, and they are as open as they say and no more.
func TestShipped(t *testing.T) {
	files, err := filepath.Glob("../../policies/*_test.hcl")
	if err != nil || len(files) != 2 {
		t.Fatal(files, err)
	}
	for _, tests := range files {
		file := strings.TrimSuffix(tests, "_test.hcl") + ".hcl"
		p, diags := policy.Decode(file, formattedFile(t, file))
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		cases, diags := policy.DecodeCases(tests, formattedFile(t, tests), p)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		covered := map[string]bool{}
		for _, c := range cases {
			r := Test(p, c)
			if !r.Passed {
				t.Errorf("%s: %s: got %s, want %s; %v %v; missing %v", tests, c.Name, r.Verdict.Kind, r.Expect, r.Verdict.Reasons, r.Verdict.Warnings, r.Missing)
			}
			covered[r.Verdict.Scope] = true
		}
		for _, s := range p.Scopes {
			if !covered[s.Pattern.String()] {
				t.Errorf("%s: the scope %s has no test", tests, s.Pattern)
			}
		}
		var warnings []string
		for _, d := range p.Warnings() {
			warnings = append(warnings, d.Summary)
		}
		want := ""
		if strings.HasSuffix(file, "/warn.hcl") {
			want = "Foreign images can run, Unsigned images can run, No rebuild is asked for"
		}
		if got := strings.Join(warnings, ", "); got != want {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
	}
}

func formattedFile(t *testing.T, file string) []byte {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if formatted, diags := policy.Format(file, src); string(formatted) != string(src) {
		t.Errorf("%s is not formatted: %v\n%s", file, diags, formatted)
	}
	return src
}

// TestResult: a test that expects something else fails, and says what.
func TestResult(t *testing.T) {
	p := rules{root: true, foreign: "refuse", unsigned: "refuse", support: "refuse"}.decode(t)
	src := `test "a" {
  image   = "registry.example/a"
  expect  = "foreign"
  reasons = ["vouched", "rebuilt"]
}
`
	cases, diags := policy.DecodeCases("t", []byte(src), p)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	r := Test(p, cases[0])
	if r.Passed || r.Verdict.Kind != Trusted || r.Expect != Foreign || len(r.Missing) != 1 || r.Missing[0] != Rebuilt {
		t.Errorf("%+v", r)
	}
}

// TestCommitted: a policy's tests can say when an image was committed to.
func TestCommitted(t *testing.T) {
	r := rules{signers: true, foreign: "refuse", unsigned: "refuse", minimum: 1, committed: true, support: "refuse"}
	for when, want := range map[string]string{`committed = "before"`: "trusted", `committed = "after"`: "refused", ``: "refused"} {
		for _, r.timestamp = range []bool{true, false} {
			src := `test "a" {
  image  = "registry.example/a"
  expect = "` + want + `"
  signature "ours" {
    timestamped = true
  }
  rebuild "a" {
    outcome     = "reproduced"
    timestamped = true
    ` + when + `
  }
}
`
			p := r.decode(t)
			cases, diags := policy.DecodeCases("t", []byte(src), p)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			if r := Test(p, cases[0]); !r.Passed {
				t.Errorf("%s: %+v", when, r)
			}
		}
	}
}
