package diffoscope

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
)

const (
	screenLines   = 40
	screenPerKind = 3
	leafLines     = 3 // that a difference has at least
	screenCounts  = 6
	screenWhy     = 26 // lines for the causes, but for the last one
	screenDiff    = 12
	screenSkipped = 3
	maxTextValue  = 200
	// pairWidth is how wide two values are, at most, to stand in one line.
	pairWidth = 90
)

// WriteText writes c for people: about a screen. First why the images differ, then
// what nobody explained and what has more to see than two values, at most three
// differences of each kind and field, and how many more there are. What comes from
// the images is quoted where it has more than printable ASCII, so it can neither
// control a terminal nor reorder what it shows.
func WriteText(w io.Writer, c *Comparison) error { return writeText(w, c, false) }

// WriteFullText writes what WriteText does, with every difference that is listed.
func WriteFullText(w io.Writer, c *Comparison) error { return writeText(w, c, true) }

func writeText(w io.Writer, c *Comparison, full bool) error {
	t := &textWriter{full: full, causes: len(c.Causes) > 0, seen: map[Count]int{}, reserved: 1}
	if n := len(c.Skipped); n > 0 {
		t.reserved += min(n, screenSkipped) + 2
	}
	if c.Identical() {
		if c.AroundDiffers() {
			t.line(0, "identical images: %s; what is around them differs, see below", c.a.Digest)
		} else {
			t.line(0, "identical: %s", c.a.Digest)
		}
		t.line(1, "A %s", quote(c.a.Path))
		t.line(1, "B %s", quote(c.b.Path))
		t.line(1, "%d bytes of each were read and checked", c.a.Bytes)
		t.skipped("around the images, and no part of them", c.Skipped, len(c.Skipped))
		_, err := w.Write(t.out.Bytes())
		return err
	}
	total := c.Total()
	t.line(0, "different%s", sum(total, c.Causes))
	t.subject("A", c.a)
	t.subject("B", c.b)
	t.why(c.Causes)
	if !t.causes || full {
		t.counts(c.Counts)
	}
	t.tree = true
	passes := []bool{false}
	if t.causes && !full {
		passes = []bool{true, false} // what nobody explained comes first
	}
	for _, t.puzzles = range passes {
		for _, d := range c.Differences {
			t.difference(d, nil)
		}
	}
	t.tree = false
	if more := total - t.shown; more > 0 && t.causes && !full {
		if t.shown > 0 { // otherwise the causes have said how many
			t.line(0, "and %s", plural(more, "more difference"))
		}
	} else if more > 0 {
		t.line(0, "and %d more", more)
	}
	most := screenSkipped
	if full {
		most = len(c.Skipped)
	}
	t.skipped("not looked into, but compared byte for byte", c.Skipped, most)
	_, err := w.Write(t.out.Bytes())
	return err
}

type textWriter struct {
	full, causes bool
	out          bytes.Buffer
	lines        int
	reserved     int  // lines for what comes last
	tree         bool // what is written is the tree
	puzzles      bool // of that, what nobody explained
	shown        int
	seen         map[Count]int // by Kind and Field
	// printed are the ancestors of the last leaf that was written.
	printed []*Difference
}

func (t *textWriter) line(indent int, format string, args ...any) {
	if t.tree && !t.full && t.lines >= screenLines-t.reserved {
		return // the last difference is too long
	}
	t.lines++
	t.out.WriteString(strings.Repeat("  ", indent))
	fmt.Fprintf(&t.out, format, args...)
	t.out.WriteByte('\n')
}

func (t *textWriter) subject(side string, s Subject) {
	if s.Digest == "" {
		t.line(1, "%s %s", side, quote(s.Path))
		return
	}
	t.line(1, "%s %s %s", side, s.Digest, quote(s.Path))
}

// sum counts differences and causes, "" if there are no causes.
func sum(total int, causes []Cause) string {
	known, unknown := 0, 0
	for _, c := range causes {
		if c.Name == cause.Unknown {
			unknown += c.N
		} else {
			known++
		}
	}
	switch {
	case len(causes) == 0:
		return ""
	case known == 0:
		return fmt.Sprintf(": %s, not explained", plural(total, "difference"))
	case unknown == 0:
		return fmt.Sprintf(": %s, %s", plural(total, "difference"), plural(known, "cause"))
	}
	return fmt.Sprintf(": %s, %s, %d not explained", plural(total, "difference"), plural(known, "cause"), unknown)
}

// why writes the causes.
func (t *textWriter) why(causes []Cause) {
	more := 0
	for i, c := range causes {
		if i > 0 && t.lines > screenWhy && !t.full && c.Name != cause.Unknown {
			more++
			continue
		}
		if c.Name == cause.Unknown && more > 0 {
			t.line(0, "and %s", plural(more, "other cause"))
			more = 0
		}
		t.cause(c)
	}
	if more > 0 {
		t.line(0, "and %s", plural(more, "other cause"))
	}
}

func (t *textWriter) cause(c Cause) {
	known := ""
	if c.Name != cause.Unknown {
		known = ", " + string(c.Confidence)
	}
	if c.Detail != "" {
		known += ", " + quoteLine(c.Detail)
	}
	t.line(0, "%s: %d%s", c.Name.Words(), c.N, known)
	if c.Name != cause.Unknown {
		t.pair(c.A, c.B)
	}
	places := c.Places
	if !t.full && len(places) > 1 {
		places = places[:1]
	}
	for i, place := range places {
		more := ""
		if rest := c.N - len(places); i == len(places)-1 && rest > 0 {
			more = fmt.Sprintf(" and %d more", rest)
		}
		t.line(1, "in %s%s", QuotePlace(place), more)
	}
	if c.Source != "" {
		t.line(1, "recipe: %s", quote(c.Source))
	}
	if c.Mend != "" {
		t.line(1, "mend: %s", quoteLine(c.Mend))
	}
}

// pair writes two values, in one line if they are short.
func (t *textWriter) pair(a, b string) {
	if a == "" && b == "" || Binary(a) || Binary(b) {
		return // a hexdump says more
	}
	if a == "" || b == "" {
		side := "only A has"
		if a == "" {
			side = "only B has"
		}
		t.line(1, "%s %s", side, quote(a+b))
		return
	}
	a, b = quote(a), quote(b)
	if len(a)+len(b) <= pairWidth {
		t.line(1, "A %s  B %s", a, b)
		return
	}
	t.line(1, "A %s", a)
	t.line(1, "B %s", b)
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
	if len(parts) > 0 {
		t.line(1, "%s", strings.Join(parts, ", "))
	}
}

func (t *textWriter) skipped(title string, skipped []string, most int) {
	if len(skipped) == 0 {
		return
	}
	t.line(0, "%s", title)
	for i, s := range skipped {
		if i == most {
			t.line(1, "and %d more", len(skipped)-i)
			return
		}
		t.line(1, "%s", quote(s))
	}
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
	if !t.admit(d, len(ancestors)) {
		return
	}
	if d.Kind != KindDebian {
		t.shown++
	}
	for i, up := range ancestors {
		if i >= len(t.printed) || t.printed[i] != up {
			t.line(i, "%s", title(up))
			t.printed = append(t.printed[:min(i, len(t.printed))], up)
		}
	}
	t.printed = t.printed[:len(ancestors)]
	t.leaf(len(ancestors), d)
}

// admit reports whether to write d, in this pass.
func (t *textWriter) admit(d *Difference, ancestors int) bool {
	if t.full {
		return true
	}
	if t.causes {
		puzzle := d.Kind != KindDebian && (d.Cause == nil || d.Cause.Name == cause.Unknown)
		if puzzle != t.puzzles || !puzzle && len(d.Diff) == 0 && d.Offset < 0 {
			return false // another pass, or the cause has said it
		}
	}
	if t.lines+ancestors+leafLines > screenLines-t.reserved {
		return false
	}
	key := Count{Kind: d.Kind}
	if d.Kind == KindHeader {
		key.Field = d.Name
	}
	t.seen[key]++
	return t.seen[key] <= screenPerKind
}

func (t *textWriter) leaf(indent int, d *Difference) {
	why := ""
	if d.Cause != nil && d.Cause.Name != cause.Unknown {
		why = ", " + d.Cause.Name.Words()
	}
	switch {
	case d.Line > 0:
		t.line(indent, "%s: first difference in line %d, at byte %d%s", title(d), d.Line, d.Offset, why)
	case d.Offset >= 0:
		near := ""
		if d.Near != "" {
			near = ", in " + quote(d.Near)
		}
		t.line(indent, "%s: first difference at byte %d%s%s", title(d), d.Offset, near, why)
	default:
		t.line(indent, "%s%s", title(d), why)
	}
	if len(d.Diff) > 0 && !t.full {
		t.diff(indent+1, d)
		return
	}
	t.value(indent+1, "A", d.A, d.Line > 0, len(d.Diff) > 0)
	t.value(indent+1, "B", d.B, d.Line > 0, len(d.Diff) > 0)
	t.diff(indent+1, d)
}

// diff writes d's unified diff. A line with what a terminal might act on is quoted.
func (t *textWriter) diff(indent int, d *Difference) {
	n := 0
	for l := range bytes.Lines(d.Diff) {
		if n++; n > screenDiff && !t.full {
			t.line(indent, "and more lines")
			return
		}
		l = bytes.TrimSuffix(l, []byte{'\n'})
		if len(l) == 0 {
			continue
		}
		t.line(indent, "%c%s", asciiOr(l[0]), quoteLine(string(l[1:])))
	}
	if d.DiffCut {
		t.line(indent, "and more differs")
	}
}

func asciiOr(c byte) byte {
	if c < ' ' || c > '~' {
		return '?'
	}
	return c
}

// value writes one side. Lines says that the excerpt is text, and diff that what
// differs is in a diff.
func (t *textWriter) value(indent int, side string, v *Value, lines, diff bool) {
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
	} else if v.Excerpt != nil && !strings.HasSuffix(v.Text, " bytes") {
		parts = append(parts, fmt.Sprintf("%d bytes", v.Size))
	}
	t.line(indent, "%s", strings.Join(parts, " "))
	if diff {
		return
	}
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
	name := quote(d.Name)
	switch d.Kind {
	case KindEntry:
		name = strconv.Quote(d.Name)
	case KindUnexplained:
		if d.Cause == nil || d.Cause.Name == cause.Unknown {
			name = "unexplained: " + name
		}
	}
	if d.Format != "" {
		name += " (" + quote(d.Format) + ")"
	}
	return name
}
