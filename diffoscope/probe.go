package diffoscope

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"hash/maphash"
	"io"

	"golang.org/x/sync/errgroup"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

const (
	// probeLead is how many bytes before the differing chunk are read too, for
	// the beginning of its first line.
	probeLead = 4 << 10
	// maxHeaderProbes bounds the memory for headers, which can be 128 KiB each.
	maxHeaderProbes = 100
)

// A probe asks for the bytes around the first difference of two entries, which
// only a second reading of the layers can give.
type probe struct {
	diff   *Difference
	header bool
	index  [2]int
	raw    [2][sha256.Size]byte // of the header, for a header
	chunk  [2]*uint64           // hash of the differing chunk, nil when there is none
	start  int64                // of the window
	lead   int                  // bytes of the window before the chunk
	lines  int                  // line feeds before the chunk
	window [2][]byte
}

type probeList []*probe

func (l *probeList) addHeader(d *Difference, a, b *entry) {
	n := 0
	for _, p := range *l {
		if p.header {
			n++
		}
	}
	if n < maxHeaderProbes {
		*l = append(*l, &probe{
			diff: d, header: true, index: [2]int{a.index, b.index}, raw: [2][sha256.Size]byte{a.raw, b.raw},
		})
	}
}

func (l *probeList) addContent(d *Difference, a, b *entry) {
	p := &probe{diff: d, index: [2]int{a.index, b.index}}
	k := 0
	for k < min(len(a.chunks), len(b.chunks)) && a.chunks[k] == b.chunks[k] {
		p.lines += a.chunks[k].lines
		k++
	}
	for side, e := range []*entry{a, b} {
		if k < len(e.chunks) {
			p.chunk[side] = &e.chunks[k].hash
		}
	}
	p.lead = min(k*chunkSize, probeLead)
	p.start = int64(k*chunkSize - p.lead)
	*l = append(*l, p)
}

// run reads both layers of the pair again, as far as the probes need, and
// completes their differences.
func (l probeList) run(ctx context.Context, p *pair) error {
	if len(l) == 0 {
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	for side, image := range []*Image{p.a, p.b} {
		group.Go(func() error { return l.read(ctx, image, p.layer, side) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, q := range l {
		q.finish()
	}
	return nil
}

func (l probeList) read(ctx context.Context, image *Image, layer, side int) error {
	wanted := map[int][]*probe{}
	last := 0
	for _, p := range l {
		wanted[p.index[side]] = append(wanted[p.index[side]], p)
		last = max(last, p.index[side])
	}
	lr, err := image.layout.OpenLayer(image.layers[layer], image.limits.layer())
	if err != nil {
		return err
	}
	defer lr.Close()
	for i := range last + 1 {
		if err := ctx.Err(); err != nil {
			return err
		}
		hdr, err := lr.Next()
		if err != nil {
			return unexpected(err)
		}
		for _, p := range wanted[i] {
			// What was read is checked against the first reading, which checked
			// all against the digest, so this one may stop early.
			if err := p.read(lr, side); err != nil {
				return fmt.Errorf("%q: %w", hdr.Name, err)
			}
		}
	}
	return nil
}

func (p *probe) read(lr *oci.LayerReader, side int) error {
	if p.header {
		p.window[side] = bytes.Clone(lr.Header())
		if sha256.Sum256(p.window[side]) != p.raw[side] {
			return &ChangedError{"header"}
		}
		return nil
	}
	if _, err := io.CopyN(io.Discard, lr, p.start); err != nil {
		return unexpected(err)
	}
	buf := make([]byte, p.lead+chunkSize)
	n, err := io.ReadFull(lr, buf)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	if n < p.lead {
		return &ChangedError{"content"}
	}
	p.window[side] = bytes.Clone(buf[:n])
	rest := buf[p.lead:n]
	want := p.chunk[side]
	if (want == nil) != (len(rest) == 0) || want != nil && maphash.Bytes(seed, rest) != *want {
		return &ChangedError{"content"}
	}
	return nil
}

func (p *probe) finish() {
	if p.diff.A == nil {
		p.diff.A = &Value{Size: int64(len(p.window[0]))}
		p.diff.B = &Value{Size: int64(len(p.window[1]))}
	}
	setExcerpt(p.diff, window{
		a: p.window[0], b: p.window[1], start: p.start, binary: p.header,
		lines: p.lines - bytes.Count(p.window[0][:p.lead], []byte{'\n'}),
	})
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
