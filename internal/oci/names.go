package oci

import (
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// A lister is where a layout's files are, if they can be listed.
type lister interface {
	// list gives the name of each file to fn, in any order, and of no directory.
	list(fn func(name string) error) error
}

// Names returns the names of all files in the layout, sorted, whether or not anything
// names them: of a tar, those of the tar. More than limit are a *[LimitError].
func (l *Layout) Names(limit int) ([]string, error) {
	files, ok := l.files.(lister)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	var names []string
	err := files.list(func(name string) error {
		if len(names) == limit {
			return &LimitError{"files of the layout", int64(limit) + 1, int64(limit)}
		}
		names = append(names, name)
		return nil
	})
	slices.Sort(names)
	return names, err
}

// Open opens the file called name, and checks nothing. Its error is fs.ErrNotExist if
// there is none.
func (l *Layout) Open(name string) (io.ReadCloser, error) { return l.files.open(name) }

// IsBlob reports whether a file called name is a blob.
func IsBlob(name string) bool { return strings.HasPrefix(name, ocispec.ImageBlobsDir+"/") }

func (d folder) list(fn func(string) error) error {
	return fs.WalkDir(d.root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		return fn(name)
	})
}

func (t *tarFiles) list(fn func(string) error) error {
	for name := range t.parts {
		if t.aliases[name] {
			continue
		}
		if err := fn(name); err != nil {
			return err
		}
	}
	for name := range t.links {
		if err := fn(name); err != nil {
			return err
		}
	}
	return nil
}
