package cause

import (
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxLines = 400
	maxLine  = 4 << 10
	// maxWays is how many lines are looked at that don't differ as one before.
	maxWays = 50
)

// A line is a pair of differing lines, of which less is left with everything that
// was recognised in it.
type line struct{ a, b string }

// mask stands in a line for what was recognised.
const mask = "\x00"

// A found is one pair of texts that a pattern found in a line, and what is before
// it in A, in lower case. Whole says that nothing else is in the line.
type found struct {
	a, b, before string
	whole        bool
}

// byValue returns what the differing lines show.
func (s *sight) byValue() []Cause {
	var list []Cause
	add := func(c Cause) {
		i := slices.IndexFunc(list, func(have Cause) bool { return have.Name == c.Name })
		if i < 0 {
			list = append(list, c)
		} else if rank(c.Confidence) < rank(list[i].Confidence) {
			list[i] = c
		}
	}
	seen := map[line]bool{}
	for _, l := range s.lines() {
		// A path that is in a thousand lines differs in one way.
		start, end := differing(l.a, l.b)
		way := line{l.a[start : len(l.a)-end], l.b[start : len(l.b)-end]}
		if !seen[way] && len(seen) < maxWays {
			seen[way] = true
			s.explain(&l, add)
		}
	}
	return list
}

// explain has every rule look at a line, until nothing of it is left to explain.
func (s *sight) explain(l *line, add func(Cause)) {
	s.explainVaried(l, add)
	for i := range rules {
		if l.a == l.b {
			return
		}
		s.apply(&rules[i], l, add)
	}
}

// apply gives what the rule's pattern finds in the differing part of a line to its
// judge, in pairs.
func (s *sight) apply(r *rule, l *line, add func(Cause)) {
	for i := range len(r.needs) {
		if strings.IndexByte(l.a, r.needs[i]) < 0 && strings.IndexByte(l.b, r.needs[i]) < 0 {
			return
		}
	}
	from, tail := differing(l.a, l.b)
	a := overlapping(r.pattern.FindAllStringIndex(l.a, -1), from, len(l.a)-tail)
	if len(a) == 0 && !r.oneSided {
		return
	}
	b := overlapping(r.pattern.FindAllStringIndex(l.b, -1), from, len(l.b)-tail)
	if len(a) != len(b) {
		if r.oneSided {
			s.applyOne(r, l, a, b, add)
		}
		return
	}
	// From the end, so that what is before stays where it is.
	outA, outB := l.a, l.b
	for i := len(a) - 1; i >= 0; i-- {
		f := found{a: l.a[a[i][0]:a[i][1]], b: l.b[b[i][0]:b[i][1]], before: before(l.a, a[i][0])}
		f.whole = strings.TrimSpace(l.a) == f.a && strings.TrimSpace(l.b) == f.b
		if f.a == f.b {
			continue
		}
		c, ok := r.judge(s, f)
		if !ok {
			continue
		}
		add(c)
		outA = outA[:a[i][0]] + mask + outA[a[i][1]:]
		outB = outB[:b[i][0]] + mask + outB[b[i][1]:]
	}
	l.a, l.b = outA, outB
}

// applyOne is for what only one side has.
func (s *sight) applyOne(r *rule, l *line, a, b [][]int, add func(Cause)) {
	f := found{a: l.a, b: l.b}
	switch {
	case len(b) == 0:
		f.a, f.before = l.a[a[0][0]:a[0][1]], before(l.a, a[0][0])
	case len(a) == 0:
		f.b, f.before = l.b[b[0][0]:b[0][1]], before(l.b, b[0][0])
	default:
		f.a, f.b = l.a[a[0][0]:a[0][1]], l.b[b[0][0]:b[0][1]]
	}
	if c, ok := r.judge(s, f); ok {
		add(c)
	}
}

// before returns the end of what comes before at, in lower case.
func before(s string, at int) string { return strings.ToLower(s[max(0, at-48):at]) }

// differing returns how many bytes a and b have in common at the start and, of the
// rest, at the end.
func differing(a, b string) (start, end int) {
	n := min(len(a), len(b))
	for start < n && a[start] == b[start] {
		start++
	}
	for end < n-start && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	return start, end
}

// overlapping returns the matches that reach into [from, to), or touch it when it
// is empty.
func overlapping(matches [][]int, from, to int) [][]int {
	return slices.DeleteFunc(matches, func(m []int) bool {
		if from >= to {
			return m[1] < from || m[0] > to
		}
		return m[1] <= from || m[0] >= to
	})
}

// lines returns the lines that differ, in pairs: text as it is, and of what is
// binary the strings.
func (s *sight) lines() []line {
	a, b := texts(s.A), texts(s.B)
	if s.OnlyA || s.OnlyB {
		return nil
	}
	a, b = without(a, b), without(b, a)
	if len(a) > len(b) {
		return pairUp(a, b)
	}
	list := pairUp(b, a)
	for i, l := range list {
		list[i] = line{l.b, l.a}
	}
	return list
}

// pairUp gives each line of the shorter list the one of the longer, from the same
// place on, that is most like it.
func pairUp(long, short []string) []line {
	var list []line
	next := 0
	for i, s := range short {
		best, most := next, -1
		// So many may be left out that the rest of short has one each.
		for k := next; k <= len(long)-(len(short)-i) && k < next+8; k++ {
			start, end := differing(long[k], s)
			if start+end > most {
				best, most = k, start+end
			}
		}
		list = append(list, line{long[best], s})
		next = best + 1
	}
	return list
}

// texts splits s into lines, or into strings of four characters and more if it is
// binary.
func texts(s string) []string {
	var list []string
	cut := func(t string) {
		if len(list) < maxLines {
			list = append(list, t[:min(len(t), maxLine)])
		}
	}
	if isText(s) {
		for l := range strings.Lines(s) {
			cut(strings.TrimSuffix(l, "\n"))
		}
		return list
	}
	isBinary := func(r rune) bool { return r < ' ' || r > '~' }
	for _, t := range strings.FieldsFunc(s, isBinary) {
		if len(t) >= 4 {
			cut(t)
		}
	}
	return list
}

func isText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' && r != '\r' && r != '\f' && r != 0x1b
	})
}

// without returns the lines of a that b has not, as often as each is there.
func without(a, b []string) []string {
	have := make(map[string]int, len(b))
	for _, l := range b {
		have[l]++
	}
	var rest []string
	for _, l := range a {
		if have[l] > 0 {
			have[l]--
			continue
		}
		rest = append(rest, l)
	}
	return rest
}
