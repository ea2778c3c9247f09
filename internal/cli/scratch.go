package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"gitlab.com/tailsbuild/tailsbuild/builder"
)

// A scratch is a folder for one run's builders. A lock on the file beside it says
// that the run is alive, whatever ends it.
type scratch struct {
	dir  string
	lock *os.File
}

const lockSuffix = ".lock"

// newScratch makes a folder below parent, after removing those of runs that ended
// before they could.
func newScratch(parent string) (_ *scratch, err error) {
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, err
	}
	if err := removeStale(parent); err != nil {
		return nil, err
	}
	s := &scratch{}
	for s.lock == nil {
		if s.lock, err = newLock(parent); err != nil {
			return nil, err
		}
	}
	s.dir = strings.TrimSuffix(s.lock.Name(), lockSuffix)
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	return s, nil
}

// newLock makes and locks a file in parent. It returns no file when another run
// took it for stale before it was locked.
func newLock(parent string) (*os.File, error) {
	f, err := os.CreateTemp(parent, "*"+lockSuffix)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", f.Name(), err), f.Close())
	}
	mine, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if there, err := os.Stat(f.Name()); err != nil || !os.SameFile(mine, there) {
		return nil, f.Close()
	}
	return f, nil
}

// remove removes the folder and all in it.
func (s *scratch) remove() error {
	err := builder.Remove(s.dir)
	if err == nil {
		err = os.Remove(s.lock.Name())
	}
	return errors.Join(err, s.lock.Close())
}

// removeStale removes the scratch folders in parent whose run is dead.
func removeStale(parent string) error {
	locks, err := filepath.Glob(filepath.Join(globEscape(parent), "*"+lockSuffix))
	if err != nil {
		return err
	}
	for _, path := range locks {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if errors.Is(err, fs.ErrNotExist) {
			continue // another run was quicker
		}
		if err != nil {
			return err
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
			_ = f.Close() // its run is alive
			continue
		}
		s := &scratch{dir: strings.TrimSuffix(path, lockSuffix), lock: f}
		if err := s.remove(); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
