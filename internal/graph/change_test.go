package graph

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

const source = `service "app" {
  version = "${var.a}.${var.b}"
  base    = "base"
  license = "MIT"
  user "app" {
    uid = 1000
  }
  runtime {
    user       = "app"
    entrypoint = ["/app"]
  }
}
`

func state() State {
	return State{
		Recipe: []byte(source),
		Lock:   lockOf().Encode(),
		Vars:   map[string]string{"a": "1", "b": "2", "unused": "x"},
		Files:  map[string]string{"files/conf": "one"},
	}
}

func lockOf() *lock.File {
	return &lock.File{Recipe: "app", Output: lock.CurrentOutput(), Inputs: []lock.Input{
		{Kind: lock.KindHTTP, Name: "one", URL: "https://example.org/one", SHA256: strings.Repeat("1", 64)},
		{Kind: lock.KindHTTP, Name: "two", URL: "https://example.org/two", SHA256: strings.Repeat("2", 64)},
	}}
}

// TestCompare changes one thing a case and wants exactly the reasons for it.
func TestCompare(t *testing.T) {
	edit := func(old, new string) func(*State) {
		return func(s *State) { s.Recipe = []byte(strings.Replace(source, old, new, 1)) }
	}
	relock := func(change func(*lock.File)) func(*State) {
		return func(s *State) {
			f := lockOf()
			change(f)
			s.Lock = f.Encode()
		}
	}
	for name, c := range map[string]struct {
		change func(now *State)
		want   []string
	}{
		"nothing":           {func(*State) {}, nil},
		"comment":           {edit(`  base`, "  # why\n  base"), nil},
		"formatting":        {edit(`  license = "MIT"`, `  license   =    "MIT"`), nil},
		"an attribute gone": {edit("  license = \"MIT\"\n", ""), []string{"recipe.hcl: license"}},
		"the same, written": {edit(`${var.a}.${var.b}`, `1.2`), nil},
		"attributes":        {edit("base    = \"base\"\n  license = \"MIT\"", "base = \"other\"\n  license = \"BSD-2-Clause\"\n"), []string{"recipe.hcl: license, base"}},
		"a block":           {edit(`uid = 1000`, `uid = 1001`), []string{"recipe.hcl: user"}},
		"inside a pointer":  {edit(`["/app"]`, `["/app2"]`), []string{"recipe.hcl: runtime"}},
		"variable":          {func(s *State) { s.Vars["b"] = "3" }, []string{`var.b: "2" → "3"`}},
		"two variables":     {func(s *State) { s.Vars["a"], s.Vars["b"] = "0", "3" }, []string{`var.a: "1" → "0"`, `var.b: "2" → "3"`}},
		"unused variable":   {func(s *State) { s.Vars["unused"] = "y" }, nil},
		"new variable":      {func(s *State) { s.Vars["more"] = "y" }, nil},
		"recipe and variable": {
			func(s *State) { edit("MIT", "ISC")(s); s.Vars["b"] = "3" },
			[]string{"recipe.hcl: license", `var.b: "2" → "3"`},
		},
		"a variable, written": {
			func(s *State) { edit("${var.b}", "2")(s); delete(s.Vars, "b") }, nil,
		},
		"file":             {func(s *State) { s.Files["files/conf"] = "two" }, []string{"file files/conf"}},
		"new file":         {func(s *State) { s.Files["files/more"] = "two" }, []string{"file files/more"}},
		"no lock":          {func(s *State) { s.Lock = nil }, []string{"recipe.lock.hcl: removed"}},
		"not a lock":       {func(s *State) { s.Lock = []byte("x") }, []string{"recipe.lock.hcl: format"}},
		"an input":         {relock(func(f *lock.File) { f.Inputs[1].Size = 7 }), []string{`recipe.lock.hcl: http "two"`}},
		"an input gone":    {relock(func(f *lock.File) { f.Inputs = f.Inputs[1:] }), []string{`recipe.lock.hcl: http "one" removed`}},
		"toolchain record": {relock(func(f *lock.File) { f.Output.BuildKit = "v0.1.0" }), []string{"recipe.lock.hcl: toolchain record"}},
		"recorded image": {
			relock(func(f *lock.File) {
				f.SetImage(lock.Image{Arch: "x86_64", Plan: "sha256:" + strings.Repeat("1", 64), Digest: "sha256:" + strings.Repeat("2", 64)})
			}),
			[]string{"recipe.lock.hcl: recorded image for x86_64"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			now := state()
			c.change(&now)
			check(t, Compare("x86_64", state(), now), c.want)
		})
	}
}

func check(t *testing.T, got []Reason, want []string) {
	t.Helper()
	var lines []string
	for _, r := range got {
		lines = append(lines, r.String())
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCompareWithWhatWasNot(t *testing.T) {
	before := state()
	before.Recipe = []byte("service {")
	check(t, Compare("x86_64", before, state()), []string{"recipe.hcl: was not valid"})
	check(t, Compare("x86_64", State{}, state()), []string{"new"})
	before = state()
	before.Lock = nil
	check(t, Compare("x86_64", before, state()), []string{"recipe.lock.hcl: new"})
}

func TestShorten(t *testing.T) {
	var what []string
	for i := range 7 {
		what = append(what, fmt.Sprint(i))
	}
	if got, want := shorten(what[:6]), "0, 1, 2, 3, 4, 5"; got != want {
		t.Errorf("six are %q, want %q", got, want)
	}
	if got, want := shorten(what), "0, 1, 2, 3, 4 and 2 more"; got != want {
		t.Errorf("seven are %q, want %q", got, want)
	}
}

// TestSourceNames: what a change is called is a word of recipes.
func TestSourceNames(t *testing.T) {
	var names []string
	for f := range fields(reflect.TypeFor[recipe.Recipe]()) {
		names = append(names, sourceName(f))
	}
	want := []string{
		"kind", "name", "version", "release", "epoch", "summary", "homepage", "license", "documentation",
		"client", "connect", "arch", "end_of_support", "base", "rootfs", "repository", "packages",
		"source", "toolchain", "build", "file", "user", "runtime", "privilege", "limits", "test",
		"labels", "annotations",
	}
	slices.Sort(names)
	slices.Sort(want)
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("a field of recipe.Recipe has no name here (-want +got):\n%s", diff)
	}
}

// fields returns the names of a recipe's fields that say something about the image.
func fields(typ reflect.Type) map[string]bool {
	names := map[string]bool{}
	for i := range typ.NumField() {
		if f := typ.Field(i); f.Type != rangeType && f.Name != "Bytes" {
			names[f.Name] = true
		}
	}
	return names
}
