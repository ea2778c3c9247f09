package diffoscope

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// fileName is what the one file of a fileTree is called, so that two with other names
// are compared.
const fileName = "file"

// firstEntry is more than what is read of a tar, at most, for its first header.
const firstEntry = 1 << 20

// A fileTree is a file that is no archive, such as a program: one entry, of which only
// the content is compared.
type fileTree struct {
	file   *os.File
	path   string
	limits Limits
	digest digest.Digest // of what the first reading gave
}

func (t *fileTree) form() string { return formFile }

func (t *fileTree) kept(int64, int64) *io.SectionReader { return nil }

func (t *fileTree) walk(ctx context.Context, fn func(*entry) error) (*summary, error) {
	r := io.NewSectionReader(t.file, 0, t.limits.size()+1)
	e := &entry{header: &tar.Header{Typeflag: tar.TypeReg, Name: fileName}}
	if err := newContentHasher().read(ctx, r, e); err != nil {
		return nil, err
	}
	if e.size > t.limits.size() {
		return nil, &oci.LimitError{What: "size of " + t.path, Size: e.size, Limit: t.limits.size()}
	}
	t.digest = sha256Digest(e.content)
	return &summary{entries: 1, bytes: e.size}, fn(e)
}

func (t *fileTree) again(_ context.Context, wants func(int) bool, _ int, fn func(int, contentReader) error) error {
	if !wants(0) {
		return nil
	}
	return fn(0, fileContent{io.NewSectionReader(t.file, 0, t.limits.size())})
}

// A fileContent has no header: what is known of it comes from the file system.
type fileContent struct{ io.Reader }

// Header returns nothing.
func (fileContent) Header() []byte { return nil }

// isTar reports whether t begins with an entry of a tar, or is one without any.
func (t *tarTree) isTar() (bool, error) {
	r, err := t.section()
	if err != nil || r.Size() == 0 {
		return false, err
	}
	lr, err := t.open(r, r.Size())
	var limit *oci.LimitError
	if err != nil {
		return errors.As(err, &limit), nil
	}
	defer lr.Close()
	_, err = lr.Next()
	if errors.As(err, &limit) {
		return lr.Size() <= firstEntry, nil // what goes on for longer is zeros
	}
	return err == nil || errors.Is(err, io.EOF), nil
}
