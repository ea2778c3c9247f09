package diffoscope

import (
	"bufio"
	"bytes"
	"context"
	"io"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/filetype"
)

// compareBlock is how many bytes are compared at once.
const compareBlock = 64 << 10

// A meteredReader counts what is read, and ends with a *filetype.LimitError when no
// more may be.
type meteredReader struct {
	*bufio.Reader
	n int64
}

func newMeteredReader(r io.Reader, left *int64) *meteredReader {
	m := &meteredReader{}
	m.Reader = bufio.NewReaderSize(meteredSource{r, m, left}, compareBlock)
	return m
}

type meteredSource struct {
	io.Reader
	meter *meteredReader
	left  *int64
}

func (s meteredSource) Read(p []byte) (int, error) {
	if *s.left <= 0 {
		return 0, &filetype.LimitError{What: "decoded bytes", Limit: fileDecoded}
	}
	n, err := s.Reader.Read(p)
	*s.left -= int64(n)
	s.meter.n += int64(n)
	return n, err
}

// newGapReader reads the bytes in gaps, one after the other.
func newGapReader(c io.ReaderAt, gaps []span) *bufio.Reader {
	return bufio.NewReaderSize(&gapReader{c, gaps, 0}, compareBlock)
}

type gapReader struct {
	src  io.ReaderAt
	gaps []span
	at   int64 // in the first of gaps
}

func (r *gapReader) Read(p []byte) (int, error) {
	for len(r.gaps) > 0 && r.at == r.gaps[0].size {
		r.gaps, r.at = r.gaps[1:], 0
	}
	if len(r.gaps) == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), r.gaps[0].size-r.at)]
	n, err := readAt(r.src, p, r.gaps[0].offset+r.at)
	r.at += int64(n)
	return n, err
}

// firstDifference returns the bytes from the first block on that differs, nil when
// none does.
func firstDifference(ctx context.Context, a, b *bufio.Reader) (*window, error) {
	const block = 4 << 10
	for at := int64(0); ; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		x, errA := a.Peek(block)
		y, errB := b.Peek(block)
		for _, err := range []error{errA, errB} {
			if err != nil && err != io.EOF {
				return nil, err
			}
		}
		if string(x) != string(y) {
			return &window{a: append([]byte(nil), x...), b: append([]byte(nil), y...), start: at, binary: true}, nil
		}
		if len(x) < block {
			return nil, nil
		}
		at += block
		for _, r := range []*bufio.Reader{a, b} {
			if _, err := r.Discard(block); err != nil {
				return nil, err
			}
		}
	}
}

// firstDifference returns the bytes around the first at which a and b differ, nil when
// they don't.
func (x *explainer) firstDifference(a, b filetype.Content) (*window, error) {
	lines := 0
	for at := int64(0); ; at += compareBlock {
		var blocks [2][]byte
		for side, c := range []filetype.Content{a, b} {
			blocks[side] = x.buf[side][:max(0, min(compareBlock, c.Size()-at))]
			if _, err := readAt(c, blocks[side], at); err != nil {
				return nil, err
			}
		}
		if bytes.Equal(blocks[0], blocks[1]) {
			if len(blocks[0]) < compareBlock {
				return nil, nil
			}
			lines += bytes.Count(blocks[0], []byte{'\n'})
			continue
		}
		return x.windowAt(a, b, at, lines, commonPrefix(blocks[0], blocks[1]))
	}
}

// windowAt returns a window that begins up to probeLead bytes before the byte that
// differs in the block at, before which there are so many line feeds.
func (x *explainer) windowAt(a, b filetype.Content, at int64, lines, differs int) (*window, error) {
	lines += bytes.Count(x.buf[0][:differs], []byte{'\n'})
	at += int64(differs)
	lead := min(at, probeLead)
	w := &window{start: at - lead}
	for side, c := range []filetype.Content{a, b} {
		buf := make([]byte, min(lead+probeLead, c.Size()-w.start))
		if _, err := readAt(c, buf, w.start); err != nil {
			return nil, err
		}
		if side == 0 {
			w.a = buf
		} else {
			w.b = buf
		}
	}
	w.lines = lines - bytes.Count(w.a[:lead], []byte{'\n'})
	return w, nil
}
