package diffoscope

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// dockerManifest is the file of docker save that names its images.
const dockerManifest = "manifest.json"

// An aroundPair compares what is around images that are identical.
type aroundPair struct {
	inputs   [2]*Input
	recorder *recorder
	left     int64 // bytes that may be compared
	differs  bool
}

// compareAround compares what is around two inputs with identical images, and says what
// differs. None of it makes the images differ.
func compareAround(ctx context.Context, r *recorder, c *Comparison, a, b *Input) error {
	if a.fetched || b.fetched || os.SameFile(a.info, b.info) {
		return nil
	}
	p := &aroundPair{inputs: [2]*Input{a, b}, recorder: r, left: a.limits.size()}
	err := p.compare(ctx)
	c.around = p.differs
	var limit *oci.LimitError
	if errors.As(err, &limit) {
		r.skip("what is around the images: " + limit.Error())
		return nil
	}
	return err
}

// say says what differs.
func (p *aroundPair) say(format string, args ...any) {
	p.differs = true
	p.recorder.skip(fmt.Sprintf(format, args...))
}

func (p *aroundPair) compare(ctx context.Context) error {
	a, b := p.inputs[0], p.inputs[1]
	if x, y := a.storage(), b.storage(); x != y {
		p.say("the images are stored as %s in A, as %s in B", x, y)
	}
	if a.file != nil && b.file != nil {
		same, err := p.sameTar(ctx)
		if same || err != nil {
			return err
		}
		p.say("the tar around the images, which is not part of them, differs: %d and %d bytes", a.info.Size(), b.info.Size())
	}
	if a.docker != b.docker {
		return nil
	}
	return p.compareFiles(ctx)
}

// storage is how the images are stored, in words.
func (i *Input) storage() string {
	switch {
	case i.docker:
		return "what docker save writes"
	case i.file != nil:
		return "an OCI layout in a tar"
	}
	return "an OCI layout in a folder"
}

func (p *aroundPair) sameTar(ctx context.Context) (bool, error) {
	var files [2]io.Reader
	for side, i := range p.inputs {
		info, err := i.file.Stat()
		if err != nil {
			return false, err
		}
		files[side] = io.NewSectionReader(i.file, 0, info.Size())
	}
	return p.same(ctx, files)
}

// same reports whether two files have the same bytes.
func (p *aroundPair) same(ctx context.Context, files [2]io.Reader) (bool, error) {
	var readers [2]*bufio.Reader
	for side, f := range files {
		readers[side] = bufio.NewReaderSize(&aroundReader{f, p}, compareBlock)
	}
	w, err := firstDifference(ctx, readers[0], readers[1])
	return w == nil, err
}

// An aroundReader ends with a *oci.LimitError.
type aroundReader struct {
	io.Reader
	pair *aroundPair
}

func (r *aroundReader) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if r.pair.left -= int64(n); r.pair.left < 0 {
		limit := r.pair.inputs[0].limits.size()
		return 0, &oci.LimitError{What: "bytes that are compared there", Size: limit - r.pair.left, Limit: limit}
	}
	return n, err
}

// found are the names of files of which the same is said.
type found []string

func (f found) text() string { return fmt.Sprintf("%d, the first %q", len(f), f[0]) }

// compareFiles compares the files that have no bytes of the images.
func (p *aroundPair) compareFiles(ctx context.Context) error {
	names, err := p.names()
	if err != nil {
		return err
	}
	verified := map[string]bool{} // the files of the images' blobs
	p.inputs[0].index.blobs(func(d digest.Digest) {
		verified[oci.BlobPath(d)] = true
	})
	var blobs, others, unread found
	for _, name := range names {
		if verified[name] {
			continue
		}
		same, err := p.sameFile(ctx, name)
		var limit *oci.LimitError
		switch {
		case errors.As(err, &limit) || ctx.Err() != nil:
			return err
		case err != nil:
			unread = append(unread, name)
		case same:
		case name == ocispec.ImageIndexFile || name == ocispec.ImageLayoutFile || name == dockerManifest:
			p.say("%s, which is around the images and not part of them, differs", name)
		case oci.IsBlob(name):
			blobs = append(blobs, name)
		default:
			others = append(others, name)
		}
	}
	if len(blobs) > 0 {
		p.say("blobs that are not part of the images differ: %s", blobs.text())
	}
	if len(others) > 0 {
		p.say("files that are not part of the images differ: %s", others.text())
	}
	if len(unread) > 0 {
		p.recorder.skip("files that are not part of the images, and can't be read: " + unread.text())
	}
	return nil
}

// names returns the names of the files of both inputs.
func (p *aroundPair) names() ([]string, error) {
	var all []string
	for _, i := range p.inputs {
		names, err := i.layout.Names(i.limits.entries())
		if err != nil {
			return nil, err
		}
		all = append(all, names...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// sameFile reports whether a file is in both inputs, and the same.
func (p *aroundPair) sameFile(ctx context.Context, name string) (bool, error) {
	var files [2]io.Reader
	for side, i := range p.inputs {
		f, err := i.layout.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		defer f.Close()
		files[side] = f
	}
	return p.same(ctx, files)
}
