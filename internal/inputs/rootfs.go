package inputs

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

// Limits on a rootfs, once decompressed.
const (
	maxUnpacked = 4 << 30
	maxEntries  = 1 << 20
)

// resolveURL fetches an input with a URL that is not locked yet.
func (f *Fetcher) resolveURL(ctx context.Context, want lock.Input, check Check, t *transfer) (lock.Input, error) {
	exp := expected{name: want.String(), size: -1, sha256: want.SHA256, check: check}
	if want.Size > 0 { // an apk's, from its index
		exp.size = want.Size
	}
	if want.Kind == lock.KindIndex {
		exp.most = maxIndex
	}
	got := want
	if want.Kind == lock.KindRootfs {
		exp.check = func(from string, file io.ReaderAt, size int64) (err error) {
			if got.DiffID, err = diffID(ctx, io.NewSectionReader(file, 0, size), from); err == nil && check != nil {
				err = check(from, file, size)
			}
			return err
		}
	}
	var err error
	if want.SHA256 == "" {
		got.Size, got.SHA256, err = f.fetchNew(ctx, want.URL, exp, t)
	} else {
		got.Size, got.SHA256, err = f.resolvePinned(ctx, want, exp, t)
	}
	if err != nil {
		return lock.Input{}, err
	}
	return got, nil
}

// resolvePinned fetches a file whose sha256 the recipe gives, unless it is in
// the store.
func (f *Fetcher) resolvePinned(ctx context.Context, want lock.Input, exp expected, t *transfer) (int64, string, error) {
	if !validSHA256(want.SHA256) {
		return 0, "", &KindError{Input: want}
	}
	unlock, err := f.Store.lock(ctx, want.SHA256)
	if err != nil {
		return 0, "", err
	}
	defer unlock()
	if file, err := openRegular(f.Store.Path(want.SHA256)); err == nil {
		defer file.Close()
		if size, sum, err := hashFile(ctx, file); err == nil && sum == want.SHA256 {
			if exp.check != nil {
				if refused := exp.check("the store", file, size); refused != nil {
					return 0, "", &RefusedError{refused}
				}
			}
			return size, sum, nil
		}
	}
	return f.fetchPartial(ctx, want.URL, exp, t)
}

// diffID returns the sha256, in hex, of the tar archive in a gzip file. from is the
// file's name in messages.
//
// The file is to become an image's layer as it is, so it must be what every tool
// reads alike: one gzip member with nothing after it, and one tar archive with
// nothing but zeros after it.
func diffID(ctx context.Context, file io.Reader, from string) (string, error) {
	in := bufio.NewReaderSize(&contextReader{ctx, file}, 64<<10)
	gz, err := gzip.NewReader(in)
	if err != nil {
		return "", &FormatError{File: from, Problem: "not a gzip file", Err: err}
	}
	gz.Multistream(false)
	h := sha256.New()
	limited := &limitReader{r: io.TeeReader(gz, h), left: maxUnpacked, what: from}
	if err := checkTar(limited, from); err != nil {
		return "", err
	}
	if _, err := in.ReadByte(); err != io.EOF {
		return "", &FormatError{File: from, Problem: "data after the end of the gzip member"}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// checkTar reads r, which must be one tar archive, to its end.
func checkTar(r io.Reader, from string) error {
	archive := tar.NewReader(r)
	for entries := 0; ; entries++ {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return &FormatError{File: from, Problem: "not a tar archive", Err: err}
		}
		if !inTree(h.Name) || h.Typeflag == tar.TypeLink && !inTree(h.Linkname) {
			return &FormatError{File: from, Problem: fmt.Sprintf("an entry leads out of the tree: %.200q %.200q", h.Name, h.Linkname)}
		}
		if entries >= maxEntries {
			return &LimitError{What: "number of entries of " + from, Limit: maxEntries}
		}
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		for _, b := range buf[:n] {
			if b != 0 {
				return &FormatError{File: from, Problem: "data after the end of the tar archive"}
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return &FormatError{File: from, Problem: "not a tar archive", Err: err}
		}
	}
}

// inTree reports whether the name of an archive's entry stays in the folder that
// it is unpacked into, whatever unpacks it.
func inTree(name string) bool { return filepath.IsLocal(filepath.FromSlash(name)) }

// A limitReader returns a *LimitError once more than left bytes were read.
type limitReader struct {
	r    io.Reader
	left int64
	what string
}

func (l *limitReader) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, &LimitError{What: l.what, Limit: maxUnpacked}
	}
	return n, err
}
