package recipe

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
)

var update = flag.Bool("update", false, "write what is generated to testdata and docs")

// found is a diagnostic as the fixtures of testdata/errors name it.
type found struct {
	Line     int
	Severity string
	Summary  string
}

var wantedComment = regexp.MustCompile(`# (ERROR|WARNING): ([^#\n]+)`)

// expected reads the comments at the lines at fault.
func expected(src []byte) []found {
	var list []found
	for i, line := range strings.Split(string(src), "\n") {
		for _, m := range wantedComment.FindAllStringSubmatch(line, -1) {
			list = append(list, found{i + 1, m[1], strings.TrimSpace(m[2])})
		}
	}
	return list
}

func reported(t *testing.T, filename string, diags hcl.Diagnostics) []found {
	t.Helper()
	var list []found
	for _, d := range diags {
		if d.Subject == nil || d.Subject.Filename != filename {
			t.Fatalf("%s: %q has the subject %v", filename, d.Summary, d.Subject)
		}
		if !strings.HasSuffix(d.Detail, ".") && !strings.HasSuffix(d.Detail, "?") {
			t.Errorf("%s: the detail of %q is no sentence: %q", filename, d.Summary, d.Detail)
		}
		severity := "ERROR"
		if d.Severity == hcl.DiagWarning {
			severity = "WARNING"
		}
		list = append(list, found{d.Subject.Start.Line, severity, d.Summary})
	}
	return list
}

var testEnv = Env{Arch: "x86_64", Vars: map[string]string{"alpine": "3.19", "word": "a b"}}

// decodeFixture decodes recipe and project files alike.
func decodeFixture(filename string, src []byte) hcl.Diagnostics {
	var diags hcl.Diagnostics
	if strings.HasPrefix(filepath.Base(filename), "project_") {
		_, diags = DecodeProject(filename, src)
	} else {
		_, diags = Decode(filename, src, testEnv)
	}
	return diags
}

// TestErrors decodes testdata/errors: exactly the diagnostics that comments name
// appear, in order. How they read is in testdata/errors.golden.
func TestErrors(t *testing.T) {
	files, err := filepath.Glob("testdata/errors/*.hcl")
	if err != nil || len(files) < 40 {
		t.Fatal("fixtures are missing:", len(files), err)
	}
	var golden strings.Builder
	for _, filename := range files {
		src, err := os.ReadFile(filename)
		if err != nil {
			t.Fatal(err)
		}
		diags := decodeFixture(filename, src)
		if diff := cmp.Diff(expected(src), reported(t, filename, diags)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", filename, diff)
		}
		if err := hclschema.WriteDiagnostics(&golden, map[string][]byte{filename: src}, diags, false); err != nil {
			t.Fatal(err)
		}
	}
	compareGolden(t, "testdata/errors.golden", golden.String())
}

// compareGolden compares got with a file, or writes it there with -update.
func compareGolden(t *testing.T, filename, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(filename, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(filename)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; run the test with -update, and read what changed):\n%s", filename, diff)
	}
}
