package diffoscope

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/maphash"
	"io"

	"golang.org/x/sync/errgroup"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/filetype"
)

const (
	// probeLead is how many bytes before the differing chunk are read too, for
	// the beginning of its first line.
	probeLead = 4 << 10
	// maxHeaderProbes bounds the memory for headers, which can be 128 KiB each.
	maxHeaderProbes = 100
	// maxProbes is how many contents of one layer are read again.
	maxProbes = 20_000
	// maxSpooledFile and maxSpooled are how many bytes of one file, and of all files
	// of a layer, are kept in temporary files.
	maxSpooledFile = 1 << 30
	maxSpooled     = 4 << 30
)

// A probe asks for what only a second reading of the layers can give: the bytes of a
// header, the whole contents, or those around their first difference.
type probe struct {
	diff   *Difference
	into   *Difference // the entry
	header bool
	whole  bool
	index  [2]int
	at     [2]int64 // where the contents are in their tars, or -1
	size   [2]int64
	raw    [2][sha256.Size]byte // of the header or content
	chunk  [2]uint64            // hash of the differing chunk
	has    [2]bool              // whether there is such a chunk
	start  int64                // of the window
	lead   int                  // bytes of the window before the chunk
	lines  int                  // line feeds before the chunk
	window [2][]byte
	// contents are all of both, and spools those that give back what they take.
	contents [2]filetype.Content
	spools   [2]*spool
	ready    [2]chan struct{}
}

// probes are those of one pair of layers, in the order in which they are explained.
type probes struct {
	list    []*probe
	headers int
	spooled int64
	// unread is how many contents are not read again.
	unread int
}

func newProbe(into, d *Difference, a, b *entry) *probe {
	return &probe{
		diff: d, into: into, index: [2]int{a.index, b.index}, at: [2]int64{a.at, b.at}, size: [2]int64{a.size, b.size},
		ready: [2]chan struct{}{make(chan struct{}), make(chan struct{})},
	}
}

// addHeader asks for two headers, and reports whether it will be done.
func (l *probes) addHeader(into, d *Difference, a, b *entry) bool {
	if l.headers == maxHeaderProbes {
		return false
	}
	l.headers++
	p := newProbe(into, d, a, b)
	p.header, p.raw = true, [2][sha256.Size]byte{a.raw, b.raw}
	l.list = append(l.list, p)
	return true
}

// addContent asks for two contents, and reports whether it will be done. It depends on
// nothing but what was read before.
func (l *probes) addContent(into, d *Difference, a, b *entry) (skipped string, ok bool) {
	if len(l.list) >= maxProbes+maxHeaderProbes {
		l.unread++
		return "", false
	}
	p := newProbe(into, d, a, b)
	l.list = append(l.list, p)
	if larger := max(a.size, b.size); a.known && b.known || a.text && b.text && larger <= maxText {
		switch {
		case larger > maxSpooledFile:
			skipped = fmt.Sprintf("%q: not taken apart: more than %d bytes", a.header.Name, maxSpooledFile)
		case l.spooled+larger > maxSpooled:
			skipped = fmt.Sprintf("%q: not taken apart: more than %d bytes of all files together", a.header.Name, int64(maxSpooled))
		default:
			l.spooled += larger
			p.whole, p.raw = true, [2][sha256.Size]byte{a.content, b.content}
			return "", true
		}
	}
	p.findChunk(a, b)
	return skipped, true
}

func (p *probe) findChunk(a, b *entry) {
	k := 0
	for k < min(len(a.chunks), len(b.chunks)) && a.chunks[k] == b.chunks[k] {
		p.lines += a.chunks[k].lines
		k++
	}
	for side, e := range []*entry{a, b} {
		if p.has[side] = k < len(e.chunks); p.has[side] {
			p.chunk[side] = e.chunks[k].hash
		}
	}
	p.lead = min(k*chunkSize, probeLead)
	p.start = int64(k*chunkSize - p.lead)
}

// run reads both layers of the pair again, as far as the probes need, and
// completes their differences.
func (l *probes) run(ctx context.Context, p *pair) (err error) {
	if l.unread > 0 {
		p.recorder.skip(fmt.Sprintf("%s: the contents of %d files: more than %d differ", p.name, l.unread, maxProbes))
	}
	if len(l.list) == 0 {
		return nil
	}
	var arenas [2]arena
	x := newExplainer(p.limits)
	defer func() { err = errors.Join(err, x.close(), arenas[0].close(), arenas[1].close()) }()
	x.decoded = p.recorder.decodable(x.decoded)
	group, ctx := errgroup.WithContext(ctx)
	for side, tree := range p.trees {
		group.Go(func() error { return l.read(ctx, tree, side, &arenas[side]) })
	}
	before := x.decoded
	group.Go(func() error { return l.finish(ctx, p, x) })
	err = group.Wait()
	p.recorder.decoded += before - x.decoded
	return err
}

// finish explains the contents in their order, as soon as they are there.
func (l *probes) finish(ctx context.Context, p *pair, x *explainer) error {
	for _, q := range l.list {
		err := q.wait(ctx, p.trees)
		if err == nil {
			err = q.finish(ctx, p, x)
		}
		if err != nil {
			return fmt.Errorf("%q: %w", q.into.Name, err)
		}
	}
	return nil
}

// wait returns when what p asks for is there.
func (p *probe) wait(ctx context.Context, trees [2]tree) error {
	for side, t := range trees {
		if p.isKept(t, side) {
			if err := p.readKept(t, side); err != nil {
				return err
			}
			continue
		}
		select {
		case <-p.ready[side]:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (l *probes) read(ctx context.Context, t tree, side int, a *arena) error {
	wanted := map[int][]*probe{}
	last := 0
	for _, p := range l.list {
		if p.isKept(t, side) {
			continue // finish reads it
		}
		wanted[p.index[side]] = append(wanted[p.index[side]], p)
		last = max(last, p.index[side])
	}
	if len(wanted) == 0 {
		return nil
	}
	return t.again(ctx, func(i int) bool { return wanted[i] != nil }, last, func(i int, r contentReader) error {
		for _, p := range wanted[i] {
			if err := p.read(r, side, a); err != nil {
				return err
			}
			close(p.ready[side])
		}
		return nil
	})
}

// isKept reports whether t kept what p asks for.
func (p *probe) isKept(t tree, side int) bool {
	return !p.header && t.kept(p.at[side], p.size[side]) != nil
}

// readKept gets it.
func (p *probe) readKept(t tree, side int) error {
	c := t.kept(p.at[side], p.size[side])
	if p.whole {
		p.contents[side] = c
		return nil
	}
	return p.readWindow(c, side)
}

func (p *probe) read(lr contentReader, side int, a *arena) error {
	switch {
	case p.header:
		p.window[side] = bytes.Clone(lr.Header())
		if sha256.Sum256(p.window[side]) != p.raw[side] {
			return &ChangedError{"header"}
		}
		return nil
	case p.whole:
		sum := sha256.New()
		s, err := a.spool(io.TeeReader(lr, sum), maxSpooledFile)
		if err != nil {
			return err
		}
		p.contents[side], p.spools[side] = s, s
		if [sha256.Size]byte(sum.Sum(nil)) != p.raw[side] {
			return &ChangedError{"content"}
		}
		return nil
	}
	return p.readWindow(lr, side)
}

func (p *probe) readWindow(lr io.Reader, side int) error {
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
	p.window[side] = buf[:n]
	rest := buf[p.lead:n]
	if p.has[side] != (len(rest) > 0) || p.has[side] && maphash.Bytes(seed, rest) != p.chunk[side] {
		return &ChangedError{"content"}
	}
	return nil
}

// finish completes the difference and lists it below its entry.
func (p *probe) finish(ctx context.Context, l *pair, x *explainer) error {
	switch {
	case p.whole:
		e, err := x.explain(ctx, p.diff, p.into.Name, p.contents[0], p.contents[1])
		if err != nil {
			return err
		}
		for side := range p.spools {
			p.spools[side].release()
			p.contents[side], p.spools[side] = nil, nil
		}
		for _, s := range e.skipped {
			l.recorder.skip(l.name + ": " + s)
		}
		l.recorder.addOutside(l.name, e.outside)
		l.recorder.followed += e.followed
	default:
		if p.header {
			p.diff.A = &Value{Size: int64(len(p.window[0]))}
			p.diff.B = &Value{Size: int64(len(p.window[1]))}
		}
		setExcerpt(p.diff, window{
			a: p.window[0], b: p.window[1], start: p.start, binary: p.header,
			lines: p.lines - bytes.Count(p.window[0][:p.lead], []byte{'\n'}),
		})
		p.window = [2][]byte{}
	}
	if l.recorder.admitTree(l.at.in(p.into.Name), p.diff) {
		p.into.Children = append(p.into.Children, p.diff)
	}
	return nil
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
