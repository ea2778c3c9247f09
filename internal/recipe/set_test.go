package recipe

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
)

// project writes files, by path below the project, and returns the recipes' folder.
func project(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "recipes")
}

func open(t *testing.T, dir string, vars map[string]string) *Set {
	t.Helper()
	s, diags := OpenSet(dir, vars)
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	return s
}

const rootfsBlock = "  rootfs { url = \"https://example.org/${arch}.tar.gz\" }\n"

var sample = map[string]string{
	"recipes/tailsbuild.hcl": `mirror "https://example.org" {
  locations = ["../shared/mirror", "/srv/mirror", "https://example.org"]
}
variable "branch" {
  default = "3.19"
}
`,
	"recipes/app/recipe.hcl":         "service \"app\" {\n  version = \"1\"\n  base = \"mid-${var.branch}\"\n  arch = [\"x86_64\", \"aarch64\"]\n}\n",
	"recipes/mid-3.19/recipe.hcl":    "base \"mid-3.19\" {\n  version = \"1\"\n  base = \"alpine\"\n}\n",
	"recipes/alpine/recipe.hcl":      "base \"alpine\" {\n  version = \"1\"\n" + rootfsBlock + "}\n",
	"recipes/files/README":           "no recipe\n",
	"recipes/loop-a/recipe.hcl":      "base \"loop-a\" {\n  version = \"1\"\n  base = \"loop-b\"\n}\n",
	"recipes/loop-b/recipe.hcl":      "base \"loop-b\" {\n  version = \"1\"\n  base = \"loop-a\"\n}\n",
	"recipes/self/recipe.hcl":        "base \"self\" {\n  version = \"1\"\n  base = \"self\"\n}\n",
	"recipes/on-loop/recipe.hcl":     "service \"on-loop\" {\n  version = \"1\"\n  base = \"loop-a\"\n}\n",
	"recipes/lost/recipe.hcl":        "service \"lost\" {\n  version = \"1\"\n  base = \"alpin\"\n}\n",
	"recipes/stacked/recipe.hcl":     "service \"stacked\" {\n  version = \"1\"\n  base = \"app\"\n}\n",
	"recipes/misnamed/recipe.hcl":    "service \"other\" {\n  version = \"1\"\n  base = \"alpine\"\n}\n",
	"recipes/broken-base/recipe.hcl": "service \"broken-base\" {\n  version = \"1\"\n  base = \"broken\"\n}\n",
	"recipes/broken/recipe.hcl":      "base \"broken\" {\n  version = 1\n" + rootfsBlock + "}\n",
}

func TestSet(t *testing.T) {
	dir := project(t, sample)
	s := open(t, dir, nil)
	names, err := s.Names()
	if err != nil || !slices.IsSorted(names) || len(names) != 12 || slices.Contains(names, "files") {
		t.Error(names, err)
	}
	want := []string{filepath.Join(filepath.Dir(dir), "../shared/mirror"), "/srv/mirror", "https://example.org"}
	if diff := cmp.Diff(want, s.Project().Mirrors[0].Locations); diff != "" {
		t.Error(diff)
	}
	closure, diags := s.Closure("app", "")
	if len(diags) > 0 || !slices.Equal(namesOf(closure), []string{"app", "mid-3.19", "alpine"}) {
		t.Error(namesOf(closure), diags)
	}
	if url := closure[2].Rootfs.URL; url != "https://example.org/x86_64.tar.gz" {
		t.Error(url)
	}
	if s.Dir("app") != filepath.Join(dir, "app") {
		t.Error(s.Dir("app"))
	}
}

func TestClosureErrors(t *testing.T) {
	dir := project(t, sample)
	s := open(t, dir, nil)
	for name, want := range map[string][3]string{
		"ap":              {"Unknown recipe", "ap/recipe.hcl", `Did you mean "app"?`},
		"zzzzzzzzzz":      {"Unknown recipe", "", "There are: alpine, app, "},
		"../recipes/app":  {"Name is not allowed", "", "lower-case"},
		"loop-a":          {"Recipes depend on each other", "loop-b/recipe.hcl", "loop-a → loop-b → loop-a has no beginning"},
		"on-loop":         {"Recipes depend on each other", "loop-b/recipe.hcl", "loop-a → loop-b → loop-a has no beginning"},
		"self":            {"Recipes depend on each other", "self/recipe.hcl", "self → self"},
		"lost":            {"Unknown base", "lost/recipe.hcl", `Did you mean "alpine"?`},
		"stacked":         {"Base is a service", "stacked/recipe.hcl", `"app" is a service`},
		"misnamed":        {"Name is not the folder's", "misnamed/recipe.hcl", `"other"`},
		"broken-base":     {"Not a text", "broken/recipe.hcl", "quotes"},
		"app aarch64":     {"Base is not made for this architecture", "app/recipe.hcl", `"mid-3.19" is for "x86_64"`},
		"alpine aarch64":  {"Architecture is not offered", "alpine/recipe.hcl", `"x86_64"`},
		"alpine mips":     {"Architecture is not offered", "alpine/recipe.hcl", `"mips"`},
		"files":           {"Unknown recipe", "", "files/recipe.hcl"},
		"lost\x1b[31m":    {"Name is not allowed", "", `\x1b`},
		"missing aarch64": {"Unknown recipe", "", "missing/recipe.hcl"},
	} {
		recipe, arch, _ := strings.Cut(name, " ")
		_, diags := s.Closure(recipe, arch)
		if len(diags) != 1 || diags[0].Summary != want[0] || !strings.Contains(diags[0].Detail, want[2]) {
			t.Errorf("%s: got %v, want %v", name, diags, want)
			continue
		}
		if file := diags[0].Subject.Filename; want[0] != "Unknown recipe" && want[1] != "" && file != filepath.Join(dir, want[1]) {
			t.Errorf("%s: it is at %s, want %s", name, file, want[1])
		}
	}
}

// TestClosureOnPackages has what a service may not say on some bases.
func TestClosureOnPackages(t *testing.T) {
	const repository = "  repository \"main\" { url = \"https://example.org/main\" }\n"
	s := open(t, project(t, map[string]string{
		"recipes/full/recipe.hcl":  "base \"full\" {\n  version = \"1\"\n  epoch = 100\n  packages = [\"a\"]\n" + rootfsBlock + repository + "}\n",
		"recipes/plain/recipe.hcl": "base \"plain\" {\n  version = \"1\"\n  epoch = 100\n" + rootfsBlock + repository + "}\n",
		"recipes/early/recipe.hcl": "service \"early\" {\n  version = \"1\"\n  epoch = 99\n  base = \"full\"\n}\n",
		"recipes/late/recipe.hcl":  "service \"late\" {\n  version = \"1\"\n  epoch = 100\n  base = \"full\"\n}\n",
		"recipes/old/recipe.hcl":   "service \"old\" {\n  version = \"1\"\n  epoch = 1\n  base = \"plain\"\n}\n",
		"recipes/same/recipe.hcl":  "service \"same\" {\n  version = \"1\"\n  base = \"plain\"\n" + repository + "}\n",
	}), nil)
	for name, want := range map[string]string{"early": "Epoch is before the base's", "late": "", "old": "", "same": "Name is there twice"} {
		_, diags := s.Closure(name, "x86_64")
		got := ""
		for _, d := range diags {
			got += d.Summary
		}
		if got != want {
			t.Errorf("%s: got %v, want %q", name, diags, want)
		}
	}
}

func TestClosureDepth(t *testing.T) {
	files := map[string]string{}
	for i := range maxClosure + 2 {
		files["recipes/"+string(rune('a'+i))+"/recipe.hcl"] = "base \"" + string(rune('a'+i)) + "\" {\n  version = \"1\"\n  base = \"" + string(rune('b'+i)) + "\"\n}\n"
	}
	s := open(t, project(t, files), nil)
	if _, diags := s.Closure("a", ""); len(diags) != 1 || diags[0].Summary != "Too many bases" {
		t.Error(diags)
	}
}

func TestOpenSetVars(t *testing.T) {
	dir := project(t, sample)
	s := open(t, dir, map[string]string{"branch": "3.24"})
	if _, diags := s.Closure("app", ""); len(diags) != 1 || !strings.Contains(diags[0].Detail, "mid-3.24") {
		t.Error(diags)
	}
	for name, vars := range map[string]map[string]string{
		"Unknown variable":    {"brunch": "1"},
		"Invisible character": {"branch": "1\x1b"},
		"Text is too long":    {"branch": strings.Repeat("1", hclschema.MaxText+1)},
	} {
		if s, diags := OpenSet(dir, vars); s == nil || len(diags) != 1 || diags[0].Summary != name {
			t.Errorf("%s: %v", name, diags)
		}
	}
}

func TestOpenSetFolder(t *testing.T) {
	if s, diags := OpenSet(project(t, map[string]string{"recipes/a/recipe.hcl": ""}), nil); s == nil || len(diags) > 0 {
		t.Errorf("without a project file: %v", diags)
	}
	for name, dir := range map[string]string{
		"missing": filepath.Join(t.TempDir(), "none"),
		"a file":  filepath.Join(project(t, sample), "tailsbuild.hcl"),
		"a folder instead of the project file": func() string {
			return project(t, map[string]string{"recipes/tailsbuild.hcl/a": ""})
		}(),
	} {
		if s, diags := OpenSet(dir, nil); s == nil || !diags.HasErrors() || diags[0].Summary != "Recipes can't be read" {
			t.Errorf("%s: %v", name, diags)
		}
	}
	if s, diags := OpenSet(project(t, map[string]string{"recipes/tailsbuild.hcl": "mirror {"}), nil); s == nil || s.Project() == nil || !diags.HasErrors() {
		t.Errorf("broken: %v", diags)
	}
}

func TestFiles(t *testing.T) {
	dir := project(t, map[string]string{
		"recipes/app/files/conf":  "setting\n",
		"recipes/app/recipe.hcl":  "",
		"recipes/other/files/key": "secret\n",
	})
	large := filepath.Join(dir, "app/files/large")
	if err := os.WriteFile(large, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, maxFile+1); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"inside": "conf", "outside": "../../other/files/key", "absolute": "/etc/passwd"} {
		if err := os.Symlink(target, filepath.Join(dir, "app/files", name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "app/files/pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, nil)
	read := func(source string) (map[string][]byte, hcl.Diagnostics) {
		return s.Files(&Recipe{Name: "app", Files: []File{{Path: "/etc/a", Source: source}, {Path: "/etc/b", Content: "x"}}})
	}
	for _, source := range []string{"files/conf", "files/inside"} {
		files, diags := read(source)
		if diff := cmp.Diff(map[string][]byte{"/etc/a": []byte("setting\n")}, files); diff != "" || len(diags) > 0 {
			t.Errorf("%s: %v %s", source, diags, diff)
		}
	}
	for source, want := range map[string]string{
		"files/outside":  "escapes",
		"files/absolute": "escapes",
		"files/large":    "more than 16777216 bytes",
		"files/none":     "no such file",
		"files/pipe":     "not a regular file",
		"files":          "not a regular file",
	} {
		files, diags := read(source)
		if len(diags) != 1 || len(files) > 0 || !strings.Contains(diags[0].Detail, want) {
			t.Errorf("%s: %v, want %q", source, diags, want)
		}
	}
}

// The files of a recipe are limited together, too.
func TestFilesTotal(t *testing.T) {
	dir := project(t, map[string]string{"recipes/app/f": ""})
	if err := os.Truncate(filepath.Join(dir, "app/f"), maxFile); err != nil {
		t.Fatal(err)
	}
	r := &Recipe{Name: "app"}
	for _, path := range []string{"/1", "/2", "/3", "/4", "/5"} {
		r.Files = append(r.Files, File{Path: path, Source: "f"})
	}
	files, diags := open(t, dir, nil).Files(r)
	if len(files) != 4 || len(diags) != 1 {
		t.Error(len(files), diags)
	}
}

func TestSetDiagnostics(t *testing.T) {
	dir := project(t, sample)
	s := open(t, dir, nil)
	var out strings.Builder
	_, diags := s.Closure("lost", "")
	s.WriteDiagnostics(&out, diags, false)
	got := strings.ReplaceAll(out.String(), dir, "recipes")
	want := `Error: Unknown base
  on recipes/lost/recipe.hcl:3,10
    3 |   base = "alpin"
      |          ^^^^^^^
  There is no recipes/alpin/recipe.hcl. Did you mean "alpine"?

`
	if got != want {
		t.Error(cmp.Diff(want, got))
	}
}
