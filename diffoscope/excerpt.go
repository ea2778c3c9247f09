package diffoscope

import (
	"bytes"
	"unicode/utf8"
)

const (
	textLines  = 3
	textBytes  = 200
	textLead   = 100 // bytes of a long line before the first differing byte
	binaryRow  = 16
	binarySize = 3 * binaryRow
)

// unexplained returns two strings of bytes that mean the same as a difference.
func unexplained(name string, a, b []byte) *Difference {
	d := &Difference{Kind: KindUnexplained, Name: name, A: &Value{Size: int64(len(a))}, B: &Value{Size: int64(len(b))}}
	setExcerpt(d, window{a: a, b: b, binary: true})
	return d
}

// A window is a part of two contents that has their first differing byte.
type window struct {
	a, b []byte
	// start is the window's offset, and lines how many line feeds come before it.
	start int64
	lines int
	// binary says that lines have no meaning in it.
	binary bool
}

// setExcerpt sets d's offset, line and excerpts from w.
func setExcerpt(d *Difference, w window) {
	at := commonPrefix(w.a, w.b)
	d.Offset = w.start + int64(at)
	from := bytes.LastIndexByte(w.a[:at], '\n') + 1
	line := w.lines + bytes.Count(w.a[:from], []byte{'\n'}) + 1
	if at-from > 2*textLead {
		from = at - textLead
		for from < at && !utf8.RuneStart(w.a[from]) {
			from++
		}
	}
	a, aText := firstLines(w.a[from:])
	b, bText := firstLines(w.b[from:])
	if aText && bText && !w.binary {
		d.Line = line
	} else {
		from = max(0, at&^(binaryRow-1)-binaryRow)
		a, b = head(w.a[from:], binarySize), head(w.b[from:], binarySize)
	}
	d.A.Excerpt, d.A.ExcerptAt = bytes.Clone(a), w.start+int64(from)
	d.B.Excerpt, d.B.ExcerptAt = bytes.Clone(b), w.start+int64(from)
}

// firstLines returns the first lines of b, and whether they are text.
func firstLines(b []byte) ([]byte, bool) {
	end := 0
	for range textLines {
		i := bytes.IndexByte(b[end:], '\n')
		if i < 0 {
			end = len(b)
			break
		}
		end += i + 1
	}
	cut := min(end, textBytes)
	for cut < end && cut > 0 && !utf8.RuneStart(b[cut]) {
		cut--
	}
	b = b[:cut]
	return b, utf8.Valid(b) && !bytes.ContainsFunc(b, isControl)
}

func head(b []byte, n int) []byte { return b[:min(n, len(b))] }

func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
