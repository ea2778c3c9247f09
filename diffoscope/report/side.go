package report

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
)

const (
	// maxRows is how many lines of a diff are shown.
	maxRows = 400
	hexRow  = 16
)

// A row is a line of two contents, side by side.
type row struct {
	// Gap is what stands between two hunks. The rest is empty then.
	Gap string
	// At are line numbers, or offsets in hexadecimal.
	AtA, AtB string
	A, B     []segment
	// NoA and NoB say that a side has no such line.
	NoA, NoB bool
	// Same says that both sides have the same line.
	Same bool
}

// hunkStart returns the first lines of a hunk from its header, "@@ -1,3 +1,4 @@".
func hunkStart(l string) (a, b int, ok bool) {
	rest, ok := strings.CutPrefix(l, "@@ -")
	if !ok {
		return 0, 0, false
	}
	old, rest, _ := strings.Cut(rest, " +")
	now, _, ok := strings.Cut(rest, " @@")
	old, _, _ = strings.Cut(old, ",")
	now, _, _ = strings.Cut(now, ",")
	a, errA := strconv.Atoi(old)
	b, errB := strconv.Atoi(now)
	return a, b, ok && errA == nil && errB == nil
}

// A differ takes a unified diff apart.
type differ struct {
	rows     []row
	lineA    int
	lineB    int
	old, new []string // of the change that is being read
	hunks    int
}

// diffRows returns a unified diff side by side, and how many of its lines it leaves
// out.
func diffRows(diff []byte) ([]row, int) {
	d := &differ{lineA: 1, lineB: 1}
	n, left := 0, 0
	for raw := range bytes.Lines(diff) {
		if n++; n > maxRows {
			left++
			continue
		}
		d.line(strings.TrimSuffix(string(raw), "\n"))
	}
	d.flush()
	return d.rows, left
}

func (d *differ) line(l string) {
	if a, b, ok := hunkStart(l); ok {
		d.flush()
		d.lineA, d.lineB = a, b
		if d.hunks++; d.hunks > 1 || d.lineA > 1 {
			d.rows = append(d.rows, row{Gap: fmt.Sprintf("line %d of A, %d of B", d.lineA, d.lineB)})
		}
		return
	}
	kind, text := byte(' '), l
	if l != "" {
		kind, text = l[0], l[1:]
	}
	switch kind {
	case '-':
		if len(d.new) > 0 {
			d.flush()
		}
		d.old = append(d.old, text)
	case '+':
		d.new = append(d.new, text)
	case '\\':
		d.flush()
		d.rows = append(d.rows, row{Gap: plain(strings.TrimSpace(text))})
	default:
		d.flush()
		s := segments(text, 0, 0)
		d.rows = append(d.rows, row{AtA: strconv.Itoa(d.lineA), AtB: strconv.Itoa(d.lineB), A: s, B: s, Same: true})
		d.lineA++
		d.lineB++
	}
}

// flush pairs the lines of a change, in their order.
func (d *differ) flush() {
	for i := range max(len(d.old), len(d.new)) {
		r := row{NoA: i >= len(d.old), NoB: i >= len(d.new)}
		switch {
		case r.NoA:
			r.B = segments(d.new[i], 0, 0)
		case r.NoB:
			r.A = segments(d.old[i], 0, 0)
		default:
			r.A, r.B = pair(d.old[i], d.new[i])
		}
		if !r.NoA {
			r.AtA = strconv.Itoa(d.lineA)
			d.lineA++
		}
		if !r.NoB {
			r.AtB = strconv.Itoa(d.lineB)
			d.lineB++
		}
		d.rows = append(d.rows, r)
	}
	d.old, d.new = nil, nil
}

// excerptRows returns the excerpts of d side by side: as lines of text, or as bytes.
func excerptRows(d *diffoscope.Difference) []row {
	var a, b diffoscope.Value
	if d.A != nil {
		a = *d.A
	}
	if d.B != nil {
		b = *d.B
	}
	if d.Line == 0 || !utf8.Valid(a.Excerpt) || !utf8.Valid(b.Excerpt) {
		return hexRows(a, b)
	}
	x := &differ{lineA: d.Line, lineB: d.Line}
	x.old, x.new = lines(a.Excerpt), lines(b.Excerpt)
	x.flush()
	for i, r := range x.rows {
		x.rows[i].Same = !r.NoA && !r.NoB && i < len(lines(a.Excerpt)) && lines(a.Excerpt)[i] == lines(b.Excerpt)[i]
	}
	return x.rows
}

func lines(b []byte) []string {
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}

func hexRows(a, b diffoscope.Value) []row {
	var rows []row
	for i := 0; i < max(len(a.Excerpt), len(b.Excerpt)); i += hexRow {
		x, y := rowAt(a.Excerpt, i), rowAt(b.Excerpt, i)
		r := row{NoA: len(x) == 0, NoB: len(y) == 0, Same: bytes.Equal(x, y)}
		if !r.NoA {
			r.AtA, r.A = fmt.Sprintf("%08x", a.ExcerptAt+int64(i)), hexSegments(x, y)
		}
		if !r.NoB {
			r.AtB, r.B = fmt.Sprintf("%08x", b.ExcerptAt+int64(i)), hexSegments(y, x)
		}
		rows = append(rows, r)
	}
	return rows
}

func rowAt(b []byte, at int) []byte {
	if at >= len(b) {
		return nil
	}
	return b[at:min(at+hexRow, len(b))]
}

// hexSegments returns the bytes of x in hexadecimal and as characters, those marked
// that y doesn't have.
func hexSegments(x, y []byte) []segment {
	var w segmentWriter
	differs := func(i int) bool { return i >= len(y) || x[i] != y[i] }
	for i, c := range x {
		w.add(hex.EncodeToString([]byte{c}), false, differs(i))
		// The space between two marked bytes is marked, too.
		w.add(" ", false, differs(i) && i+1 < len(x) && differs(i+1))
	}
	w.add(strings.Repeat("   ", hexRow-len(x))+" ", false, false)
	for i, c := range x {
		if c < ' ' || c > '~' {
			c = '.'
		}
		w.add(string(rune(c)), false, differs(i))
	}
	w.flush()
	return w.out
}
