package diffoscope

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// A tree is something with entries: a layer, several as one, a tar, a directory. Both
// readings give the same entries in the same order, or an error.
type tree interface {
	// walk gives each entry to fn.
	walk(ctx context.Context, fn func(*entry) error) (*summary, error)
	// again reads the entries to the one with index last, and gives those to fn whose
	// indices it wants.
	again(ctx context.Context, wants func(index int) bool, last int, fn func(index int, r contentReader) error) error
	// kept returns an entry's content, if it needs no second reading and is known to be
	// what the first one gave, else nil.
	kept(at, size int64) *io.SectionReader
	// form is what the tree is, for example "tar".
	form() string
}

// The forms of trees.
const (
	formImage     = "image"
	formTar       = "tar"
	formDirectory = "directory"
	formFile      = "file"
)

// A contentReader reads the content of one entry.
type contentReader interface {
	io.Reader
	// Header returns the bytes of the entry's header.
	Header() []byte
}

// A layerTree is one layer of an image.
type layerTree struct {
	image  *Image
	n      int
	keeper *keeper // nil if it is read once
}

func (t layerTree) form() string { return formImage }

func (t layerTree) open() (*oci.LayerReader, error) { return t.openWith(t.image.layerLimits()) }

func (t layerTree) openWith(limits oci.LayerLimits) (*oci.LayerReader, error) {
	return t.image.layout.OpenLayer(t.image.layers[t.n], limits)
}

func (t layerTree) kept(at, size int64) *io.SectionReader { return t.keeper.content(at, size) }

func (t layerTree) walk(ctx context.Context, fn func(*entry) error) (*summary, error) {
	lr, err := t.open()
	if err != nil {
		return nil, err
	}
	if t.keeper != nil && lr.Compression() != "" {
		lr.Copy(t.keeper)
	}
	sum, err := walkEntries(ctx, lr, fn)
	if err != nil {
		return nil, err
	}
	if want := t.image.diffIDs[t.n]; sum.diffID != want {
		return nil, &oci.DigestError{Blob: "uncompressed layer", Expected: want, Got: sum.diffID}
	}
	if t.image.walked != nil {
		t.image.walked[t.n] = true
	}
	return sum, nil
}

func (t layerTree) again(ctx context.Context, wants func(int) bool, last int, fn func(int, contentReader) error) error {
	lr, err := t.keeper.open("layer "+t.image.layers[t.n].Digest.String(), t.image.layerLimits())
	if lr == nil && err == nil {
		limits := t.image.layerLimits()
		limits.NoDiffID = true
		lr, err = t.openWith(limits)
	}
	if err != nil {
		return err
	}
	return entriesAgain(ctx, lr, wants, last, fn)
}

// entriesAgain is again for one tar. What is read is checked against the first
// reading, which checked all of it against the digest, so this one may stop early.
func entriesAgain(ctx context.Context, lr *oci.LayerReader, wants func(int) bool, last int, fn func(int, contentReader) error) error {
	defer lr.Close()
	for i := range last + 1 {
		if err := ctx.Err(); err != nil {
			return err
		}
		hdr, err := lr.Next()
		if err != nil {
			return unexpected(err)
		}
		if !wants(i) {
			continue
		}
		if err := fn(i, lr); err != nil {
			return fmt.Errorf("%q: %w", hdr.Name, err)
		}
	}
	return nil
}

// Close forgets what was kept of the layer.
func (t layerTree) Close() error { return t.keeper.Close() }

// A tarTree is a tar that belongs to no image.
type tarTree struct {
	file   *os.File
	path   string
	limits Limits
	desc   ocispec.Descriptor // of what the first reading gave
}

func (t *tarTree) form() string { return formTar }

func (t *tarTree) kept(int64, int64) *io.SectionReader { return nil }

func (t *tarTree) section() (*io.SectionReader, error) {
	info, err := t.file.Stat()
	if err != nil {
		return nil, err
	}
	return io.NewSectionReader(t.file, 0, info.Size()), nil
}

func (t *tarTree) open(r io.Reader, size int64) (*oci.LayerReader, error) {
	limits := t.limits.layer()
	limits.Lenient = true
	return oci.OpenTar(io.NopCloser(r), size, t.path, limits)
}

func (t *tarTree) walk(ctx context.Context, fn func(*entry) error) (*summary, error) {
	r, err := t.section()
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	lr, err := t.open(io.TeeReader(r, sum), r.Size())
	if err != nil {
		return nil, err
	}
	s, err := walkEntries(ctx, lr, fn)
	if err != nil {
		return nil, err
	}
	t.desc = ocispec.Descriptor{Digest: digest.NewDigest(digest.SHA256, sum), Size: r.Size()}
	s.bytes = r.Size()
	return s, nil
}

func (t *tarTree) container() container {
	return container{t.desc, func() (io.ReadCloser, error) {
		r, err := t.section()
		return io.NopCloser(r), err
	}}
}

func (t *tarTree) again(ctx context.Context, wants func(int) bool, last int, fn func(int, contentReader) error) error {
	r, err := t.section()
	if err != nil {
		return err
	}
	lr, err := t.open(r, r.Size())
	if err != nil {
		return err
	}
	return entriesAgain(ctx, lr, wants, last, fn)
}
