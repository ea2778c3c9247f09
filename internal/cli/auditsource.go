package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

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

// A sourceError reports a folder of recipes that can't be read. That is no difference
// between its recipes and a release's.
type sourceError struct {
	Dir string
	Err error
}

func (e *sourceError) Error() string {
	return fmt.Sprintf("--source %s: %v", e.Dir, e.Err)
}

func (e *sourceError) Unwrap() error { return e.Err }

// openSource opens the auditor's own folder of recipes.
func (u *auditor) openSource(dir string) (*project, error) {
	// What is wrong in it is an error's, and not printed beside it.
	p, err := newApp(nil, io.Discard, io.Discard).openProject(recipeFlags{dir: dir})
	if err != nil {
		return nil, &sourceError{dir, err}
	}
	names, err := p.Names()
	if err == nil && len(names) == 0 {
		err = errors.New("there are no recipes")
	}
	if err != nil {
		return nil, &sourceError{dir, err}
	}
	return p, nil
}

// compareSource compares the release's recipes, their files, the lock and the plan
// with those in the auditor's folder of recipes. It returns what speaks against the
// release: others read it, so that it has no path of this machine. An error is a
// *[sourceError].
func (t *oneAudit) compareSource(l *loaded) ([]string, error) {
	if t.flags.source == "" {
		return nil, nil
	}
	s := &sourced{Dir: t.flags.source}
	t.out.Source = s
	p, err := t.openSource(s.Dir)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(s.compareFiles(l), s.compareLock(p, l)); err != nil {
		return nil, &sourceError{s.Dir, err}
	}
	if len(s.Differs) == 0 {
		return nil, nil
	}
	return []string{fmt.Sprintf("it is not made of the auditor's recipes: %s", strings.Join(s.Differs, ", "))}, nil
}

func (s *sourced) differ(format string, args ...any) {
	s.Differs = append(s.Differs, fmt.Sprintf(format, args...))
}

// compareFiles compares the recipes, their files and the lock.
func (s *sourced) compareFiles(l *loaded) error {
	for _, name := range slices.Sorted(maps.Keys(l.seal.Files)) {
		if name == recipe.ProjectFile {
			continue // the variables' values, which the plan shows
		}
		how, err := compareFile(filepath.Join(s.Dir, filepath.FromSlash(name)), l.seal.Files[name])
		if err != nil {
			return err
		}
		if how != "" {
			s.differ("%s %s", name, how)
		}
	}
	return nil
}

// compareFile says how the file at path differs from content, "" if it doesn't.
func compareFile(path string, content []byte) (string, error) {
	var long *regular.LimitError
	b, err := regular.Read(path, int64(len(content)))
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return "is not there", nil
	case errors.As(err, &long), errors.Is(err, regular.ErrKind), err == nil && !bytes.Equal(b, content):
		return "is another file", nil
	}
	return "", err
}

// compareLock compares the lock, the recorded image and the plan.
func (s *sourced) compareLock(p *project, l *loaded) error {
	name, arch := l.plan.Recipe().Name, l.plan.Arch()
	var (
		unlocked *unlockedError
		diags    *recipeError
		missing  *lock.MissingError
	)
	locked, err := p.readLock(name)
	switch {
	case errors.As(err, &unlocked):
		s.differ("%s/%s is not there", name, lock.FileName)
		return nil
	case errors.As(err, &diags):
		s.differ("%s/%s is no lock that can be read", name, lock.FileName)
		return nil
	case err != nil:
		return err
	case locked.Digest() != l.lock.Digest():
		s.differ("%s/%s is another lock", name, lock.FileName)
		return nil
	}
	theirs, _ := l.lock.Image(arch)
	if im, ok := locked.Image(arch); ok && im.Plan == theirs.Plan && im.Digest != theirs.Digest {
		s.differ("its lock records the image %s", im.Digest)
	}
	if len(s.Differs) > 0 {
		return nil // another recipe has another plan, which says nothing more
	}
	// What the plan reads, whatever the toolchain record says.
	p.ownOutput = true
	own, err := p.loadFor(name, arch, locked)
	if err != nil && !errors.As(err, &diags) && !errors.As(err, &missing) {
		return err
	}
	if err != nil || own.plan.Digest() != l.plan.Digest() {
		s.differ("a variable has another value, so that the plan is another")
	}
	return nil
}
