package diffoscope

import (
	"io"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/filetype"
)

// A piecePair reads the contents of two parts, both at once.
type piecePair struct {
	*explanation
	sides [2]*pieceReader
	// left are the bytes that each side may decode, of the explanation's: half of them,
	// so that it doesn't depend on which side is faster.
	left    [2]int64
	half    int64
	settled bool
}

// A pieceReader reads the content of a part.
type pieceReader struct {
	*meteredReader
	src  io.Closer
	part *filetype.Part
	head []byte
	// section is all of it, if it stands in the file as it is.
	section *io.SectionReader
	whole   filetype.Content
	spool   *spool
}

// open opens two parts.
func (e *explanation) open(a, b *filetype.Part) (*piecePair, error) {
	p := &piecePair{explanation: e, half: e.left / 2}
	p.left = [2]int64{p.half, p.half}
	for side, part := range []*filetype.Part{a, b} {
		p.sides[side] = &pieceReader{part: part}
	}
	err := p.both(func(side int, r *pieceReader) error { return r.open(&p.left[side]) })
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// both runs fn for both sides at once.
func (p *piecePair) both(fn func(side int, r *pieceReader) error) error {
	return bothSides(func(side int) error { return fn(side, p.sides[side]) })
}

func (r *pieceReader) open(left *int64) error {
	src, err := r.part.Open()
	if err != nil {
		return err
	}
	r.src = src
	if raw, ok := src.(filetype.RawContent); ok {
		if r.section, err = raw.Section(); err != nil {
			return err
		}
	}
	r.meteredReader = newMeteredReader(src, left)
	r.head, err = r.Peek(filetype.HeadSize)
	if err == io.EOF {
		return nil
	}
	return err
}

// size returns how many bytes there are, as the file says. If it doesn't, size reads to
// the end.
func (r *pieceReader) size() (int64, error) {
	switch {
	case r.section != nil:
		return r.section.Size(), nil
	case r.part.Length > 0:
		return r.part.Length, nil
	}
	_, err := io.Copy(io.Discard, r)
	return r.n, err
}

// whole returns both contents, of which those are kept until close that don't stand in
// the files as they are.
func (p *piecePair) whole() (c [2]filetype.Content, err error) {
	err = p.both(func(side int, r *pieceReader) error {
		if r.section != nil {
			r.whole = r.section
			return takeOff(&p.left[side], r.section.Size())
		}
		s, err := p.arenas[side].spool(r, p.left[side])
		r.whole, r.spool = s, s
		return err
	})
	p.settle()
	return [2]filetype.Content{p.sides[0].whole, p.sides[1].whole}, err
}

// takeOff takes n off left, of which it makes none if it isn't enough.
func takeOff(left *int64, n int64) error {
	if *left < n {
		*left = 0
		return &filetype.LimitError{What: "decoded bytes", Limit: fileDecoded}
	}
	*left -= n
	return nil
}

// settle gives what is left to decode back to the explanation. Nothing is read after it.
func (p *piecePair) settle() {
	if !p.settled {
		p.settled = true
		p.explanation.left -= 2*p.half - p.left[0] - p.left[1]
	}
}

// close releases everything.
func (p *piecePair) close() {
	p.settle()
	for _, r := range p.sides {
		r.spool.release()
		if r.src != nil {
			r.src.Close() // what was wrong with it was said when it was read
		}
	}
}
