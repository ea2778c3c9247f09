package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"gitlab.com/tailsbuild/tailsbuild/internal/apk"
	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// An olderIndexError reports a mirror whose index is older than the locked one:
// whoever serves it hides what was mended since.
type olderIndexError struct {
	Index string // the input's name
	From  string // the file
	// Time and Locked are in seconds since 1970.
	Time, Locked int64
}

func (e *olderIndexError) Error() string {
	return fmt.Sprintf("%s from %s: it is of %s, older than the locked one, of %s", e.Index, e.From, date(e.Time), date(e.Locked))
}

// A goneError reports that what the packages of a lock were chosen from is on no
// mirror any more, so that no other package can be chosen from it.
type goneError struct {
	Recipe string
	Err    error
}

func (e *goneError) Error() string {
	return fmt.Sprintf("recipe %s: its packages were chosen from what no location has any more: %v", e.Recipe, e.Err)
}

func (e *goneError) Unwrap() error { return e.Err }

// freshInputs are the inputs that mirrors have now, so that all recipes of one run are
// locked to the same ones, each fetched once.
type freshInputs struct {
	indexes map[string]lock.Input // by URL
	mu      sync.Mutex
	others  map[string]lock.Input // by what is asked for
}

func newFreshInputs() *freshInputs {
	return &freshInputs{indexes: map[string]lock.Input{}, others: map[string]lock.Input{}}
}

// resolve returns what resolve does for in, or did for an input that differs in its
// name alone.
func (f *freshInputs) resolve(in lock.Input, resolve func(lock.Input) (lock.Input, error)) (lock.Input, error) {
	asked := in
	asked.Name = ""
	key := fmt.Sprintf("%+v", asked)
	f.mu.Lock()
	got, ok := f.others[key]
	f.mu.Unlock()
	if !ok {
		var err error
		if got, err = resolve(in); err != nil {
			return lock.Input{}, err
		}
		f.mu.Lock()
		f.others[key] = got
		f.mu.Unlock()
	}
	got.Name = in.Name
	return got, nil
}

// indexes returns the indexes that the packages of closure are chosen from.
func indexes(closure []*recipe.Recipe, arch string) []lock.Input {
	return slices.DeleteFunc(lock.Wanted(closure, arch), func(in lock.Input) bool { return in.Kind != lock.KindIndex })
}

// fetchIndex returns the verified index of in: the locked one if in has a sha256,
// and else that of the first mirror that has one. That must not be older than the
// locked one.
func (l *packageLocker) fetchIndex(ctx context.Context, in lock.Input) (repositoryIndex, error) {
	want, locked := in, in.SHA256 != ""
	if seen, ok := l.fresh.indexes[in.URL]; ok && !locked {
		want.SHA256, want.Size = seen.SHA256, seen.Size
	}
	var index repositoryIndex
	got, err := l.fetcher.ResolveChecked(ctx, want, l.checkIndex(in, &index))
	var missing *inputs.MissingError
	if locked && errors.As(err, &missing) {
		err = &goneError{Recipe: l.closure[0].Name, Err: err}
	}
	if err != nil {
		return repositoryIndex{}, err
	}
	if !locked {
		l.fresh.indexes[in.URL] = got
	}
	index.input = got
	index.input.Key, index.input.Time = index.Key, index.Time
	return index, nil
}

// checkIndex returns a check of an index that also leaves it in index.
func (l *packageLocker) checkIndex(in lock.Input, index *repositoryIndex) inputs.Check {
	return func(from string, file io.ReaderAt, size int64) error {
		if size > apk.MaxIndex {
			return &apk.LimitError{What: fmt.Sprintf("%s from %s", in, from), Limit: apk.MaxIndex}
		}
		b, err := readWhole(file, size)
		if err != nil {
			return err
		}
		read, err := l.verifyIndex(fmt.Sprintf("%s from %s", in, from), in, b)
		if err != nil {
			return err
		}
		*index = read
		return l.notOlder(in, read.Index, from)
	}
}

// readWhole returns the content of a file of size bytes, which is limited already.
func readWhole(file io.ReaderAt, size int64) ([]byte, error) {
	b := make([]byte, size)
	_, err := io.ReadFull(io.NewSectionReader(file, 0, size), b)
	return b, err
}

// notOlder compares an index that isn't locked with the locked one of the same
// repository.
func (l *packageLocker) notOlder(in lock.Input, index *apk.Index, from string) error {
	i := slices.IndexFunc(l.old, func(o lock.Input) bool { return o.String() == in.String() && o.URL == in.URL })
	if in.SHA256 != "" || i < 0 || index.Time >= l.old[i].Time || l.allowOlder {
		return nil
	}
	return &olderIndexError{Index: in.String(), From: from, Time: index.Time, Locked: l.old[i].Time}
}

// fetchPackage brings the package of an index into the store, verified. One that
// was locked before keeps its bytes: a mirror may have others of the same version
// that are signed as well.
func (l *packageLocker) fetchPackage(ctx context.Context, e entry, in lock.Input) (lock.Input, error) {
	for _, o := range l.old {
		if o.String() == in.String() && o.URL == in.URL && o.Size == in.Size {
			in.SHA256 = o.SHA256
		}
	}
	return l.fetcher.ResolveChecked(ctx, in, func(from string, file io.ReaderAt, size int64) error {
		if _, err := e.Verify(file, size, e.repository.keys); err != nil {
			return fmt.Errorf("%s from %s: %w", in, from, err)
		}
		return nil
	})
}

// orGone returns err, of fetching a package, as a *goneError when no location has
// the package and another index might have one instead.
func (l *packageLocker) orGone(err error) error {
	kept := slices.ContainsFunc(l.indexes, func(x repositoryIndex) bool {
		return slices.ContainsFunc(l.old, func(o lock.Input) bool { return o.Kind == lock.KindIndex && o.SHA256 == x.input.SHA256 })
	})
	var missing *inputs.MissingError
	var mismatch *inputs.MismatchError
	if !kept || !errors.As(err, &missing) || errors.As(err, &mismatch) {
		return err
	}
	return &goneError{Recipe: l.closure[0].Name, Err: err}
}
