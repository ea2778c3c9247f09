package oci

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"
)

// partSuffix ends the name of a blob that isn't complete.
const partSuffix = ".part"

// A BusyError reports that somebody else writes the layout Dir at the moment.
type BusyError struct{ Dir string }

func (e *BusyError) Error() string { return e.Dir + ": somebody else is writing it" }

// Resume is [Create] for a layout that takes long to get: until Commit everything
// is in ".<name>.partial" beside dir, Abort leaves it there, and the next Resume
// goes on with it. What is there is used once its bytes have been checked. It is a
// *[BusyError] when another Writer has it.
func Resume(dir string) (*Writer, error) {
	dir = filepath.Clean(dir)
	if err := checkReplaceable(dir); err != nil {
		return nil, err
	}
	temp := filepath.Join(filepath.Dir(dir), "."+filepath.Base(dir)+".partial")
	if err := os.Mkdir(temp, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	// Somebody else's folder, or a link, could change once it has been checked.
	if info, err := os.Lstat(temp); err != nil {
		return nil, err
	} else if stat, ok := info.Sys().(*syscall.Stat_t); !info.IsDir() || !ok || int(stat.Uid) != os.Geteuid() {
		return nil, &OccupiedError{temp}
	}
	lock, err := lockDir(temp, unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, &BusyError{dir}
	}
	if err != nil {
		return nil, err
	}
	w, err := newWriter(dir, temp, lock)
	if err != nil {
		return nil, err
	}
	w.keep = true
	// What an interrupted Commit left says nothing about this layout.
	for _, name := range []string{ocispec.ImageIndexFile, ocispec.ImageLayoutFile} {
		if err := ignoreMissing(w.root.Remove(name)); err != nil {
			return nil, errors.Join(err, w.Abort())
		}
	}
	return w, nil
}

// Has reports whether the layout has the blob that desc names, complete. Of what
// an earlier Writer left it reads every byte, once, and removes what is wrong.
func (w *Writer) Has(desc ocispec.Descriptor) (bool, error) {
	if err := checkDescriptor(desc); err != nil {
		return false, err
	}
	w.mu.Lock()
	size, ok := w.blobs[desc.Digest]
	w.mu.Unlock()
	switch {
	case ok && size != desc.Size:
		return false, &SizeError{"blob " + desc.Digest.String(), desc.Size, size}
	case ok || !w.keep:
		return ok, nil
	}
	name := BlobPath(desc.Digest)
	f, err := (folder{w.root}).open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	r := newVerifier(f, desc)
	_, err = io.Copy(io.Discard, r)
	r.Close()
	if err != nil {
		return false, ignoreMissing(w.root.Remove(name))
	}
	w.added(desc)
	return true, nil
}

// Fetch adds the blob that desc names. Where it isn't there, open returns its bytes
// from offset on: those before it are there from an earlier call, which was cut
// off. What came is kept when reading ends in an error, so that the same call goes
// on.
func (w *Writer) Fetch(desc ocispec.Descriptor, open func(offset int64) (io.ReadCloser, error)) error {
	if has, err := w.Has(desc); has || err != nil {
		return err
	}
	part := BlobPath(desc.Digest) + partSuffix
	f, err := w.root.OpenFile(part, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	resumed, err := w.fetch(f, desc, open)
	if resumed && isWrong(err) {
		// Which part was wrong, nobody knows: from the start.
		if err = f.Truncate(0); err == nil {
			_, err = w.fetch(f, desc, open)
		}
	}
	if isWrong(err) {
		return errors.Join(err, w.root.Remove(part))
	}
	if err == nil && !w.passing {
		err = f.Sync()
	}
	if err == nil {
		err = w.root.Rename(part, BlobPath(desc.Digest))
	}
	if err == nil {
		w.added(desc)
	}
	return err
}

// isWrong reports whether err is about bytes that are not the blob's.
func isWrong(err error) bool {
	var (
		size *SizeError
		sum  *DigestError
	)
	return errors.As(err, &size) || errors.As(err, &sum)
}

// fetch completes f, which begins with what there is of the blob, and reports
// whether there was any.
func (w *Writer) fetch(f *os.File, desc ocispec.Descriptor, open func(int64) (io.ReadCloser, error)) (resumed bool, err error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	hash := sha256.New()
	n, err := io.Copy(hash, f)
	if err != nil {
		return false, err
	}
	resumed = n > 0
	if n < desc.Size || n == 0 {
		r, err := open(n)
		if err != nil {
			return resumed, err
		}
		defer r.Close()
		// One byte more shows that there are too many.
		limited := io.LimitReader(r, desc.Size-n+1)
		more, err := io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(f, hash)}, limited, make([]byte, 256<<10))
		if n += more; err != nil {
			return resumed, err
		}
	}
	what := "blob " + desc.Digest.String()
	if n != desc.Size {
		return resumed, &SizeError{what, desc.Size, n}
	}
	if got := digest.NewDigest(digest.SHA256, hash); got != desc.Digest {
		return resumed, &DigestError{what, desc.Digest, got}
	}
	return resumed, nil
}

// removeUnused removes what is there and the index's manifests don't name: what an
// earlier Writer left, or this one doesn't need after all.
func (w *Writer) removeUnused(index []ocispec.Descriptor) error {
	if !w.keep {
		return nil
	}
	named, err := (&Layout{files: folder{w.root}}).namedBy(index)
	if err != nil {
		return err
	}
	used := map[string]bool{}
	for _, desc := range named {
		used[desc.Digest.Encoded()] = true
	}
	entries, err := fs.ReadDir(w.root.FS(), blobsFolder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if used[e.Name()] {
			continue
		}
		if err := w.root.RemoveAll(blobsFolder + "/" + e.Name()); err != nil {
			return fmt.Errorf("%s: %w", e.Name(), err)
		}
	}
	return nil
}
