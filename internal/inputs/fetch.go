package inputs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

// maxDownload is the largest file, in bytes, that is fetched before its size is
// locked, and maxIndex the largest index.
const (
	maxDownload = 2 << 30
	maxIndex    = 64 << 20
)

// expected is what is known of a file before it is fetched.
type expected struct {
	name   string // the input's, for messages
	size   int64  // -1 when not known
	sha256 string // "" when not known
	most   int64  // when size is not known; 0 is maxDownload
	check  Check  // of a file with that size and sha256, nil for none
}

func (w expected) limit() int64 {
	switch {
	case w.size >= 0:
		return w.size
	case w.most > 0:
		return w.most
	}
	return maxDownload
}

// tooLarge is the error for a file with more bytes than limit.
func (w expected) tooLarge(from string) error {
	if w.size < 0 {
		return &LimitError{What: from, Limit: w.limit()}
	}
	return w.wrongSize(from, fmt.Sprintf("more than %d", w.size))
}

func (w expected) wrongSize(from, got string) error {
	return &MismatchError{Input: w.name, File: from, What: "size", Want: fmt.Sprint(w.size), Got: got}
}

// fetchURL brings a locked input with a URL into the store. The caller holds its lock.
func (f *Fetcher) fetchURL(ctx context.Context, in lock.Input, t *transfer) error {
	want := expected{name: in.String(), size: in.Size, sha256: in.SHA256}
	_, _, err := f.fetchPartial(ctx, in.URL, want, t)
	return err
}

// fetchPartial fetches a file whose sha256 is known, taking up what an earlier
// run left of it.
func (f *Fetcher) fetchPartial(ctx context.Context, url string, want expected, t *transfer) (int64, string, error) {
	path := f.Store.partial(want.sha256)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o644)
	if err != nil {
		return 0, "", &StoreError{Path: path, Err: err}
	}
	defer file.Close()
	size, sum, err := f.fetchAny(ctx, url, want, file, t)
	if err != nil {
		if info, statErr := file.Stat(); statErr == nil && info.Size() == 0 {
			os.Remove(path)
		}
		return 0, "", err
	}
	return size, sum, f.Store.put(file, sum)
}

// fetchNew fetches a file of which nothing is known.
func (f *Fetcher) fetchNew(ctx context.Context, url string, want expected, t *transfer) (int64, string, error) {
	file, err := f.Store.temp()
	if err != nil {
		return 0, "", err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	size, sum, err := f.fetchAny(ctx, url, want, file, t)
	if err != nil {
		return 0, "", err
	}
	return size, sum, f.Store.put(file, sum)
}

// fetchAny fills file from the first location that has what is wanted.
func (f *Fetcher) fetchAny(ctx context.Context, url string, want expected, file *os.File, t *transfer) (int64, string, error) {
	missing := &MissingError{Input: want.name}
	for _, l := range f.locations(url) {
		size, sum, err := f.fetchFrom(ctx, l, want, file, t)
		if err == nil {
			return size, sum, nil
		}
		if ctxErr := ctx.Err(); ctxErr != nil {
			return 0, "", ctxErr
		}
		var local *StoreError
		var refused *RefusedError
		if errors.As(err, &local) || errors.As(err, &refused) {
			return 0, "", err
		}
		missing.Tried = append(missing.Tried, Attempt{Location: l.name, Err: err})
	}
	return 0, "", missing
}

// fetchFrom fills file from l and returns its size and sha256, which are those
// wanted. After a mismatch, file is empty.
func (f *Fetcher) fetchFrom(ctx context.Context, l location, want expected, file *os.File, t *transfer) (int64, string, error) {
	if l.url != "" && f.Offline {
		return 0, "", &OfflineError{Location: l.name}
	}
	if l.url == "" {
		if err := f.copyLocal(ctx, l, want, file, t); err != nil {
			return 0, "", err
		}
		return verify(ctx, file, l.path, want)
	}
	start, err := startOffset(file, want)
	if err != nil {
		return 0, "", err
	}
	d := &download{client: f.httpClient(), url: l.url, want: want, file: file, transfer: t, pause: f.pause}
	t.from(l.name, start)
	if err := d.run(ctx); err != nil {
		return 0, "", err
	}
	size, sum, err := verify(ctx, file, l.url, want)
	var mismatch *MismatchError
	if start > 0 && errors.As(err, &mismatch) {
		// What was there before may have been another location's fault.
		t.from(l.name, 0)
		if err := d.run(ctx); err != nil {
			return 0, "", err
		}
		return verify(ctx, file, l.url, want)
	}
	return size, sum, err
}

// startOffset returns how much of the file is there already. What can't be the
// beginning of the wanted file is dropped.
func startOffset(file *os.File, want expected) (int64, error) {
	info, err := file.Stat()
	if err != nil {
		return 0, &StoreError{Path: file.Name(), Err: err}
	}
	if want.sha256 == "" || info.Size() > want.limit() {
		return 0, truncate(file)
	}
	return info.Size(), nil
}

// verify reads the whole file and compares it with what is wanted. A file that
// isn't is emptied.
func verify(ctx context.Context, file *os.File, from string, want expected) (int64, string, error) {
	size, sum, err := hashFile(ctx, file)
	if err != nil {
		return 0, "", &StoreError{Path: file.Name(), Err: err}
	}
	switch {
	case want.size >= 0 && size != want.size:
		err = want.wrongSize(from, fmt.Sprint(size))
	case want.sha256 != "" && sum != want.sha256:
		err = &MismatchError{Input: want.name, File: from, What: "sha256", Want: want.sha256, Got: sum}
	case want.check != nil:
		if refused := want.check(from, file, size); refused != nil {
			err = &RefusedError{refused}
		}
	}
	if err == nil {
		return size, sum, nil
	}
	if local := truncate(file); local != nil {
		err = errors.Join(err, local)
	}
	return 0, "", err
}

// copyLocal fills file from a file on this machine.
func (f *Fetcher) copyLocal(ctx context.Context, l location, want expected, file *os.File, t *transfer) error {
	src, err := openRegular(l.path)
	if err != nil && l.folderMissing() {
		return &FolderError{Folder: l.name}
	}
	if err != nil {
		return err
	}
	defer src.Close()
	info, err := src.Stat()
	if err != nil {
		return err
	}
	if want.size >= 0 && info.Size() != want.size {
		return want.wrongSize(l.path, fmt.Sprint(info.Size()))
	}
	if err := truncate(file); err != nil {
		return err
	}
	t.from(l.name, 0)
	n, err := copyBytes(file, &contextReader{ctx, src}, want.limit(), t)
	if err == nil && n > want.limit() {
		err = errors.Join(want.tooLarge(l.path), truncate(file))
	}
	return err
}

// copyBytes appends at most limit+1 bytes of src to file. An error of src is
// returned as it is, one of file as a *StoreError.
func copyBytes(file *os.File, src io.Reader, limit int64, t *transfer) (int64, error) {
	buf := make([]byte, 128<<10)
	var total int64
	for total <= limit {
		n, readErr := src.Read(buf[:min(int64(len(buf)), limit+1-total)])
		total += int64(n)
		t.add(int64(n))
		if _, err := file.Write(buf[:n]); err != nil {
			return total, &StoreError{Path: file.Name(), Err: err}
		}
		if readErr == io.EOF {
			return total, nil
		}
		if readErr != nil {
			return total, readErr
		}
	}
	return total, nil
}

func truncate(file *os.File) error {
	_, err := file.Seek(0, io.SeekStart)
	if err := errors.Join(err, file.Truncate(0)); err != nil {
		return &StoreError{Path: file.Name(), Err: err}
	}
	return nil
}
