package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
)

const (
	// maxNest is how deep the page nests; text has no such limit.
	maxNest   = 40
	maxLabels = 4
)

// A block is one of a table of fields, a content side by side, and a thing with
// blocks of its own.
type block struct {
	Fields  []field
	Content *content
	Node    *node
}

// A field is a difference of two values.
type field struct {
	ID, Class  string
	File       []segment // that it is of, if it is all that differs in that
	Name       []segment
	A, B       []segment
	NoA, NoB   bool
	Cause      int
	CauseWords string
}

// A content is a difference of two contents.
type content struct {
	ID, Class, Where string
	Name             []segment
	MetaA, MetaB     string
	Lines            bool
	Rows             []row
	Left             int
	Cause            int
	CauseWords       string
}

// A node has blocks.
type node struct {
	ID, Class, Format string
	Name              []segment
	Labels            []label
	Open, Inner       bool
	Blocks            []block
}

// A label says what differs in a node, and why.
type label struct {
	Text  string
	Cause int
}

// chunk returns list as it is shown, each with its own of ids.
func (v *view) chunk(list []*diffoscope.Difference, ids func(int) string) *node {
	var causes []int
	for _, d := range list {
		for leaf := range leavesOf(d) {
			causes = append(causes, v.causeOf(leaf))
		}
	}
	return &node{Class: classes(causes...), Blocks: v.nested(list, ids, 0)}
}

func (v *view) nested(list []*diffoscope.Difference, ids func(int) string, depth int) []block {
	var out []block
	for i, d := range list {
		id := ""
		if ids != nil {
			id = ids(i)
		}
		field, single := v.single(d, id, depth)
		switch {
		case single:
			out = appendField(out, field)
		case len(d.Children) > 0:
			out = append(out, block{Node: v.node(d, id, depth)})
		case len(d.Diff) > 0 || excerpts(d):
			out = append(out, block{Content: v.content(d, id)})
		default:
			out = appendField(out, v.field(d, id))
		}
	}
	return out
}

// single returns d as one field, if it is a file of which only one differs: thousands
// of files with another time each are a table.
func (v *view) single(d *diffoscope.Difference, id string, depth int) (field, bool) {
	if depth > 0 || d.Kind != diffoscope.KindEntry || len(d.Children) != 1 {
		return field{}, false
	}
	only := d.Children[0]
	if len(only.Children) > 0 || len(only.Diff) > 0 || excerpts(only) {
		return field{}, false
	}
	f := v.field(only, id)
	f.File = whole(d.Name)
	return f, true
}

func appendField(out []block, f field) []block {
	if n := len(out); n == 0 || out[n-1].Fields == nil {
		out = append(out, block{})
	}
	last := &out[len(out)-1]
	last.Fields = append(last.Fields, f)
	return out
}

func excerpts(d *diffoscope.Difference) bool {
	return d.A != nil && len(d.A.Excerpt) > 0 || d.B != nil && len(d.B.Excerpt) > 0
}

func (v *view) node(d *diffoscope.Difference, id string, depth int) *node {
	n := &node{ID: id, Name: whole(d.Name), Format: plain(d.Format), Open: v.open || depth > 0, Inner: depth > 0}
	var causes []int
	seen := map[string]bool{}
	for leaf := range leavesOf(d) {
		at := v.causeOf(leaf)
		causes = append(causes, at)
		name := short(leaf.Name)
		if len(n.Labels) < maxLabels && !seen[name] {
			n.Labels = append(n.Labels, label{name, at})
		}
		seen[name] = true
	}
	if more := len(seen) - len(n.Labels); more > 0 {
		n.Labels = append(n.Labels, label{Text: fmt.Sprintf("%d more", more)})
	}
	n.Class = classes(causes...)
	list := d.Children
	if depth >= maxNest { // flat from here
		list = slices.Collect(leavesOf(d))
	}
	n.Blocks = v.nested(list, nil, depth+1)
	return n
}

// short returns a name for a label.
func short(name string) string {
	q := diffoscope.Quote(name) // ASCII
	if len(q) > 40 {
		q = q[:37] + "..."
	}
	return q
}

// classes returns the classes that causes are filtered by.
func classes(causes ...int) string {
	slices.Sort(causes)
	var b strings.Builder
	for _, n := range slices.Compact(causes) {
		if 0 < n && n <= maxFilters {
			b.WriteString(" c" + strconv.Itoa(n))
		}
	}
	return b.String()
}

func (v *view) field(d *diffoscope.Difference, id string) field {
	f := field{ID: id, Name: whole(nameOf(d)), NoA: d.A == nil, NoB: d.B == nil}
	f.Cause, f.CauseWords = v.causeWords(d)
	f.Class = classes(f.Cause)
	f.A, f.B = pair(valueText(d.A), valueText(d.B))
	return f
}

func nameOf(d *diffoscope.Difference) string {
	if d.Kind == diffoscope.KindUnexplained && (d.Cause == nil || d.Cause.Name == cause.Unknown) {
		return "unexplained: " + d.Name
	}
	return d.Name
}

func valueText(v *diffoscope.Value) string {
	if v == nil {
		return ""
	}
	meta := metaOf(v)
	if v.Text == "" || meta == "" || v.Digest == "" && strings.HasSuffix(v.Text, " bytes") {
		return cmp.Or(v.Text, meta)
	}
	return v.Text + ", " + meta
}

// metaOf says how large a content is, and how its digest begins.
func metaOf(v *diffoscope.Value) string {
	switch {
	case v == nil:
		return "none"
	case v.Digest != "":
		return fmt.Sprintf("%s, %.19s…", plural(int(v.Size), "byte"), v.Digest)
	case v.Excerpt != nil:
		return plural(int(v.Size), "byte")
	}
	return ""
}

func (v *view) causeWords(d *diffoscope.Difference) (n int, words string) {
	n = v.causeOf(d)
	if n > 0 {
		words = v.Causes[n-1].Words
	}
	return n, words
}

func (v *view) content(d *diffoscope.Difference, id string) *content {
	c := &content{ID: id, Name: whole(nameOf(d)), MetaA: metaOf(d.A), MetaB: metaOf(d.B)}
	if d.A == nil && d.B == nil { // the diff has it all
		c.MetaA, c.MetaB = "", ""
	}
	c.Cause, c.CauseWords = v.causeWords(d)
	c.Class = classes(c.Cause)
	switch {
	case d.Line > 0:
		c.Where = fmt.Sprintf("first difference in line %s, at byte %s", number(d.Line), number(int(d.Offset)))
	case d.Offset >= 0:
		c.Where = fmt.Sprintf("first difference at byte %s", number(int(d.Offset)))
		if d.Near != "" {
			c.Where += ", in " + diffoscope.Quote(d.Near)
		}
	}
	if len(d.Diff) > 0 {
		c.Lines = true
		c.Rows, c.Left = diffRows(d.Diff)
	} else {
		c.Rows, c.Lines = excerptRows(d), d.Line > 0
	}
	return c
}
