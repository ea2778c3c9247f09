package oci

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// A lister are files that can be listed.
type lister interface {
	// list gives the name of each file to fn, in any order. Directories are none.
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

// Open opens the file called name, which nothing is known of. Its error is
// fs.ErrNotExist if there is none.
func (l *Layout) Open(name string) (io.ReadCloser, error) { return l.files.open(name) }

// IsBlob reports whether name is that of a blob in a layout, which says its digest.
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
	for name := range maps.Keys(t.parts) {
		if _, ok := t.aliases[name]; ok {
			continue
		}
		if err := fn(name); err != nil {
			return err
		}
	}
	for name := range maps.Keys(t.links) {
		if err := fn(name); err != nil {
			return err
		}
	}
	return nil
}
