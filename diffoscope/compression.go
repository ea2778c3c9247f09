package diffoscope

import (
	"bufio"
	"context"
	"fmt"
	"io"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// A container is what the bytes of a tar are in: a layer's blob, or a file.
type container struct {
	desc ocispec.Descriptor
	open func() (io.ReadCloser, error)
}

// compareContainers lists what differs outside of the entries: what follows the last of
// them, and how the tars are compressed. All of that when the tars are the same, what
// the headers say otherwise.
func (p *pair) compareContainers(ctx context.Context, c [2]container) error {
	p.compareTrailers("bytes after the last entry", p.sums[0].trailer, p.sums[1].trailer)
	if err := p.compareCompression(ctx, c); err != nil {
		return err
	}
	p.requireExplanation(c)
	return nil
}

func (p *pair) compareCompression(ctx context.Context, c [2]container) error {
	a, b := p.sums[0], p.sums[1]
	if a.compression != b.compression {
		p.addCompression("compression", orNone(a.compression), orNone(b.compression))
		return nil
	}
	before := p.recorder.total
	if a.gzip != nil && b.gzip != nil {
		p.compareGzip(a.gzip, b.gzip)
	}
	if a.zstd != nil && b.zstd != nil {
		p.compareZstd(a.zstd, b.zstd)
	}
	if a.members != b.members {
		p.addCompression("gzip members", fmt.Sprint(a.members), fmt.Sprint(b.members))
	}
	p.compareTrailers("bytes after the compressed tar", a.after, b.after)
	if a.diffID == b.diffID && c[0].desc.Digest != c[1].desc.Digest && a.after.Digest == b.after.Digest {
		return p.compareBlobs(ctx, c, p.recorder.total > before)
	}
	return nil
}

func (p *pair) compareZstd(a, b *oci.ZstdHeader) {
	size := func(h *oci.ZstdHeader) string {
		if !h.HasSize {
			return "none"
		}
		return fmt.Sprint(h.ContentSize)
	}
	for _, f := range []struct{ name, a, b string }{
		{"zstd window", fmt.Sprint(a.Window), fmt.Sprint(b.Window)},
		{"zstd content size", size(a), size(b)},
		{"zstd checksum", fmt.Sprint(a.Checksum), fmt.Sprint(b.Checksum)},
		{"zstd single segment", fmt.Sprint(a.Single), fmt.Sprint(b.Single)},
		{"zstd dictionary", fmt.Sprint(a.Dictionary), fmt.Sprint(b.Dictionary)},
	} {
		// The content's size differs with the content.
		if f.a != f.b && !(f.name == "zstd content size" && a.HasSize && b.HasSize && p.sums[0].size != p.sums[1].size) {
			p.addCompression(f.name, f.a, f.b)
		}
	}
}

func (p *pair) addCompression(name, a, b string) {
	p.add(&Difference{Kind: KindCompression, Name: name, A: text(a), B: text(b), Offset: -1}, name)
}

func (p *pair) compareGzip(a, b *oci.GzipHeader) {
	for _, f := range []struct{ name, a, b string }{
		{"gzip flags", fmt.Sprintf("%#02x", a.Flags), fmt.Sprintf("%#02x", b.Flags)},
		{"gzip mtime", fmt.Sprint(a.ModTime), fmt.Sprint(b.ModTime)},
		{"gzip extra flags", fmt.Sprint(a.ExtraFlags), fmt.Sprint(b.ExtraFlags)},
		{"gzip operating system", fmt.Sprint(a.OS), fmt.Sprint(b.OS)},
		{"gzip extra field", fmt.Sprintf("%x", a.Extra), fmt.Sprintf("%x", b.Extra)},
		{"gzip name", a.Name, b.Name},
		{"gzip comment", a.Comment, b.Comment},
	} {
		if f.a != f.b {
			p.addCompression(f.name, f.a, f.b)
		}
	}
}

// compareBlobs looks for the first differing byte of two blobs that decompress to
// the same, behind their headers when those were found to differ.
func (p *pair) compareBlobs(ctx context.Context, c [2]container, headers bool) error {
	var blobs [2]*bufio.Reader
	var skip [2]int64
	for side := range c {
		blob, err := c[side].open()
		if err != nil {
			return err
		}
		defer blob.Close()
		blobs[side] = bufio.NewReaderSize(blob, 64<<10)
		if headers && p.sums[side].gzip != nil {
			skip[side] = p.sums[side].gzip.Size
		}
		if _, err := io.CopyN(io.Discard, blobs[side], skip[side]); err != nil {
			return unexpected(err)
		}
	}
	w, err := firstDifference(ctx, blobs[0], blobs[1])
	if err != nil || w == nil {
		return err
	}
	w.start += skip[0]
	d := &Difference{
		Kind: KindCompression, Name: "compressed bytes", A: blobValue(c[0].desc), B: blobValue(c[1].desc),
	}
	setExcerpt(d, *w)
	p.add(d, d.Name)
	return nil
}

func blobValue(desc ocispec.Descriptor) *Value {
	return &Value{Digest: desc.Digest, Size: desc.Size}
}

// requireExplanation adds a difference when the layers' blobs differ and nothing
// was found in them: bytes decide.
func (p *pair) requireExplanation(c [2]container) {
	if c[0].desc.Digest == c[1].desc.Digest || p.recorder.total > p.before {
		return
	}
	p.add(&Difference{
		Kind: KindUnexplained, Name: "layer", Offset: -1,
		A: &Value{Digest: p.sums[0].diffID, Size: p.sums[0].size},
		B: &Value{Digest: p.sums[1].diffID, Size: p.sums[1].size},
	}, "layer")
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
