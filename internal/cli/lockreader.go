package cli

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"gitlab.com/tailsbuild/tailsbuild/internal/apk"
	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// A contradictedError reports a lock that says something else of an input than the
// locked index does.
type contradictedError struct {
	Recipe, Input, What string
	Locked, Index       string // Index is "" when it has no such package
}

func (e *contradictedError) Error() string {
	is := "it is not in the locked index"
	if e.Index != "" {
		is = "the locked index has " + e.Index
	}
	return fmt.Sprintf("lock of %s: %s has %s %s, and %s", e.Recipe, e.Input, e.What, e.Locked, is)
}

// A lockReader compares what locks say of indexes and packages with the indexes
// themselves, those that the store has: it fetches nothing.
type lockReader struct {
	project *project
	store   *inputs.Store
	// read has the indexes of all locks so far, by the sha256 of the root file system,
	// whose keys verify them, and their own.
	read map[[2]string]*apk.Index
}

func (p *project) lockReader(from inputFlags) (*lockReader, error) {
	dir, err := from.storeDir()
	if err != nil {
		return nil, err
	}
	store, err := inputs.OpenStore(dir)
	if err != nil {
		return nil, err
	}
	return &lockReader{project: p, store: store, read: map[[2]string]*apk.Index{}}, nil
}

// check returns a *contradictedError for the first thing that isn't so. A lock that
// isn't up to date has to be made anew, and is not looked at.
func (r *lockReader) check(f *lock.File) error {
	archs, diags := r.project.archs(f.Recipe)
	if err := r.project.check(diags); err != nil {
		return err
	}
	for _, arch := range archs {
		closure, diags := r.project.Closure(f.Recipe, arch)
		if err := r.project.check(diags); err != nil {
			return err
		}
		locked, err := f.Closure(closure, arch)
		var missing *lock.MissingError
		if errors.As(err, &missing) {
			continue
		}
		if err != nil {
			return err
		}
		if err := r.checkArch(f.Recipe, closure, arch, locked); err != nil {
			return err
		}
	}
	return nil
}

func (r *lockReader) checkArch(name string, closure []*recipe.Recipe, arch string, locked []lock.Input) error {
	for _, in := range locked {
		if in.Kind != lock.KindIndex {
			continue
		}
		l := &packageLocker{fetcher: &inputs.Fetcher{Store: r.store}, arch: arch, closure: closure, base: locked}
		index, err := r.index(l, in)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("lock of %s: %w", name, err)
		}
		contradicted := func(in lock.Input, what, locked, index string) error {
			return &contradictedError{Recipe: name, Input: in.String(), What: what, Locked: locked, Index: index}
		}
		if in.Key != index.Key {
			return contradicted(in, "key", in.Key, index.Key)
		}
		if in.Time != index.Time {
			return contradicted(in, "time", date(in.Time), date(index.Time))
		}
		for _, p := range locked {
			if p.Kind != lock.KindPackage || p.Repository != in.Name {
				continue
			}
			found := findVersion(index, p.Name, p.Version)
			if found == nil {
				return contradicted(p, "version", p.Version, "")
			}
			if found.Size != p.Size {
				return contradicted(p, "size", strconv.FormatInt(p.Size, 10), strconv.FormatInt(found.Size, 10))
			}
		}
	}
	return nil
}

// index returns the verified index of in. Its error is a fs.ErrNotExist when the store
// doesn't have it, or not the keys.
func (r *lockReader) index(l *packageLocker, in lock.Input) (*apk.Index, error) {
	key := [2]string{"", in.SHA256}
	for _, root := range l.base {
		if root.Kind == lock.KindRootfs {
			key[0] = root.SHA256
		}
	}
	if index := r.read[key]; index != nil {
		return index, nil
	}
	b, err := os.ReadFile(r.store.Path(in.SHA256))
	if err != nil {
		return nil, err
	}
	if fmt.Sprintf("%x", sha256.Sum256(b)) != in.SHA256 {
		return nil, fs.ErrNotExist // which is said when it is used
	}
	if err := l.readKeys(); err != nil {
		return nil, err
	}
	index, err := l.verifyIndex(in.String(), in, b)
	if err != nil {
		return nil, err
	}
	r.read[key] = index.Index
	return index.Index, nil
}

func findVersion(index *apk.Index, name, version string) *apk.Package {
	for _, p := range index.Find(name) {
		if p.Version == version {
			return p
		}
	}
	return nil
}
