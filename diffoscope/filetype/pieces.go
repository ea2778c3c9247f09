package filetype

import (
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

// addPieces adds pieces in the file's order, and parts for what is between them and
// after them.
func (in *input) addPieces(b *builder, list []piece) error {
	slices.SortStableFunc(list, func(x, y piece) int { return cmp.Compare(x.offset, y.offset) })
	end, last := int64(0), "the beginning"
	for _, p := range append(list, piece{offset: in.Size(), add: func() {}}) {
		if gap := p.offset - end; gap > 0 {
			in.rawPiece(b, "after "+last, end, gap).add()
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
