package cli

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

// recordedFile has, for each output compatibility version, what each recipe of this
// repository and its lock gave: the plan, and the image that was recorded for it.
const recordedFile = "testdata/compatibility.txt"

// A recordedOutput is one line of it.
type recordedOutput struct {
	compatibility      int
	recipe, arch       string
	input, plan, image string // input is that of the plan: recipes, files, variables and lock
}

func (r recordedOutput) key() string {
	return fmt.Sprintf("%d %s %s %s", r.compatibility, r.recipe, r.arch, r.input)
}

func (r recordedOutput) String() string { return fmt.Sprintf("%s %s %s", r.key(), r.plan, r.image) }

// TestCompatibility: a recipe and a lock keep giving the same plan and, as far as is
// recorded, the same image, for as long as the output compatibility version stays the
// same. Auditors rebuild old releases with newer versions of tailsbuild.
//
// Whoever changes what comes out on purpose raises Compatibility in
// lock.CurrentOutput, as docs/audit.md says. -update adds what has changed with a
// recipe or lock, and takes nothing else.
func TestCompatibility(t *testing.T) {
	known := readRecorded(t)
	now := recordedNow(t)
	for _, r := range now {
		was, ok := known[r.key()]
		switch {
		case ok && was.plan != r.plan:
			t.Errorf("%s for %s: the same recipe and lock made the plan %s, and make %s now", r.recipe, r.arch, was.plan, r.plan)
		case ok && was.image != r.image:
			t.Errorf("%s for %s: the same plan made the image %s, and the lock records %s now", r.recipe, r.arch, was.image, r.image)
		case !ok && !*update:
			t.Errorf("%s for %s: its recipe or lock is new, run the test with -update", r.recipe, r.arch)
		}
	}
	if !*update || t.Failed() {
		return
	}
	var b strings.Builder
	b.WriteString("# compatibility recipe arch input plan image, see compatibility_test.go\n")
	for _, r := range now {
		fmt.Fprintln(&b, r)
	}
	if err := os.WriteFile(recordedFile, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readRecorded(t *testing.T) map[string]recordedOutput {
	t.Helper()
	b, err := os.ReadFile(recordedFile)
	if err != nil && !*update {
		t.Fatal(err)
	}
	known := map[string]recordedOutput{}
	for line := range bytes.Lines(b) {
		if bytes.HasPrefix(line, []byte("#")) {
			continue
		}
		var r recordedOutput
		if _, err := fmt.Sscan(string(line), &r.compatibility, &r.recipe, &r.arch, &r.input, &r.plan, &r.image); err != nil {
			t.Fatalf("%s: %q: %v", recordedFile, line, err)
		}
		known[r.key()] = r
	}
	return known
}

// recordedNow makes the plan of every recipe for every architecture that its lock
// records an image for.
func recordedNow(t *testing.T) []recordedOutput {
	t.Helper()
	p, err := newApp(nil, io.Discard, io.Discard).openProject(recipeFlags{dir: "../../recipes"})
	if err != nil {
		t.Fatal(err)
	}
	names, err := p.Names()
	if err != nil {
		t.Fatal(err)
	}
	var all []recordedOutput
	for _, name := range names {
		f, err := p.readLock(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Images) == 0 {
			t.Errorf("the lock of %s records no image", name)
		}
		for _, im := range f.Images {
			l, err := p.loadFor(name, im.Arch, f)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if im.Size == 0 {
				t.Errorf("the lock of %s doesn't have the size of its image for %s, so that archive would need a release", name, im.Arch)
			}
			plan := l.plan.Digest().String()
			if im.Plan != plan {
				t.Errorf("%s for %s: the lock records the plan %s, and it is %s", name, im.Arch, im.Plan, plan)
			}
			all = append(all, recordedOutput{lock.CurrentOutput().Compatibility, name, im.Arch, inputOf(l), plan, im.Digest})
		}
	}
	return all
}

// inputOf returns a digest of all that a plan is made of.
func inputOf(l *loaded) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(l.seal.Files)) {
		fmt.Fprintf(h, "%s %d\n%s", name, len(l.seal.Files[name]), l.seal.Files[name])
	}
	fmt.Fprintln(h, l.lock.Digest())
	return fmt.Sprintf("%x", h.Sum(nil)[:16])
}
