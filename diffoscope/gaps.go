package diffoscope

import (
	"cmp"
	"fmt"
	"slices"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/filetype"
)

// between compares the bytes that no part stands for. They are a difference of their
// own when there is no other.
func (p *partsPair) between() error {
	var gaps [2][]span
	for side, f := range p.files {
		gaps[side] = uncovered(f.Parts, p.contents[side].Size())
		if len(gaps[side]) == 1 && gaps[side][0].size == p.contents[side].Size() {
			return nil // the parser says nothing about where its parts are
		}
	}
	w, err := firstDifference(p.ctx, newGapReader(p.contents[0], gaps[0]), newGapReader(p.contents[1], gaps[1]))
	if err != nil || w == nil {
		return err
	}
	at := w.start + int64(commonPrefix(w.a, w.b))
	if len(p.children) > 0 {
		// Most likely lengths, offsets and checksums of what differs in the parts.
		p.outside = append(p.outside, fmt.Sprintf("%q at byte %d", p.name, locate(gaps[0], at)))
		return nil
	}
	d := &Difference{Kind: KindUnexplained, Name: "bytes between the parts", A: &Value{}, B: &Value{}}
	setExcerpt(d, *w)
	d.Offset = locate(gaps[0], at)
	d.A.ExcerptAt, d.B.ExcerptAt = locate(gaps[0], d.A.ExcerptAt), locate(gaps[1], d.B.ExcerptAt)
	for side, v := range []*Value{d.A, d.B} {
		for _, g := range gaps[side] {
			v.Size += g.size
		}
	}
	p.add(d)
	return nil
}

// A span is a range of a file's bytes.
type span struct{ offset, size int64 }

// uncovered returns the bytes of a file that no part stands for.
func uncovered(parts []filetype.Part, size int64) []span {
	var covered []span
	for _, part := range parts {
		for _, s := range append(part.Fields[:len(part.Fields):len(part.Fields)], part) {
			if s.Size > 0 && s.Offset >= 0 && s.Offset < size {
				covered = append(covered, span{s.Offset, min(s.Size, size-s.Offset)})
			}
		}
	}
	slices.SortFunc(covered, func(x, y span) int { return cmp.Compare(x.offset, y.offset) })
	var gaps []span
	at := int64(0)
	for _, c := range append(covered, span{size, 0}) {
		if c.offset > at {
			gaps = append(gaps, span{at, c.offset - at})
		}
		at = max(at, c.offset+c.size)
	}
	return gaps
}

// locate returns where in the file the byte is that is at in its gaps.
func locate(gaps []span, at int64) int64 {
	end := int64(0)
	for _, g := range gaps {
		if at < g.size {
			return g.offset + at
		}
		at -= g.size
		end = g.offset + g.size
	}
	return end
}
