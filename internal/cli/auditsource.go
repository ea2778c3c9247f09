package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
	"gitlab.com/tailsbuild/tailsbuild/internal/regular"
)

// A sourced is how the release's recipes compare with the auditor's own.
type sourced struct {
	Dir string `json:"dir"`
	// Differs are the files that are others, or are not there, and what else is.
	Differs []string `json:"differs,omitempty"`
}

// compareSource compares the release's recipes, their files, the lock and the plan
// with those in the auditor's folder of recipes. It returns what speaks against the
// release.
func (t *oneAudit) compareSource(l *loaded) []string {
	if t.flags.source == "" {
		return nil
	}
	s := &sourced{Dir: t.flags.source}
	t.out.Source = s
	for _, name := range slices.Sorted(maps.Keys(l.seal.Files)) {
		if name == recipe.ProjectFile {
			continue // the variables' values, which the plan shows
		}
		b, err := regular.Read(filepath.Join(s.Dir, filepath.FromSlash(name)), maxSourceFile)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			s.differ("%s is not there", name)
		case err != nil:
			s.differ("%s can't be read: %v", name, err)
		case string(b) != string(l.seal.Files[name]):
			s.differ("%s is another file", name)
		}
	}
	if err := s.comparePlan(t.app, l); err != nil {
		s.differ("%v", err)
	}
	if len(s.Differs) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("it is not made of the auditor's recipes: %s", strings.Join(s.Differs, ", "))}
}

// maxSourceFile is more than a file of a recipe may have.
const maxSourceFile = 32 << 20

func (s *sourced) differ(format string, args ...any) {
	s.Differs = append(s.Differs, fmt.Sprintf(format, args...))
}

// comparePlan compares lock, plan and the recorded image.
func (s *sourced) comparePlan(a *app, l *loaded) error {
	// Only what differs is to be said, and not on the terminal.
	quiet := newApp(nil, a.stderr, a.stderr)
	p, err := quiet.openProject(recipeFlags{dir: s.Dir})
	if err != nil {
		return err
	}
	name := l.plan.Recipe().Name
	locked, err := p.readLock(name)
	if err != nil {
		return err
	}
	if locked.Digest() != l.lock.Digest() {
		s.differ("%s/%s is another lock", name, lock.FileName)
		return nil
	}
	p.ownOutput = true
	own, err := p.load(name)
	if err != nil {
		return err
	}
	// What the plan reads, whatever the toolchain record says.
	if own.plan.Digest() != l.plan.Digest() {
		s.differ("the plan is another, so that a variable has another value")
	}
	theirs, _ := l.lock.Image(l.plan.Arch())
	if im, ok := locked.Image(l.plan.Arch()); ok && im.Plan == theirs.Plan && im.Digest != theirs.Digest {
		s.differ("its lock records the image %s", im.Digest)
	}
	return nil
}
