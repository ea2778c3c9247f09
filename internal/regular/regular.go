// Package regular reads files that are named by people or by other files: regular
// ones alone, and no more of them than a limit.
package regular

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// ErrKind says that there is something else than a regular file: a folder, a FIFO, a
// device. It comes in an *[fs.PathError].
var ErrKind = errors.New("not a regular file")

// A LimitError reports that the file at Path has more than Limit bytes.
type LimitError struct {
	Path  string
	Limit int64
}

func (e *LimitError) Error() string { return fmt.Sprintf("%s: more than %d bytes", e.Path, e.Limit) }

// Read returns what is in the file at path, of at most limit bytes. Links are
// followed.
func Read(path string, limit int64) ([]byte, error) { return read(os.OpenFile, path, limit) }

// ReadIn is [Read] of a file below root, which links don't lead out of.
func ReadIn(root *os.Root, name string, limit int64) ([]byte, error) {
	return read(root.OpenFile, name, limit)
}

// read asks the open file what it is, so that nobody can put another in its place.
// O_NONBLOCK keeps a FIFO from blocking us.
func read(open func(string, int, fs.FileMode) (*os.File, error), path string, limit int64) ([]byte, error) {
	f, err := open(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: path, Err: ErrKind}
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, &LimitError{Path: path, Limit: limit}
	}
	return b, nil
}
