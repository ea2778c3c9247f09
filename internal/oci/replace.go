package oci

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"
)

// An OccupiedError reports that Path, where a layout should go, holds something
// else, which is never removed.
type OccupiedError struct{ Path string }

func (e *OccupiedError) Error() string {
	return e.Path + ": exists and is not an OCI image layout"
}

func checkReplaceable(dir string) error {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return &OccupiedError{dir}
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.ReadDir(1); err == io.EOF {
		return nil
	} else if err != nil {
		return err
	}
	marker, err := os.Lstat(filepath.Join(dir, ocispec.ImageLayoutFile))
	if err != nil || !marker.Mode().IsRegular() {
		return &OccupiedError{dir}
	}
	return nil
}

// makeTemp makes and locks a folder beside dir. Who holds the parent's lock may
// make such folders or remove those that nobody has locked: their writers are
// dead.
func makeTemp(dir string) (string, *os.File, error) {
	parent, err := lockDir(filepath.Dir(dir), unix.LOCK_EX)
	if err != nil {
		return "", nil, err
	}
	defer parent.Close()
	prefix := "." + filepath.Base(dir) + ".tmp-"
	if err := removeStale(parent, prefix); err != nil {
		return "", nil, err
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), prefix)
	if err != nil {
		return "", nil, err
	}
	lock, err := lockDir(temp, unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		err = os.Chmod(temp, 0o755)
	}
	if err != nil {
		return "", nil, errors.Join(err, os.Remove(temp))
	}
	return temp, lock, nil
}

func removeStale(parent *os.File, prefix string) error {
	names, err := parent.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		stale := filepath.Join(parent.Name(), name)
		lock, err := lockDir(stale, unix.LOCK_EX|unix.LOCK_NB)
		if err != nil {
			continue // in use, or gone
		}
		err = os.RemoveAll(stale)
		lock.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func lockDir(dir string, how int) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), how); err != nil {
		f.Close()
		return nil, &fs.PathError{Op: "flock", Path: dir, Err: err}
	}
	return f, nil
}

// replace puts the folder temp at dir. Where the file system can exchange two
// names, dir is the old or the new layout at every moment; elsewhere a kill
// between two renames leaves the old one at temp's name with ".old" added.
func replace(temp, dir string) error {
	err := unix.Renameat2(unix.AT_FDCWD, temp, unix.AT_FDCWD, dir, unix.RENAME_NOREPLACE)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS):
		return replaceStepwise(temp, dir)
	case !errors.Is(err, unix.EEXIST):
		return &os.LinkError{Op: "rename", Old: temp, New: dir, Err: err}
	}
	if err := checkReplaceable(dir); err != nil {
		return err
	}
	err = unix.Renameat2(unix.AT_FDCWD, temp, unix.AT_FDCWD, dir, unix.RENAME_EXCHANGE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		return replaceStepwise(temp, dir)
	}
	if err != nil {
		return &os.LinkError{Op: "exchange", Old: temp, New: dir, Err: err}
	}
	return os.RemoveAll(temp)
}

func replaceStepwise(temp, dir string) error {
	if err := checkReplaceable(dir); err != nil {
		return err
	}
	old := temp + ".old"
	if err := ignoreMissing(os.Rename(dir, old)); err != nil {
		return err
	}
	if err := os.Rename(temp, dir); err != nil {
		return errors.Join(err, ignoreMissing(os.Rename(old, dir)))
	}
	return os.RemoveAll(old)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
