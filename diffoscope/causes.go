package diffoscope

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
)

// maxPlaces is how many places of a cause are kept.
const maxPlaces = 10

// causes collects why leaves differ.
type causes struct {
	builds cause.Builds
	groups map[causeKey]*Cause
	order  []causeKey // as they were first seen

	// What follows from the rest of its file waits until something is found there
	// that it can follow from: file is the way to the file, explained says that a
	// reason for a difference was found in it, and puzzled that something differs for
	// no known reason.
	file               []string
	explained, puzzled bool
	waiting            []waitingLeaf
}

// A waitingLeaf is a leaf that may only be a consequence.
type waitingLeaf struct {
	why           cause.Cause
	path, formats []string
	leaf          *Difference
}

// A causeKey is what differences have in common that are one cause.
type causeKey struct {
	name cause.Name
	mend string
	file string
}

func newCauses(builds cause.Builds) *causes {
	return &causes{builds: builds, groups: map[causeKey]*Cause{}}
}

// add is told of every leaf once, listed or not, in an order that depends only on
// what is compared. path are the names on the way to it, with the layer's, and its
// own last; formats are those of the files it is in. It sets leaf.Cause.
func (c *causes) add(path, formats []string, leaf *Difference) {
	c.enter(path[:len(path)-1], len(formats) > 0)
	all := cause.All(causeLeaf(path, formats, leaf), c.builds)
	if all[0].Name == cause.Consequence {
		c.waiting = append(c.waiting, waitingLeaf{all[0], slices.Clone(path), formats, leaf})
		c.puzzled = c.puzzled || all[0].Confidence == cause.Possible
		return
	}
	for _, why := range all {
		c.count(why, path, formats, leaf.Kind)
		c.explained = c.explained || explains(why)
		c.puzzled = c.puzzled || why.Name == cause.Unknown
	}
	if first := all[0]; first.Name != cause.Unknown {
		leaf.Cause = &first
	}
}

// explains reports whether other differences can follow from one of that cause: not
// from what itself only follows, nor from a guess.
func explains(why cause.Cause) bool { return place(why.Name) == 0 && why.Confidence != cause.Possible }

// enter is told of the way to the file that the next leaf is in, and whether it is in
// one that was taken apart: the fields of an entry are none of its content.
func (c *causes) enter(file []string, apart bool) {
	if apart && c.file != nil && len(file) >= len(c.file) && slices.Equal(file[:len(c.file)], c.file) {
		return
	}
	c.settle()
	if apart {
		c.file = slices.Clone(file)
	}
}

// settle counts what waited, when all of a file was seen: as a consequence if there is
// anything in the file that it follows from, and else as not known. What another file
// has in it is no reason for code that differs. Tables of offsets also follow from what
// nobody explained.
func (c *causes) settle() {
	for _, w := range c.waiting {
		if c.explained || c.puzzled && w.why.Confidence != cause.Possible {
			w.leaf.Cause = &w.why
		} else {
			w.why.Name, w.why.Confidence, w.why.Detail, w.why.Mend = cause.Unknown, cause.Possible, "", ""
		}
		c.count(w.why, w.path, w.formats, w.leaf.Kind)
	}
	c.file, c.explained, c.puzzled, c.waiting = nil, false, false, nil
}

// count adds one difference to the cause that it has in common with others. The
// evidence is that of the surest of them, of the first of these.
func (c *causes) count(why cause.Cause, path, formats []string, kind Kind) {
	key := causeKey{why.Name, why.Mend, fileKind(formats, kind)}
	if why.Name == cause.Unknown {
		key.file = "" // they have nothing in common
	}
	group, ok := c.groups[key]
	if !ok {
		group = &Cause{Cause: why}
		c.groups[key] = group
		c.order = append(c.order, key)
	} else if surer(why.Confidence, group.Confidence) < 0 {
		group.Cause = why
	}
	group.N++
	if len(group.Places) < maxPlaces {
		group.Places = append(group.Places, slices.Clone(path))
	}
}

// fileKind says which kind of file a leaf is in, as far as it matters for grouping.
func fileKind(formats []string, kind Kind) string {
	switch {
	case len(formats) > 0:
		return formats[len(formats)-1]
	case kind == KindContent || kind == KindPart:
		return "content"
	}
	return string(kind)
}

// surer orders confidences, the surest first.
func surer(x, y cause.Confidence) int {
	order := []cause.Confidence{cause.Certain, cause.Likely, cause.Possible}
	return cmp.Compare(slices.Index(order, x), slices.Index(order, y))
}

// list returns the causes, the most certain and frequent first: then what only
// follows from others, and last what is not known.
func (c *causes) list() []Cause {
	c.settle()
	list := make([]Cause, 0, len(c.order))
	for _, key := range c.order {
		list = append(list, *c.groups[key])
	}
	slices.SortStableFunc(list, func(x, y Cause) int {
		return cmp.Or(cmp.Compare(place(x.Name), place(y.Name)), surer(x.Confidence, y.Confidence), cmp.Compare(y.N, x.N))
	})
	return list
}

func place(n cause.Name) int {
	switch n {
	case cause.Unknown:
		return 2
	case cause.BuildID, cause.Signature, cause.Consequence:
		return 1
	}
	return 0
}

// causeLeaf returns leaf as package cause wants it: without the layer's name, and
// with the lines or bytes that differ.
func causeLeaf(path, formats []string, leaf *Difference) cause.Leaf {
	l := cause.Leaf{Kind: string(leaf.Kind), Formats: formats, OnlyA: leaf.B == nil && leaf.A != nil, OnlyB: leaf.A == nil && leaf.B != nil}
	l.Content = leaf.Kind == KindContent || leaf.Kind == KindPart && (len(leaf.Diff) > 0 || hasExcerpt(leaf.A) || hasExcerpt(leaf.B))
	// A platform may come before the layer, and several layers be compared as one.
	for i := range min(2, len(path)-1) {
		if strings.HasPrefix(path[i], "layer ") || strings.HasPrefix(path[i], "layers ") {
			path = path[i+1:]
			break
		}
	}
	for i, name := range path {
		if name != "content" || i == len(path)-1 {
			l.Path = append(l.Path, name)
		}
	}
	if len(leaf.Diff) > 0 {
		l.A, l.B = diffSides(leaf.Diff)
		if leaf.reordered != nil {
			l.A, l.B, l.Reordered = leaf.reordered[0], leaf.reordered[1], true
			leaf.reordered = nil
		}
		return l
	}
	l.A, l.B = valueText(leaf.A), valueText(leaf.B)
	return l
}

func hasExcerpt(v *Value) bool { return v != nil && v.Excerpt != nil }

func valueText(v *Value) string {
	switch {
	case v == nil:
		return ""
	case v.Text == "":
		return string(v.Excerpt)
	}
	return v.Text
}

// diffSides returns the two texts that a unified diff is of, as far as it has them.
func diffSides(diff []byte) (a, b string) {
	var sides [2]strings.Builder
	for l := range bytes.Lines(diff) {
		switch l[0] {
		case '-':
			sides[0].Write(l[1:])
		case '+':
			sides[1].Write(l[1:])
		case ' ':
			sides[0].Write(l[1:])
			sides[1].Write(l[1:])
		}
	}
	return sides[0].String(), sides[1].String()
}
