package cli

import (
	"bytes"
	"slices"
	"testing"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// recordedArch is the architecture for which this repository records the images of
// all its recipes.
const recordedArch = "x86_64"

// TestRecipesComplete checks this repository's own recipes: each says everything
// that a person is shown and that a release is checked by, its lock is up to date,
// and the image in it is that of the plan which recipe and lock make now.
func TestRecipesComplete(t *testing.T) {
	var out, errs bytes.Buffer
	a := newApp(nil, &out, &errs)
	p, err := a.openProject(recipeFlags{dir: "../../recipes"})
	if err != nil {
		t.Fatalf("%v\n%s", err, &errs)
	}
	names, err := p.Names()
	if err != nil || len(names) == 0 {
		t.Fatalf("recipes %q: %v", names, err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			closure, diags := p.Closure(name, recordedArch)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			for _, missing := range missingIn(closure[0]) {
				t.Errorf("it has no %s", missing)
			}
			u, err := p.lockUpdate(name, false)
			if err != nil {
				t.Fatal(err)
			}
			if u.Changed {
				t.Errorf("tailsbuild lock %s would change its lock: add %q, remove %q", name, u.Add, u.Remove)
			}
			checkRecorded(t, p, closure)
		})
	}
}

// missingIn returns what r doesn't say and should.
func missingIn(r *recipe.Recipe) []string {
	var missing []string
	want := func(what string, there bool) {
		if !there {
			missing = append(missing, what)
		}
	}
	want("summary", r.Summary != "")
	want("license", r.License != "")
	want("homepage", r.Homepage != "")
	want("epoch", r.Epoch != 0)
	if r.Kind == recipe.Base {
		want("end_of_support", r.EndOfSupport != "")
		return missing
	}
	want("runtime", r.Runtime != nil)
	want("documentation", r.Documentation != "")
	want("client", r.Client != "")
	want("connect", r.Connect != "")
	want("limits.size", r.Limits.Size > 0)
	want("limits.memory", r.Limits.Memory > 0)
	want("limits.pids", r.Limits.Pids > 0)
	want("test", len(r.Tests) > 0)
	if r.Runtime != nil && slices.ContainsFunc(r.Runtime.Ports, func(p recipe.Port) bool { return p.Protocol == "tcp" }) {
		want("port with an onion", slices.ContainsFunc(r.Runtime.Ports, func(p recipe.Port) bool { return p.Onion != 0 }))
	}
	return missing
}

// checkRecorded wants the lock to record an image of the plan that there is now.
func checkRecorded(t *testing.T, p *project, closure []*recipe.Recipe) {
	name := closure[0].Name
	f, err := p.readLock(name)
	if err != nil {
		t.Fatal(err)
	}
	files, diags := p.Files(closure[0])
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	plan, err := builder.NewPlan(closure, f, recordedArch, files)
	if err != nil {
		t.Fatal(err)
	}
	image, ok := f.Image(recordedArch)
	if !ok {
		t.Fatalf("no image is recorded for %s: tailsbuild build %s --record", recordedArch, name)
	}
	if got := plan.Digest().String(); got != image.Plan {
		t.Errorf("the image is recorded for plan %s, and the plan is %s: tailsbuild build %s --record", image.Plan, got, name)
	}
}
