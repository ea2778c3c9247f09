package recipe

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
)

// seeds are all fixtures, and the short ones of what is refused.
func seeds(f *testing.F) {
	for _, pattern := range []string{"testdata/errors/*.hcl", "testdata/good/*.hcl"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatal(pattern, err)
		}
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(src)
		}
	}
	for _, test := range refusals() {
		if len(test[0]) < 4096 {
			f.Add([]byte(test[0]))
		}
	}
}

// checkDiagnostics asserts what holds for the diagnostics of any file.
func checkDiagnostics(t *testing.T, src []byte, diags hcl.Diagnostics) {
	last := 0
	for _, d := range diags {
		s := d.Subject
		if s == nil || s.Start.Byte < last || s.End.Byte < s.Start.Byte || s.End.Byte > len(src) {
			t.Fatalf("%q has the subject %v, after offset %d of %d", d.Summary, s, last, len(src))
		}
		last = s.Start.Byte
		if len(d.Detail) > 8192 {
			t.Fatalf("%q has a detail of %d bytes", d.Summary, len(d.Detail))
		}
	}
	var out strings.Builder
	if err := hclschema.WriteDiagnostics(&out, map[string][]byte{"f.hcl": src}, diags, false); err != nil {
		t.Fatal(err)
	}
	for _, r := range out.String() {
		if r != '\n' && r != '\t' && hclschema.Invisible(r) {
			t.Fatalf("%U is written to the terminal", r)
		}
	}
}

func FuzzDecode(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > 64<<10 {
			return
		}
		r, diags := Decode("f.hcl", src, testEnv)
		checkDiagnostics(t, src, diags)
		_, pdiags := DecodeProject("f.hcl", src)
		checkDiagnostics(t, src, pdiags)
		if diags.HasErrors() {
			return
		}
		if r == nil || r.Version == "" || checkName(r.Name) != nil || len(r.Summary) > hclschema.MaxText || len(r.Packages) > hclschema.MaxList {
			t.Fatalf("accepted %+v", r)
		}
		again, _ := Decode("f.hcl", src, testEnv)
		if diff := cmp.Diff(r, again); diff != "" {
			t.Fatalf("the same bytes gave two recipes:\n%s", diff)
		}
	})
}

func FuzzFormat(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > 64<<10 {
			return
		}
		once, diags := Format("f.hcl", src)
		if diags.HasErrors() {
			checkDiagnostics(t, src, diags)
			return
		}
		twice, diags := Format("f.hcl", once)
		if diags.HasErrors() || string(once) != string(twice) {
			t.Fatalf("formatting again gives %v\n%s\ninstead of\n%s", diags, twice, once)
		}
		before, diagsBefore := Decode("f.hcl", src, testEnv)
		after, diagsAfter := Decode("f.hcl", once, testEnv)
		if diff := cmp.Diff(before, after, withoutPlaces); diff != "" {
			t.Fatalf("formatting changed the recipe:\n%s", diff)
		}
		if len(diagsBefore) != len(diagsAfter) {
			t.Fatalf("formatting changed the diagnostics: %v\n%v", diagsBefore, diagsAfter)
		}
	})
}
