package diffoscope

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const (
	screenLines   = 40
	screenPerKind = 3
	screenCounts  = 6
	maxTextValue  = 200
)

// WriteText writes c for people: about a screen, with at most three differences of
// each kind and field, and how many more there are. What comes from the images is
// quoted where it has more than printable ASCII, so it can neither control a
// terminal nor reorder what it shows.
func WriteText(w io.Writer, c *Comparison) error { return writeText(w, c, false) }

// WriteFullText writes what WriteText does, with every difference that is listed.
func WriteFullText(w io.Writer, c *Comparison) error { return writeText(w, c, true) }

func writeText(w io.Writer, c *Comparison, full bool) error {
	t := &textWriter{full: full, seen: map[Count]int{}}
	if c.Identical() {
		t.line(0, "identical: %s", c.a.Digest)
		t.line(1, "A %s", quote(c.a.Path))
		t.line(1, "B %s", quote(c.b.Path))
		t.line(1, "%d bytes of each were read and checked", c.a.Bytes)
		_, err := w.Write(t.out.Bytes())
		return err
	}
	t.line(0, "different")
	t.line(1, "A %s %s", c.a.Digest, quote(c.a.Path))
	t.line(1, "B %s %s", c.b.Digest, quote(c.b.Path))
	t.counts(c.Counts)
	for _, d := range c.Differences {
		t.difference(d, nil)
	}
	total := 0
	for _, n := range c.Counts {
		total += n.N
	}
	if more := total - t.shown; more > 0 {
		t.line(0, "and %d more", more)
	}
	_, err := w.Write(t.out.Bytes())
	return err
}

type textWriter struct {
	full  bool
	out   bytes.Buffer
	lines int
	shown int
	seen  map[Count]int // by Kind and Field
	// printed are the ancestors of the last leaf that was written.
	printed []*Difference
}

func (t *textWriter) line(indent int, format string, args ...any) {
	t.lines++
	t.out.WriteString(strings.Repeat("  ", indent))
	fmt.Fprintf(&t.out, format, args...)
	t.out.WriteByte('\n')
}

func (t *textWriter) counts(counts []Count) {
	var parts []string
	for i, n := range counts {
		if i == screenCounts && !t.full {
			parts = append(parts, fmt.Sprintf("%d other kinds", len(counts)-i))
			break
		}
		name := string(n.Kind)
		if n.Field != "" && n.Kind != KindUnexplained {
			name = n.Field
		}
		parts = append(parts, fmt.Sprintf("%s %d", quote(name), n.N))
	}
	t.line(1, "%s", strings.Join(parts, ", "))
}

// difference writes the leaves of d, each below those of its ancestors that the
// leaf before it was not in.
func (t *textWriter) difference(d *Difference, ancestors []*Difference) {
	if len(d.Children) > 0 {
		for _, child := range d.Children {
			t.difference(child, append(ancestors[:len(ancestors):len(ancestors)], d))
		}
		return
	}
	if !t.admit(d) {
		return
	}
	t.shown++
	for i, up := range ancestors {
		if i >= len(t.printed) || t.printed[i] != up {
			t.line(i, "%s", title(up))
			t.printed = append(t.printed[:min(i, len(t.printed))], up)
		}
	}
	t.printed = t.printed[:len(ancestors)]
	t.leaf(len(ancestors), d)
}

func (t *textWriter) admit(d *Difference) bool {
	if t.full {
		return true
	}
	key := Count{Kind: d.Kind}
	if d.Kind == KindHeader {
		key.Field = d.Name
	}
	t.seen[key]++
	return t.seen[key] <= screenPerKind && t.lines < screenLines
}

func (t *textWriter) leaf(indent int, d *Difference) {
	switch {
	case d.Line > 0:
		t.line(indent, "%s: first difference in line %d, at byte %d", title(d), d.Line, d.Offset)
	case d.Offset >= 0:
		t.line(indent, "%s: first difference at byte %d", title(d), d.Offset)
	default:
		t.line(indent, "%s", title(d))
	}
	t.value(indent+1, "A", d.A, d.Line > 0)
	t.value(indent+1, "B", d.B, d.Line > 0)
}

func (t *textWriter) value(indent int, side string, v *Value, lines bool) {
	if v == nil {
		t.line(indent, "%s (none)", side)
		return
	}
	parts := []string{side}
	if v.Text != "" || v.Digest == "" && v.Excerpt == nil {
		parts = append(parts, quote(v.Text))
	}
	if v.Digest != "" {
		parts = append(parts, fmt.Sprintf("%d bytes, %s", v.Size, v.Digest))
	} else if v.Excerpt != nil {
		parts = append(parts, fmt.Sprintf("%d bytes", v.Size))
	}
	t.line(indent, "%s", strings.Join(parts, " "))
	if lines {
		for l := range bytes.Lines(v.Excerpt) {
			t.line(indent+1, "%s", strconv.Quote(string(l)))
		}
		return
	}
	for i := 0; i < len(v.Excerpt); i += binaryRow {
		t.line(indent+1, "%s", hexRow(v.ExcerptAt+int64(i), head(v.Excerpt[i:], binaryRow)))
	}
}

func title(d *Difference) string {
	switch d.Kind {
	case KindEntry:
		return strconv.Quote(d.Name)
	case KindUnexplained:
		return "unexplained: " + quote(d.Name)
	}
	return quote(d.Name)
}

// quote returns s as it is when it is short and all printable ASCII.
func quote(s string) string {
	cut := ""
	if len(s) > maxTextValue {
		cut = fmt.Sprintf("... (%d bytes)", len(s))
		s = s[:maxTextValue]
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return strconv.QuoteToASCII(s) + cut
		}
	}
	if s == "" {
		return `""`
	}
	return s + cut
}

func hexRow(offset int64, row []byte) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%08x ", offset)
	for i := range binaryRow {
		if i < len(row) {
			fmt.Fprintf(&b, " %02x", row[i])
		} else {
			b.WriteString("   ")
		}
	}
	b.WriteString("  |")
	for _, c := range row {
		if c < ' ' || c > '~' {
			c = '.'
		}
		b.WriteByte(c)
	}
	b.WriteByte('|')
	return b.String()
}
