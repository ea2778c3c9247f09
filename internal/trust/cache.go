package trust

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The files of a cache. Those that the trust root has are kept as they came and
// verified again whenever they are read; only stateFile is believed.
const (
	stateFile = "state.json"
	rootsDir  = "roots"
	rolesDir  = "roles"
	tempName  = ".tmp-"
)

// A cache is the folder in which a user's machine keeps what it has of a trust
// root. Who opens it holds its lock until close.
type cache struct {
	dir  string
	root *os.Root
	lock *os.File
}

// openCache makes the folder dir if there is none, and waits for its lock until
// ctx ends.
func openCache(ctx context.Context, dir string) (*cache, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, &CacheError{dir, err}
	}
	lock, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, &CacheError{dir, err}
	}
	if err := flock(ctx, lock, dir); err != nil {
		lock.Close()
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		lock.Close()
		return nil, &CacheError{dir, err}
	}
	return &cache{dir, root, lock}, nil
}

func flock(ctx context.Context, f *os.File, dir string) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return &CacheError{dir, err}
		}
		select {
		case <-ctx.Done():
			return errors.Join(&BusyError{dir}, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// close gives the lock back, too: it belongs to the open folder.
func (c *cache) close() {
	c.root.Close()
	c.lock.Close()
}

// sweep removes what writers that were killed have left. Nobody else writes: the
// lock is ours.
func (c *cache) sweep() error {
	for _, dir := range []string{".", rootsDir, rolesDir} {
		entries, err := fs.ReadDir(c.root.FS(), dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return &CacheError{c.dir, err}
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), tempName) {
				if err := c.root.Remove(filepath.Join(dir, e.Name())); err != nil && !readOnly(err) {
					return &CacheError{c.dir, err}
				}
			}
		}
	}
	return nil
}

// readOnly reports whether err is that of a cache which this user may only read.
func readOnly(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS)
}

// empty reports whether the cache has no file at all.
func (c *cache) empty() (bool, error) {
	entries, err := fs.ReadDir(c.root.FS(), ".")
	if err != nil {
		return false, &CacheError{c.dir, err}
	}
	return len(entries) == 0, nil
}

// read returns the content of name, nil when there is none.
func (c *cache) read(name string, limit int64) ([]byte, error) {
	b, err := readFile(c.root, name, limit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &CacheError{c.dir, err}
	}
	return b, nil
}

// write puts b at name, aside and renamed, unless it is there already.
func (c *cache) write(name string, b []byte) error {
	if old, err := c.read(name, int64(len(b))); err == nil && bytes.Equal(old, b) {
		return nil
	}
	if err := c.replace(name, b); err != nil {
		return &CacheError{c.dir, err}
	}
	return nil
}

func (c *cache) replace(name string, b []byte) error {
	dir := filepath.Dir(name)
	if err := c.root.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temp := filepath.Join(dir, tempName+filepath.Base(name))
	f, err := c.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = c.root.Rename(temp, name)
	}
	if err != nil {
		return errors.Join(err, c.root.Remove(temp))
	}
	d, err := c.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func rootFile(version int64) string { return fmt.Sprintf("%d.root.json", version) }
