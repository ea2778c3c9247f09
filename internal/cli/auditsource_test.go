package cli

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

// TestAuditSource: what differs is said of the release, whoever reads it; what can't be
// read isn't.
func TestAuditSource(t *testing.T) {
	quiet := newApp(nil, io.Discard, io.Discard)
	p := must[*project](t)(quiet.openProject(recipeFlags{dir: "../../recipes"}))
	l := must[*loaded](t)(p.loadFor("mqtt", "x86_64", nil))
	edit := func(file, old, new string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, file)
			b := must[[]byte](t)(os.ReadFile(path))
			after := strings.Replace(string(b), old, new, 1)
			if after == string(b) {
				t.Fatalf("%s has no %q", file, old)
			}
			if err := os.WriteFile(path, []byte(after), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(file string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			if err := os.RemoveAll(filepath.Join(dir, file)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, test := range []struct {
		name   string
		change func(t *testing.T, dir string)
		want   string // "" for the same
		fails  bool
	}{
		{name: "the same", change: func(*testing.T, string) {}},
		{name: "another recipe elsewhere", change: remove("sftp")},
		{name: "recipe", change: edit("mqtt/recipe.hcl", "summary", "summary "), want: "mqtt/recipe.hcl is another file"},
		{name: "no recipe", change: remove("mqtt/recipe.hcl"), want: "mqtt/recipe.hcl is not there"},
		{name: "no folder", change: remove("mqtt"), want: "mqtt/recipe.hcl is not there, mqtt/recipe.lock.hcl is not there"},
		{name: "no lock", change: remove("mqtt/recipe.lock.hcl"), want: "mqtt/recipe.lock.hcl is not there"},
		{name: "lock", change: edit("mqtt/recipe.lock.hcl", "sha256", "sha257"), want: "mqtt/recipe.lock.hcl is no lock that can be read"},
		{name: "value", change: edit("tailsbuild.hcl", `"3.19"`, `"3.20"`), want: "a variable has another value, so that the plan is another"},
		{name: "no such base", change: edit("tailsbuild.hcl", `"3.19"`, `"2"`), want: "a variable has another value, so that the plan is another"},
		{name: "no folder at all", change: remove("."), fails: true},
		{name: "project file", change: edit("tailsbuild.hcl", "variable", "various"), fails: true},
		{name: "lock is a folder", change: func(t *testing.T, dir string) {
			path := filepath.Join(dir, "mqtt/recipe.lock.hcl")
			if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o755)); err != nil {
				t.Fatal(err)
			}
		}, fails: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "mine")
			if err := os.CopyFS(dir, os.DirFS("../../recipes")); err != nil {
				t.Fatal(err)
			}
			test.change(t, dir)
			a := &oneAudit{auditor: &auditor{app: quiet, flags: auditFlags{source: dir}}, out: &audited{}}
			got, err := a.compareSource(l)
			var source *sourceError
			if test.fails {
				if !errors.As(err, &source) || got != nil {
					t.Errorf("%q, %v", got, err)
				}
				return
			}
			want := strings.TrimSuffix("it is not made of the auditor's recipes: "+test.want, "it is not made of the auditor's recipes: ")
			if err != nil || strings.Join(got, ";") != want {
				t.Errorf("%q, %v, want %q", got, err, want)
			}
		})
	}
}

// TestAuditSourceUnreadable: nothing is done, signed or published for a folder that
// holds no recipes.
func TestAuditSourceUnreadable(t *testing.T) {
	dir, public, own := sealedFor(t, "content", lock.CurrentOutput())
	if err := os.Mkdir("empty", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{"/nonexistent", "empty", public} {
		code, stdout, stderr := run("audit", dir, "--key", public, "--work", "work", "--progress", "quiet", "--source", source,
			"--own-key", own, "--builder-id", "https://rebuild.example/v1", "--publish", "statements")
		if code != exitOther || stdout != "" || !strings.Contains(stderr, "error: --source "+source+": ") || exists("statements") {
			t.Errorf("%s: exit code %d\n%s%s", source, code, stdout, stderr)
		}
	}
}
