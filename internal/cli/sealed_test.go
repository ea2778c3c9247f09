package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// TestVariablesOf: the sealed project file has the variables that are named, with
// their values of now, and reads back as those.
func TestVariablesOf(t *testing.T) {
	dir := t.TempDir()
	source := "variable \"a\" {\n  default = \"one\"\n}\n" +
		"variable \"ab\" {\n  default = \"not named\"\n}\n" +
		"variable \"b\" {\n  default = \"two\"\n  description = \"not sealed\"\n}\n"
	if err := os.WriteFile(filepath.Join(dir, recipe.ProjectFile), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	set, diags := recipe.OpenSet(dir, nil)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	closure := []*recipe.Recipe{{Bytes: []byte(`x = "${var.b}" y = var.c`)}, {Bytes: []byte("z = var . a\n")}}
	for _, value := range []string{"plain", `"quoted" \ and ${a} %{b} $${c} %%{d} $ %`, "ünï"} {
		p := &project{Set: set, vars: map[string]string{"b": value}}
		src := p.variablesOf(closure)
		got, diags := recipe.DecodeProject("sealed", src)
		if diags.HasErrors() {
			t.Fatalf("%q: %v in\n%s", value, diags, src)
		}
		if len(got.Variables) != 2 || got.Variables[0].Default != "one" || got.Variables[1].Default != value {
			t.Errorf("%q became %+v in\n%s", value, got.Variables, src)
		}
		if out, _ := recipe.Format("sealed", src); string(out) != string(src) {
			t.Errorf("%q: not formatted:\n%s", value, src)
		}
	}
	if src := (&project{Set: set}).variablesOf([]*recipe.Recipe{{Bytes: []byte("x = var.c")}}); len(src) > 0 {
		t.Errorf("no variable is named, and there is\n%s", src)
	}
}

// TestSealedOutcomes: sealed inputs that are wrong exit with 6, whatever is wrong in
// them, except where the tailsbuild is.
func TestSealedOutcomes(t *testing.T) {
	for _, test := range []struct {
		err  error
		code int
		hint string
	}{
		{&inputs.SealedError{Err: inputs.ErrMissing}, exitInputs, "get them again"},
		{&inputs.SealedError{Err: &lock.MissingError{Recipe: "mqtt"}}, exitInputs, "their lock"},
		{&inputs.SealedError{Err: &unlockedError{Recipe: "mqtt"}}, exitInputs, "get them again"},
		{&inputs.SealedError{Err: &oci.DigestError{}}, exitInputs, "get them again"},
		{&inputs.SealedError{Err: &builder.OutputRecordError{}}, exitRecipe, "rebuild with the tailsbuild"},
		{&brokenReleaseError{&inputs.SealedError{Err: inputs.ErrMissing}}, exitRefused, ""},
		{&noImageError{Recipe: "mqtt"}, exitInputs, "tailsbuild build mqtt"},
		{&notArchiveError{"dist/mqtt"}, exitOther, "--output"},
	} {
		for _, err := range []error{test.err, fmt.Errorf("recipe x: %w", test.err), errors.Join(test.err, errors.New("and more"))} {
			o := outcomeOf(err)
			if o.code != test.code || !strings.Contains(o.hint, test.hint) {
				t.Errorf("%v: code %d, hint %q; want %d, %q", test.err, o.code, o.hint, test.code, test.hint)
			}
		}
	}
}

func TestSealedUsage(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, test := range []struct {
		args string
		want string
	}{
		{"build x --sealed s --recipes r", "so --recipes has no place beside it"},
		{"build x --sealed s --var a=b", "so --var has no place beside it"},
		{"build x --sealed s --mirror m", "so --mirror has no place beside it"},
		{"build x --sealed s --record", "so --record has no place beside it"},
		{"build x --sealed=", "--sealed names no folder"},
		{"build x --seal --builder b", "nothing to seal the inputs in"},
		{"build x --seal --var a=", "--var a= leaves a variable empty"},
		{"archive x --var a=", "--var a= leaves a variable empty"},
		{"archive", "hint: tailsbuild archive --help"},
	} {
		if test.args == "archive" {
			if err := os.Mkdir("recipes", 0o755); err != nil {
				t.Fatal(err)
			}
		}
		code, stdout, stderr := run(strings.Fields(test.args)...)
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, test.want) {
			t.Errorf("%s: code %d, stdout %q, stderr %q; want %q", test.args, code, stdout, stderr, test.want)
		}
	}
}

// TestCheckArchive: only sealed inputs may be replaced by sealed inputs.
func TestCheckArchive(t *testing.T) {
	for artifactType, replaced := range map[string]bool{inputs.SealedType: true, "application/x": false, "": false} {
		dir := filepath.Join(t.TempDir(), "layout")
		w, err := oci.Create(dir)
		if err != nil {
			t.Fatal(err)
		}
		config, err := w.AddBytes(ocispec.MediaTypeEmptyJSON, []byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		m := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, ArtifactType: artifactType, Config: config}
		m.SchemaVersion = 2
		raw, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		desc, err := w.AddBytes(m.MediaType, raw)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Commit([]ocispec.Descriptor{desc}); err != nil {
			t.Fatal(err)
		}
		var refused *notArchiveError
		if err := checkArchive(dir); errors.As(err, &refused) == replaced || err != nil && refused == nil {
			t.Errorf("type %q: %v", artifactType, err)
		}
	}
	if err := checkArchive(filepath.Join(t.TempDir(), "nothing")); err != nil {
		t.Error(err)
	}
}
