package filetype

import (
	"bytes"
	"cmp"
	"slices"
)

// A piece is a range of the file, and what adds the parts for it.
type piece struct {
	name         string
	offset, size int64
	add          func()
}

// rawPiece is a piece that is a part as it is.
func (in *input) rawPiece(b *builder, name string, offset, size int64) piece {
	return piece{name, offset, size, func() {
		b.add(Part{Name: name, Open: in.open(offset, size), Offset: offset, Size: size})
	}}
}

// derivedPiece is one that follows from others.
func (in *input) derivedPiece(b *builder, name string, offset, size int64) piece {
	return piece{name, offset, size, func() {
		b.add(Part{Name: name, Open: in.open(offset, size), Derived: true, Offset: offset, Size: size})
	}}
}

// addPieces adds pieces in the file's order, and parts for what is between them and
// after them. What is before the first is the magic number, or nothing is there.
func (in *input) addPieces(b *builder, list []piece) error {
	slices.SortStableFunc(list, func(x, y piece) int { return cmp.Compare(x.offset, y.offset) })
	end, last := int64(0), ""
	for _, p := range append(list, piece{offset: in.Size(), add: func() {}}) {
		if gap := p.offset - end; gap > 0 && last != "" {
			in.gap(b, "after "+last, end, gap).add()
		}
		p.add()
		if b.err != nil {
			return b.err
		}
		if p.offset+p.size >= end {
			end, last = p.offset+p.size, p.name
		}
	}
	return nil
}

// gap is a piece between others. If it is only there to align the next, it follows
// from them.
func (in *input) gap(b *builder, name string, offset, size int64) piece {
	const page = 64 << 10
	if data, err := in.bytes(offset, min(size, page)); size <= page && err == nil && len(bytes.Trim(data, "\x00")) == 0 {
		return in.derivedPiece(b, name, offset, size)
	}
	return in.rawPiece(b, name, offset, size)
}
