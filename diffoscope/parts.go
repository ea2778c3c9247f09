package diffoscope

import (
	"bufio"
	"io"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/filetype"
)

// A partsPair compares the parts of two files, by name.
type partsPair struct {
	*explanation
	parent   *Difference
	contents [2]filetype.Content
	files    [2]*filetype.File
	depth    int
	overlap  int64 // bytes that may still be compared as they stand in the files
	children []*Difference
	findings
}

// overlapping is how many bytes are compared as they stand in the files: more than these
// have, since parts may have others in them, but not for each of many parts.
func (p *partsPair) overlapping() int64 {
	const factor, room = 4, 1 << 20
	return factor*max(p.contents[0].Size(), p.contents[1].Size()) + room
}

func (p *partsPair) add(d *Difference) {
	if d = p.count(p.parent, d); d != nil {
		p.children = append(p.children, d)
	}
}

// record counts and keeps what was found out about a part.
func (p *partsPair) record(part *filetype.Part, d *Difference) {
	if d = p.count(p.parent, d); d != nil {
		p.keep(part, d)
	}
}

// count counts a difference in this file. It returns nil when there are too many.
func (e *explanation) count(parent, d *Difference) *Difference {
	switch e.leaves++; {
	case e.leaves < maxLeaves:
		return d
	case e.leaves == maxLeaves:
		e.skip(parent, "more than %d differences in one file", maxLeaves)
		return &Difference{Kind: KindUnexplained, Name: "more differences", Offset: -1}
	}
	return nil
}

func (p *partsPair) compare() error {
	common, err := p.compareParts(func(part *filetype.Part) bool { return part.Of == "" })
	if err != nil {
		return err
	}
	// What repeats another part only matters where that differs.
	more, err := p.compareParts(func(part *filetype.Part) bool { return part.Of != "" })
	if err != nil {
		return err
	}
	p.children = p.telling()
	if d := orderDifference("parts", append(common, more...)); d != nil {
		p.add(d)
	}
	if err := p.between(); err != nil || len(p.children) > 0 {
		p.followed += len(p.derived())
		return err
	}
	p.children = p.derived()
	return nil
}

// compareParts compares those parts that which selects, and returns their positions
// when both files have them.
func (p *partsPair) compareParts(which func(*filetype.Part) bool) ([]position, error) {
	inB := map[string]int{}
	for i := range p.files[1].Parts {
		inB[p.files[1].Parts[i].Name] = i
	}
	var common []position
	paired := map[int]bool{}
	for i := range p.files[0].Parts {
		a := &p.files[0].Parts[i]
		if !which(a) {
			continue
		}
		k, ok := inB[a.Name]
		if !ok || paired[k] {
			if p.wanted(a) {
				p.lonely(a, 0)
			}
			continue
		}
		paired[k] = true
		common = append(common, position{i, k, a.Name})
		if err := p.both(a, &p.files[1].Parts[k]); err != nil {
			return nil, err
		}
	}
	for k := range p.files[1].Parts {
		if b := &p.files[1].Parts[k]; which(b) && !paired[k] && p.wanted(b) {
			p.lonely(b, 1)
		}
	}
	return common, p.ctx.Err()
}

// wanted reports whether the part that part explains, if any, is known to differ.
func (p *partsPair) wanted(part *filetype.Part) bool {
	return part.Of == "" || p.differs(part.Of)
}

// both compares two parts of one name.
func (p *partsPair) both(a, b *filetype.Part) error {
	if !p.wanted(a) {
		return nil
	}
	d, err := p.pair(a, b)
	if d == nil || err != nil {
		return err
	}
	p.record(a, d)
	return nil
}

// lonely reports a part that one file has.
func (p *partsPair) lonely(part *filetype.Part, side int) {
	d := &Difference{Kind: KindPart, Name: part.Name, Offset: -1}
	v := &Value{Text: part.Value, Size: part.Size}
	*d.side(side) = v
	if part.Open != nil {
		b, err := beginning(part)
		if err != nil {
			p.skip(d, "%v", err)
		}
		v.Excerpt = b
		if part.Text && part.Of != "" && err == nil && len(b) == 0 {
			return // a section without strings: the section itself says more
		}
	}
	p.record(part, d)
}

// beginning returns the first bytes of a part's content.
func beginning(part *filetype.Part) ([]byte, error) {
	r, err := part.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b := make([]byte, textBytes)
	n, err := io.ReadFull(r, b)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	if b = b[:n]; !isText(b) {
		b = head(b, binarySize)
	}
	return b, err
}

// pair compares two parts of one name. It returns nil when they are the same.
func (p *partsPair) pair(a, b *filetype.Part) (*Difference, error) {
	if err := p.ctx.Err(); err != nil {
		return nil, err
	}
	d := &Difference{Kind: KindPart, Name: a.Name, Offset: -1, A: &Value{Text: a.Value}, B: &Value{Text: b.Value}}
	inside, err := p.inside(d, a, b)
	if err != nil {
		return nil, err
	}
	fields, err := p.fields(a, b)
	if err != nil || len(fields) == 0 {
		return inside, err
	}
	if inside != nil && inside.Kind == KindUnexplained && a.Open == nil && b.Open == nil {
		w, err := p.beside(a, b)
		if err != nil {
			return nil, err
		}
		if w == nil {
			inside = nil // the fields have said it
		}
	}
	if inside != nil && inside != d {
		fields = append(fields, inside)
	} else if inside == d {
		content := *d
		content.Name = "content"
		if content.Kind == KindPart {
			content.Kind = KindContent
		}
		fields = append(fields, &content)
	}
	return &Difference{Kind: KindPart, Name: a.Name, Offset: -1, Children: fields}, nil
}

// beside compares the bytes of two parts that are in none of their fields.
func (p *partsPair) beside(a, b *filetype.Part) (*window, error) {
	var readers [2]*bufio.Reader
	for side, part := range []*filetype.Part{a, b} {
		var gaps []span
		for _, g := range uncovered(part.Fields, min(part.Offset+part.Size, p.contents[side].Size())) {
			if over := part.Offset - g.offset; over > 0 {
				g.offset, g.size = g.offset+over, g.size-over
			}
			if g.size > 0 {
				gaps = append(gaps, g)
			}
		}
		readers[side] = newGapReader(p.contents[side], gaps)
	}
	return firstDifference(p.ctx, readers[0], readers[1])
}

// fields compares what the files say about a part.
func (p *partsPair) fields(a, b *filetype.Part) ([]*Difference, error) {
	if len(a.Fields) == 0 && len(b.Fields) == 0 {
		return nil, nil
	}
	inB := map[string]*filetype.Part{}
	for i := range b.Fields {
		inB[b.Fields[i].Name] = &b.Fields[i]
	}
	var list []*Difference
	add := func(d *Difference) {
		if d = p.count(p.parent, d); d != nil {
			list = append(list, d)
		}
	}
	for i := range a.Fields {
		f := &a.Fields[i]
		g := inB[f.Name]
		delete(inB, f.Name)
		if g == nil {
			add(&Difference{Kind: KindPart, Name: f.Name, Offset: -1, A: text(f.Value)})
			continue
		}
		d := &Difference{Kind: KindPart, Name: f.Name, Offset: -1, A: text(f.Value), B: text(g.Value)}
		d, err := p.inside(d, f, g)
		if err != nil {
			return nil, err
		}
		if d != nil && f.Derived && g.Derived {
			d.Name = a.Name + " " + d.Name
			p.record(&filetype.Part{Name: d.Name, Derived: true}, d)
		} else if d != nil {
			add(d)
		}
	}
	for i := range b.Fields {
		if f := &b.Fields[i]; inB[f.Name] == f {
			add(&Difference{Kind: KindPart, Name: f.Name, Offset: -1, B: text(f.Value)})
		}
	}
	return list, nil
}

// inside compares the values or contents of two parts. It returns nil when they are
// the same, d when it says where they differ, and otherwise what does.
func (p *partsPair) inside(d *Difference, a, b *filetype.Part) (*Difference, error) {
	var w *window
	if a.Size > 0 && b.Size > 0 {
		x, y := p.raw(a, 0), p.raw(b, 1)
		if p.overlap -= min(x.Size(), y.Size()); p.overlap < 0 {
			return nil, &filetype.LimitError{What: "bytes in several parts", Limit: p.overlapping()}
		}
		var err error
		if w, err = p.firstDifference(x, y); err != nil {
			return nil, err
		}
		if w == nil && a.Encoding == b.Encoding {
			return nil, nil
		}
	}
	same, err := p.values(d, a, b)
	if err != nil {
		if ctxErr := p.ctx.Err(); ctxErr != nil {
			return nil, ctxErr
		}
		p.skip(d, "%v", err)
	}
	switch {
	case err == nil && !same:
		if a.Near != nil && d.Offset >= 0 && d.Line == 0 {
			d.Near = a.Near(d.Offset)
		}
		return d, nil
	case err == nil && a.Encoding != b.Encoding:
		d.Kind, d.A, d.B = KindCompression, text(orNone(a.Encoding)), text(orNone(b.Encoding))
		return d, nil
	case w == nil:
		return nil, nil
	case err == nil && a.Encoding != "":
		return rawDifference(KindCompression, a, b, w), nil
	}
	return rawDifference(KindUnexplained, a, b, w), nil
}

// raw returns the bytes that a part stands for.
func (p *partsPair) raw(part *filetype.Part, side int) *io.SectionReader {
	offset := min(max(part.Offset, 0), p.contents[side].Size())
	size := min(max(part.Size, 0), p.contents[side].Size()-offset)
	return io.NewSectionReader(p.contents[side], offset, size)
}

// rawDifference returns the bytes of parts that mean the same.
func rawDifference(kind Kind, a, b *filetype.Part, w *window) *Difference {
	w.binary = true
	w.start += a.Offset
	d := &Difference{Kind: kind, Name: "bytes of " + a.Name, A: &Value{Size: a.Size}, B: &Value{Size: b.Size}}
	setExcerpt(d, *w)
	return d
}

// values reports whether two parts have one value or content. If not, d says where.
func (p *partsPair) values(d *Difference, a, b *filetype.Part) (bool, error) {
	if a.Open == nil || b.Open == nil {
		return a.Value == b.Value && (a.Open == nil) == (b.Open == nil), nil
	}
	same, err := p.pieces(d, a, b)
	return same && a.Value == b.Value, err
}

// pieces compares the contents of two parts. Only those are kept that can be
// explained further.
func (p *partsPair) pieces(d *Difference, a, b *filetype.Part) (bool, error) {
	s, err := p.open(a, b)
	if err != nil {
		return false, err
	}
	defer s.close()
	heads := [2][]byte{s.sides[0].head, s.sides[1].head}
	rendered := a.Text && b.Text
	known := !rendered && filetype.Known(a.Name, heads[0]) && filetype.Known(a.Name, heads[1])
	if !known && !(isText(heads[0]) && isText(heads[1])) {
		return p.streams(d, s.sides)
	}
	c, err := s.whole()
	if err != nil {
		return false, err
	}
	d.A.Size, d.B.Size = c[0].Size(), c[1].Size()
	w, err := p.firstDifference(c[0], c[1])
	if err != nil || w == nil {
		return w == nil, err
	}
	if rendered {
		return false, p.textOrBytes(d, c)
	}
	return false, p.content(d, a.Name, c, p.depth+1)
}

// streams compares what nobody takes further apart.
func (p *partsPair) streams(d *Difference, s [2]*pieceReader) (bool, error) {
	w, err := firstDifference(p.ctx, s[0].Reader, s[1].Reader)
	if err != nil || w == nil {
		return w == nil, err
	}
	for side, v := range []*Value{d.A, d.B} {
		if v.Size, err = s[side].size(); err != nil {
			return false, err
		}
	}
	setExcerpt(d, *w)
	return false, nil
}

// textOrBytes compares a parser's rendering.
func (e *explanation) textOrBytes(d *Difference, c [2]filetype.Content) error {
	if c[0].Size() <= maxText && c[1].Size() <= maxText {
		return e.text(d, c)
	}
	return e.bytes(d, c)
}
