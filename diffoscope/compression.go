package diffoscope

import (
	"bufio"
	"context"
	"fmt"
	"io"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// compareCompression lists how the layers' compression differs: all of it when the
// tars are the same, what their headers say otherwise.
func (p *pair) compareCompression(ctx context.Context) error {
	a, b := p.sums[0], p.sums[1]
	if a.compression != b.compression {
		p.addCompression("compression", orNone(a.compression), orNone(b.compression))
		return nil
	}
	before := p.recorder.total
	if a.gzip != nil && b.gzip != nil {
		p.compareGzip(a.gzip, b.gzip)
	}
	if a.diffID == b.diffID && p.a.layers[p.layer].Digest != p.b.layers[p.layer].Digest {
		if err := p.compareBlobs(ctx, p.recorder.total > before); err != nil {
			return err
		}
	}
	p.requireExplanation()
	return nil
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
func (p *pair) compareBlobs(ctx context.Context, headers bool) error {
	var blobs [2]*bufio.Reader
	var skip [2]int64
	for side, image := range []*Image{p.a, p.b} {
		desc := image.layers[p.layer]
		blob, err := image.layout.Blob(desc)
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
		Kind: KindCompression, Name: "compressed bytes",
		A: blobValue(p.a.layers[p.layer]), B: blobValue(p.b.layers[p.layer]),
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
func (p *pair) requireExplanation() {
	if p.a.layers[p.layer].Digest == p.b.layers[p.layer].Digest || p.recorder.total > p.before {
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
