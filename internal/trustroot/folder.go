package trustroot

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
	"gitlab.com/tailsbuild/tailsbuild/internal/regular"
)

const (
	metadataDir = "metadata"
	stagedDir   = "staged"
	// maxFiles is how many files either folder may have.
	maxFiles   = 65536
	tempSuffix = ".tmp"
)

// A folder is the trust root's folder, locked. Nothing outside it is read or
// written, whatever links lie in it.
type folder struct {
	dir  string
	root *os.Root
	lock *os.File
}

// openFolder opens and locks the folder dir: for this process alone if it is to
// be written to.
func openFolder(dir string, write bool) (*folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	lock, err := root.Open(".")
	if err != nil {
		root.Close()
		return nil, err
	}
	f := &folder{dir: dir, root: root, lock: lock}
	how := unix.LOCK_SH
	if write {
		how = unix.LOCK_EX
	}
	if err := unix.Flock(int(lock.Fd()), how|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, &BusyError{Dir: dir}
		}
		return nil, &fs.PathError{Op: "flock", Path: dir, Err: err}
	}
	if write {
		if err := f.removeTemps(); err != nil {
			f.Close()
			return nil, err
		}
	}
	return f, nil
}

func (f *folder) Close() error { return errors.Join(f.lock.Close(), f.root.Close()) }

// list returns the names of what is in sub, sorted; none when sub is missing.
func (f *folder) list(sub string) ([]string, error) {
	d, err := f.root.Open(sub)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(maxFiles + 1)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if len(names) > maxFiles {
		return nil, &LimitError{What: "the number of files in " + sub, Size: int64(len(names)), Limit: maxFiles}
	}
	slices.Sort(names)
	return names, nil
}

// read returns the content of a regular file of at most limit bytes.
func (f *folder) read(name string, limit int64) ([]byte, error) {
	b, err := regular.ReadIn(f.root, name, limit)
	var tooLarge *regular.LimitError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &LimitError{What: "the size of " + name + " in bytes", Size: limit + 1, Limit: limit}
	case errors.Is(err, regular.ErrKind):
		return nil, &FormatError{File: name, Problem: regular.ErrKind.Error()}
	}
	return b, err
}

// write puts b at name in one step: name has what it had before or all of b, even
// when the machine stops in between.
func (f *folder) write(name string, b []byte) (err error) {
	dir := path.Dir(name)
	if err := f.root.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	temp := path.Join(dir, "."+path.Base(name)+tempSuffix)
	file, err := f.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(b)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = f.root.Rename(temp, name)
	}
	if err != nil {
		return errors.Join(err, ignoreMissing(f.root.Remove(temp)))
	}
	return f.sync(dir)
}

func (f *folder) remove(name string) error {
	if err := ignoreMissing(f.root.Remove(name)); err != nil {
		return err
	}
	return f.sync(path.Dir(name))
}

func (f *folder) sync(dir string) error {
	d, err := f.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// removeTemps removes what a killed process left half-written. Only the process
// that has the lock writes such files.
func (f *folder) removeTemps() error {
	for _, sub := range []string{metadataDir, stagedDir} {
		names, err := f.list(sub)
		if err != nil {
			return err
		}
		for _, name := range names {
			if strings.HasPrefix(name, ".") && strings.HasSuffix(name, tempSuffix) {
				if err := f.root.Remove(path.Join(sub, name)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

var publishedName = lazyregexp.New(`^([1-9][0-9]{0,15})\.(.+)\.json$`)

// parseName reads the name of a published file; the timestamp's has no version.
func parseName(name string) (role string, version int64, ok bool) {
	if name == "timestamp.json" {
		return "timestamp", 0, true
	}
	m := publishedName.FindStringSubmatch(name)
	if m == nil || m[2] == "timestamp" {
		return "", 0, false
	}
	version, err := strconv.ParseInt(m[1], 10, 64)
	return m[2], version, err == nil && version <= maxVersion
}

// unexpected reports a file that has no place in the folder.
func unexpected(sub, name string) error {
	return &FormatError{File: path.Join(sub, name), Problem: fmt.Sprintf("no file of the trust root is called %.100q; remove it", name)}
}
