package inputs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

// A Store is a folder with files that are known by their sha256. Several
// processes may use one store at once.
//
// Complete files are in sha256/<hex>, read-only. What is being written is in
// tmp/, downloads that can be taken up again are in partial/<hex>, and lock/ has
// the files that processes lock each other out with.
type Store struct{ dir string }

// OpenStore opens the store in dir, and makes it if it isn't there.
func OpenStore(dir string) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	for _, sub := range []string{"sha256", "tmp", "partial", "lock"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	s := &Store{dir: dir}
	return s, s.sweep()
}

// sweep removes what a process that was killed more than a day ago left in tmp.
func (s *Store) sweep() error {
	tmp := filepath.Join(s.dir, "tmp")
	entries, err := os.ReadDir(tmp)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || time.Since(info.ModTime()) < 24*time.Hour {
			continue // gone already, or perhaps still written to
		}
		if err := os.RemoveAll(filepath.Join(tmp, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// Path returns where the store has, or would have, the file with that sha256 in hex.
func (s *Store) Path(sha256 string) string {
	return filepath.Join(s.dir, "sha256", filepath.Base(sha256))
}

func (s *Store) partial(sha256 string) string {
	return filepath.Join(s.dir, "partial", filepath.Base(sha256))
}

// lock waits until no other goroutine or process fetches the file with that
// sha256, and returns the function that lets them again.
//
// There are 256 lock files and none is ever removed, so that none can be removed
// under a waiting process. Whoever holds one takes no second one.
func (s *Store) lock(ctx context.Context, sha256 string) (unlock func(), err error) {
	path := filepath.Join(s.dir, "lock", sha256[:2])
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, &StoreError{Path: path, Err: err}
	}
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			file.Close()
			return nil, &StoreError{Path: path, Err: err}
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			file.Close()
			return nil, err
		}
	}
}

// check reports whether the store has in. It reads the whole file; one that was
// changed since it was stored is removed, so that it is fetched again.
func (s *Store) check(ctx context.Context, in lock.Input) (bool, error) {
	path := s.Path(in.SHA256)
	file, err := openRegular(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	var format *FormatError
	if errors.As(err, &format) {
		return false, os.RemoveAll(path)
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	size, sum, err := hashFile(ctx, file)
	if err != nil {
		return false, fmt.Errorf("%s: %w", path, err)
	}
	if sum != in.SHA256 {
		return false, os.Remove(path)
	}
	if size != in.Size {
		return false, &MismatchError{
			Input: in.String(), File: path, What: "size",
			Want: fmt.Sprint(in.Size), Got: fmt.Sprint(size),
		}
	}
	return true, nil
}

// temp makes a file in tmp. Callers remove it, which does nothing once it was
// moved into place.
func (s *Store) temp() (*os.File, error) {
	file, err := os.CreateTemp(filepath.Join(s.dir, "tmp"), "file-")
	if err != nil {
		return nil, &StoreError{Path: s.dir, Err: err}
	}
	return file, nil
}

// put moves file, whose content has the given sha256, into place and closes it.
func (s *Store) put(file *os.File, sha256 string) error {
	path := s.Path(sha256)
	err := errors.Join(file.Chmod(0o444), file.Sync())
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return &StoreError{Path: path, Err: err}
	}
	return nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// openRegular opens a regular file. Anything else, a FIFO above all, is a
// *FormatError and is not waited for.
func openRegular(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &FormatError{File: path, Problem: "not a regular file"}
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// hashFile returns the size of file and its sha256 in hex, from its start.
func hashFile(ctx context.Context, file *os.File) (size int64, sum string, err error) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return 0, "", err
	}
	h := sha256.New()
	size, err = io.Copy(h, &contextReader{ctx, file})
	return size, hex.EncodeToString(h.Sum(nil)), err
}

// A contextReader stops reading when its context is done.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func validSHA256(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}
