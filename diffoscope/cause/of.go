package cause

import (
	"cmp"
	"slices"
	"strings"
)

// Of returns why l differs: the first of [All].
func Of(l Leaf, b Builds) Cause { return All(l, b)[0] }

// All returns every cause that shows in l, the most certain first, each name once:
// a text can hold a time and a path. There is always one, which is [Unknown] when
// nothing is recognised.
func All(l Leaf, b Builds) []Cause {
	s := newSight(l, b)
	list := s.find()
	if len(list) == 0 {
		list = []Cause{{Name: Unknown, Confidence: Possible, A: excerpt(l.A), B: excerpt(l.B)}}
	}
	for i := range list {
		c := &list[i]
		c.A, c.B = excerpt(c.A), excerpt(c.B)
		if c.Mend == "" {
			c.Mend = s.mend(c.Name)
		}
	}
	slices.SortStableFunc(list, func(x, y Cause) int { return cmp.Compare(rank(x.Confidence), rank(y.Confidence)) })
	return list
}

// rank orders confidences, the surest first.
func rank(c Confidence) int { return slices.Index([]Confidence{Certain, Likely, Possible}, c) }

const (
	maxValue   = 64 << 10
	maxExcerpt = 120
)

// excerpt shortens a value that is shown as evidence.
func excerpt(s string) string {
	s = strings.TrimRight(s, "\n")
	if len(s) <= maxExcerpt {
		return s
	}
	return strings.ToValidUTF8(s[:maxExcerpt], "") + "..."
}

// A sight is a leaf as the rules see it.
type sight struct {
	Leaf
	builds Builds
	// entry is the layer's entry, file the name of the innermost file, field the
	// name of what differs in it, "" for all of it.
	entry, file, field string
	// format is the innermost file's, "" when it isn't known.
	format string
	// where is all that says where the leaf is, for patterns: the kind, then the
	// formats, then the names, each between slashes.
	where string
}

func newSight(l Leaf, b Builds) *sight {
	l.A, l.B = l.A[:min(len(l.A), maxValue)], l.B[:min(len(l.B), maxValue)]
	s := &sight{Leaf: l, builds: b}
	path := make([]string, len(l.Path))
	for i, name := range l.Path {
		path[i] = end(name)
	}
	s.Path = path
	if n := len(path); n > 0 && path[n-1] == "content" {
		path = path[:n-1]
	} else if n > 1 {
		s.field, path = path[n-1], path[:n-1]
	}
	if len(path) > 0 {
		s.entry, s.file = path[0], path[len(path)-1]
	}
	if n := len(l.Formats); n > 0 {
		s.format = l.Formats[n-1]
	}
	return s
}

// maxName is how much of a name the rules look at: there can be many, and long.
const maxName = 100

// end returns the end of a name, which says more than its beginning.
func end(name string) string { return name[max(0, len(name)-maxName):] }

// place returns where, and makes it when it is first asked for.
func (s *sight) place() string {
	if s.where == "" {
		path := s.Path
		if n := len(path); n > 4 { // what is in between says nothing more
			path = []string{path[0], path[n-3], path[n-2], path[n-1]}
		}
		s.where = strings.ToLower("/" + s.Kind + "/" + strings.Join(s.Formats, "/") + "/ /" + strings.Join(path, "/") + "/")
	}
	return s.where
}

// find returns the causes in the order of the tables: what the format has a field
// for, what a file of that name is known for, and then what the values look like.
func (s *sight) find() []Cause {
	if c, ok := s.byField(); ok {
		return []Cause{c}
	}
	if c, ok := s.byFile(); ok {
		return []Cause{c}
	}
	if s.OnlyA || s.OnlyB {
		if list := s.byName(); len(list) > 0 {
			return list
		}
	}
	if list := s.byOrder(); len(list) > 0 {
		return list
	}
	list := s.byValue()
	if slices.ContainsFunc(list, func(c Cause) bool { return c.Confidence != Possible }) {
		return list
	}
	if known := s.byFormat(); len(known) > 0 {
		return known
	}
	if len(list) == 0 {
		list = s.byBytes()
	}
	return list
}
