package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/apk"
	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// A packageLocker locks the packages of one recipe for one architecture.
type packageLocker struct {
	fetcher *inputs.Fetcher
	draw    *progress.Display
	work    string // for the builder
	arch    string
	closure []*recipe.Recipe
	// base are the root file system and the indexes, and under the packages of the
	// base what its lock has. Indexes that have no sha256 are not locked yet.
	base  []lock.Input
	under *lockedBase
	old   []lock.Input // what was locked before
	// allowOlder says that indexes may be older than those in old.
	allowOlder bool
	fresh      *freshInputs

	keys    apk.Keys
	indexes []repositoryIndex
}

// A repositoryIndex is the verified index of a repository, and the keys that may
// sign what is in it.
type repositoryIndex struct {
	*apk.Index
	input lock.Input
	keys  apk.Keys
	// own says that the recipe has its key, and overrides what it may have that others
	// have, too.
	own       bool
	overrides []string
}

// lock returns the indexes, with the keys that signed them, the packages, and the
// worlds that install them.
func (l *packageLocker) lock(ctx context.Context) (_ []lock.Input, _ []lock.World, err error) {
	// It starts while the indexes are read.
	selector, err := builder.StartSelector(ctx, l.closure, l.arch, builder.Options{
		Store: l.fetcher.Store, Work: l.work, Progress: l.draw,
	})
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, selector.Close()) }()
	files := slices.DeleteFunc(slices.Clone(l.base), func(in lock.Input) bool { return in.Kind == lock.KindIndex })
	if err := l.fetcher.Fetch(ctx, files); err != nil {
		return nil, nil, err
	}
	if err := l.readKeys(); err != nil {
		return nil, nil, err
	}
	if err := l.readIndexes(ctx); err != nil {
		return nil, nil, err
	}
	file := &lock.File{Recipe: l.closure[0].Name, Output: lock.CurrentOutput(), Inputs: l.base}
	if l.under != nil {
		file.Worlds = []lock.World{l.under.world}
	}
	choices, err := selector.Select(ctx, file)
	if err != nil {
		return nil, nil, err
	}
	if l.under != nil {
		choices = append([]builder.Choice{l.under.choice()}, choices...)
	}
	selected, worlds, err := l.unite(choices)
	if err != nil {
		return nil, nil, err
	}
	got, err := l.packages(ctx, selected)
	if err != nil {
		return nil, nil, err
	}
	for _, index := range l.indexes {
		got = append(got, index.input)
	}
	if l.under != nil {
		got = append(got, l.under.inputs...)
	}
	return got, worlds, nil
}

// A versionsError reports a package that two worlds of a recipe need in different
// versions: a lock has one.
type versionsError struct {
	Recipe, Package string
	Uses, Versions  [2]string
}

func (e *versionsError) Error() string {
	return fmt.Sprintf("packages of %s: its %s takes %s-%s and its %s %s-%s, and one lock has one of them",
		e.Recipe, e.Uses[0], e.Package, e.Versions[0], e.Uses[1], e.Package, e.Versions[1])
}

// unite returns the packages of all choices, by name, and the worlds.
func (l *packageLocker) unite(choices []builder.Choice) ([]builder.Selected, []lock.World, error) {
	type chosen struct{ version, use string }
	all := map[string]chosen{}
	var worlds []lock.World
	for _, c := range choices {
		w := c.World
		for _, s := range c.Selected {
			other, ok := all[s.Name]
			if ok && other.version != s.Version {
				return nil, nil, &versionsError{
					Recipe: l.closure[0].Name, Package: s.Name,
					Uses: [2]string{other.use, w.Use}, Versions: [2]string{other.version, s.Version},
				}
			}
			if !ok {
				all[s.Name] = chosen{s.Version, w.Use}
			}
			w.Installs = append(w.Installs, s.Name)
		}
		slices.Sort(w.Installs)
		worlds = append(worlds, w)
	}
	var selected []builder.Selected
	for _, name := range slices.Sorted(maps.Keys(all)) {
		selected = append(selected, builder.Selected{Name: name, Version: all[name].version})
	}
	return selected, worlds, nil
}

// packages fetches and verifies what was selected, without what the base has.
func (l *packageLocker) packages(ctx context.Context, selected []builder.Selected) (_ []lock.Input, err error) {
	selected = slices.DeleteFunc(selected, func(s builder.Selected) bool {
		return l.under != nil && isIn(l.under.inputs, lock.Input{Kind: lock.KindPackage, Name: s.Name, Arch: l.arch})
	})
	entries := make([]entry, len(selected))
	want := make([]lock.Input, len(selected))
	for i, s := range selected {
		if entries[i], err = l.find(s); err != nil {
			return nil, err
		}
		want[i] = entries[i].input(l.arch)
	}
	byName := make(map[string]entry)
	for _, e := range entries {
		byName[e.Name] = e
	}
	got, err := resolveAll(want, func(in lock.Input) (lock.Input, error) {
		return l.fetchPackage(ctx, byName[in.Name], in)
	})
	return got, l.orGone(err)
}

// open opens an input in the store, which has just been checked or written.
func (l *packageLocker) open(in lock.Input) (*os.File, error) {
	return os.Open(l.fetcher.Store.Path(in.SHA256))
}

// readKeys takes the keys of the base, which are those that apk will use.
func (l *packageLocker) readKeys() error {
	i := slices.IndexFunc(l.base, func(in lock.Input) bool { return in.Kind == lock.KindRootfs })
	if i < 0 {
		return fmt.Errorf("recipe %s: no root file system to take Alpine's keys from", l.closure[0].Name)
	}
	f, err := l.open(l.base[i])
	if err != nil {
		return err
	}
	defer f.Close()
	l.keys, err = apk.RootfsKeys(l.base[i].String(), f, l.arch)
	return err
}

// readIndexes gets, verifies and reads the indexes of all repositories.
func (l *packageLocker) readIndexes(ctx context.Context) error {
	for i, in := range l.base {
		if in.Kind != lock.KindIndex {
			continue
		}
		index, err := l.fetchIndex(ctx, in)
		if err != nil {
			return err
		}
		l.base[i] = index.input
		l.indexes = append(l.indexes, index)
	}
	return nil
}

// verifyIndex verifies an index with the keys of its own repository: the base's, or
// the one that the recipe gives it. name is what errors call it.
func (l *packageLocker) verifyIndex(name string, in lock.Input, b []byte) (repositoryIndex, error) {
	var repository recipe.Repository
	for _, r := range l.closure {
		for _, repo := range r.Repositories {
			if repo.Name == in.Name {
				repository = repo
			}
		}
	}
	if repository.Key == "" {
		index, err := apk.ReadIndex(name, b, l.keys)
		return repositoryIndex{Index: index, keys: l.keys}, err
	}
	index, keys, err := apk.ReadOwnIndex(name, b, repository.Key)
	if err != nil {
		return repositoryIndex{}, err
	}
	// In the sandbox, apk finds a key by its name alone.
	taken := l.keys[index.Key]
	for _, other := range l.indexes {
		if key := other.keys[index.Key]; key != nil && !key.Equal(keys[index.Key]) {
			taken = key
		}
	}
	if taken != nil {
		return repositoryIndex{}, &apk.KeyError{
			Name: index.Key, Problem: fmt.Sprintf("signs %s, and a key of the base or of another repository is called the same", in),
		}
	}
	return repositoryIndex{Index: index, keys: keys, own: true, overrides: repository.Overrides}, nil
}

// An ambiguousError reports a package that two repositories have in the same
// version, but not the same bytes.
type ambiguousError struct {
	Package      string // "name-version"
	Repositories [2]string
}

func (e *ambiguousError) Error() string {
	return fmt.Sprintf("package %s: the repositories %s and %s have different ones", e.Package, e.Repositories[0], e.Repositories[1])
}

// An entry is a package as the index of its repository has it.
type entry struct {
	*apk.Package
	repository repositoryIndex
}

// find looks a selected package up in the indexes. One for another architecture gives
// an *apk.MismatchError.
func (l *packageLocker) find(s builder.Selected) (entry, error) {
	var found []entry
	for _, index := range l.indexes {
		for _, p := range index.Find(s.Name) {
			if p.Version == s.Version {
				found = append(found, entry{p, index})
			}
		}
	}
	if len(found) == 0 {
		return entry{}, fmt.Errorf("apk selects %s-%s, which is in no index", s.Name, s.Version)
	}
	for _, other := range found[1:] {
		if other.Checksum != found[0].Checksum {
			return entry{}, &ambiguousError{
				Package:      found[0].String(),
				Repositories: [2]string{found[0].repository.input.Name, other.repository.input.Name},
			}
		}
	}
	for _, e := range found {
		// apk would choose it, and the index's key has signed it.
		if e.Arch != l.arch && e.Arch != "noarch" {
			return entry{}, &apk.MismatchError{Package: e.String(), What: "arch", Want: l.arch, Got: e.Arch}
		}
	}
	return found[0], l.checkOverride(found[0])
}

// An overrideError reports a package of a repository with a key of its own that calls
// itself what another repository has: whoever has that key could replace any package.
type overrideError struct {
	Package           string // "name-version"
	Name              string
	Repository, Other string
}

func (e *overrideError) Error() string {
	return fmt.Sprintf("package %s: the repository %s has %s, which %s has, too", e.Package, e.Repository, e.Name, e.Other)
}

func (l *packageLocker) checkOverride(e entry) error {
	if !e.repository.own {
		return nil
	}
	names := []string{e.Name}
	for _, s := range e.Provides {
		c, err := apk.ParseConstraint(s)
		if err != nil {
			return err
		}
		if !strings.Contains(c.Name, ":") { // so:, cmd: and the like are no packages
			names = append(names, c.Name)
		}
	}
	for _, other := range l.indexes {
		for _, name := range names {
			if other.input.Name != e.repository.input.Name && len(other.Find(name)) > 0 && !slices.Contains(e.repository.overrides, name) {
				return &overrideError{Package: e.String(), Name: name, Repository: e.repository.input.Name, Other: other.input.Name}
			}
		}
	}
	return nil
}

// input returns what is to be fetched.
func (e entry) input(arch string) lock.Input {
	index := e.repository.input
	return lock.Input{
		Kind: lock.KindPackage, Name: e.Name, Arch: arch, Version: e.Version, Size: e.Size, Repository: index.Name,
		URL: lock.PackageURL(index.URL, e.Name, e.Version),
	}
}

// lockPackages locks the packages of all architectures that u has to solve, and
// sets u's worlds. known are the inputs that are locked or just resolved.
func (p *project) lockPackages(ctx context.Context, u *lockUpdate, known []lock.Input, flags lockFlags, fresh *freshInputs, fetcher *inputs.Fetcher, d *progress.Display) (_ []lock.Input, err error) {
	if len(u.solve) == 0 {
		return nil, nil
	}
	dir, err := flags.from.storeDir()
	if err != nil {
		return nil, err
	}
	work, err := newScratch(filepath.Join(dir, "work"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, work.remove()) }()
	var all []lock.Input
	for _, arch := range u.solve {
		closure, diags := p.Closure(u.Recipe, arch)
		if err := p.check(diags); err != nil {
			return nil, err
		}
		l := &packageLocker{
			fetcher: fetcher, draw: d, work: filepath.Join(work.dir, arch), arch: arch, closure: closure, under: u.bases[arch],
			old: u.old.Inputs, allowOlder: flags.allowOlder, fresh: fresh,
		}
		if err := errors.Join(l.takeBase(known), os.Mkdir(l.work, 0o700)); err != nil {
			return nil, err
		}
		got, worlds, err := l.lock(ctx)
		if err != nil {
			return nil, err
		}
		all, u.worlds = append(all, got...), append(u.worlds, worlds...)
	}
	return all, nil
}

// takeBase takes from known, or from the lock of the base, what packages are
// selected with.
func (l *packageLocker) takeBase(known []lock.Input) error {
	if l.under != nil {
		known = slices.Concat(l.under.inputs, known)
		for _, in := range l.under.inputs {
			if in.Kind == lock.KindPackage {
				l.base = append(l.base, in)
			}
		}
	}
	for _, want := range lock.Wanted(l.closure, l.arch) {
		if want.Kind != lock.KindRootfs && want.Kind != lock.KindIndex {
			continue
		}
		i := slices.IndexFunc(known, func(in lock.Input) bool { return in.String() == want.String() })
		switch {
		case i >= 0:
			l.base = append(l.base, known[i])
		case want.Kind == lock.KindIndex:
			l.base = append(l.base, want)
		default:
			return fmt.Errorf("recipe %s: %s is not there to select packages with", l.closure[0].Name, want)
		}
	}
	return nil
}
