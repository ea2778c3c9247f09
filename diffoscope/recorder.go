package diffoscope

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
)

// A trail is the way to a difference: the names of the nodes above it, and the
// formats of the files that it is in, both from the outside in.
type trail struct{ path, formats []string }

// in returns the trail of the children of what is called name.
func (t trail) in(name string) trail {
	return trail{append(slices.Clip(t.path), name), t.formats}
}

// as returns the trail of the parts of a file with that format.
func (t trail) as(format string) trail {
	return trail{t.path, append(slices.Clip(t.formats), format)}
}

// A recorder counts leaves and says which are listed.
type recorder struct {
	limit, perField  int
	listed, unlisted int
	total            int
	counts           map[Count]int // by Kind and Field, N is 0
	causes           *causes
	skipped          []string
	unsaid           int   // what was skipped and is not in skipped
	decoded          int64 // bytes
	outside          int   // files with bytes that differ and that no part stands for
	outsideFirst     string
	followed         int // parts that differ as others do, and are not listed
}

const defaultDifferences = 10_000

func newRecorder(limit int, causes *causes) *recorder {
	if limit <= 0 {
		limit = defaultDifferences
	}
	return &recorder{limit: limit, perField: max(limit/10, 1), counts: map[Count]int{}, causes: causes}
}

// admit counts the leaf d, which is complete, and reports whether to list it.
func (r *recorder) admit(at trail, d *Difference, field string) bool {
	key := Count{Kind: d.Kind, Field: field}
	r.counts[key]++
	r.total++
	r.causes.add(append(slices.Clip(at.path), d.Name), at.formats, d)
	if r.listed >= r.limit || r.counts[key] > r.perField {
		r.unlisted++
		return false
	}
	r.listed++
	return true
}

// admitTree admits the leaves of d, and removes from it those that are not listed. It
// reports whether any is left.
func (r *recorder) admitTree(at trail, d *Difference) bool {
	if len(d.Children) == 0 {
		return r.admit(at, d, countField(at, d))
	}
	in := at.in(d.Name)
	if d.Format != "" {
		in = in.as(d.Format)
	}
	if d.inGo || slices.ContainsFunc(d.Children, func(c *Difference) bool { return goPart.MatchString(c.Name) }) {
		in = in.as("go") // what mends a program depends on its compiler
	}
	kept := d.Children[:0]
	for _, child := range d.Children {
		if r.admitTree(in, child) {
			kept = append(kept, child)
		}
	}
	clear(d.Children[len(kept):])
	d.Children = kept
	return len(kept) > 0
}

// goPart matches parts that only programs of Go's compiler have.
var goPart = lazyregexp.New(`^(Go|go|setting) |^\.(gopclntab|go\.)`)

// countField is what leaves inside of files are counted by: names of parts come from
// the files, and could be any number.
func countField(at trail, d *Difference) string {
	switch {
	case d.Kind == KindMember:
		return ""
	case len(at.formats) == 0 && d.Kind == KindUnexplained:
		return d.Name
	case len(at.formats) == 0:
		return ""
	}
	return at.formats[len(at.formats)-1]
}

const maxSkipped = 100

// skip says what was not looked into.
func (r *recorder) skip(s string) {
	if len(r.skipped) == maxSkipped {
		r.unsaid++
		return
	}
	r.skipped = append(r.skipped, s)
}

// addOutside says that files, which differ in some parts, have other bytes that differ.
func (r *recorder) addOutside(where string, list []string) {
	if r.outside == 0 && len(list) > 0 {
		r.outsideFirst = strings.TrimPrefix(where+": ", "the files: ") + list[0]
	}
	r.outside += len(list)
}

func (r *recorder) allSkipped() []string {
	list := slices.Clip(r.skipped)
	if r.unsaid > 0 {
		list = append(list, fmt.Sprintf("and %d more", r.unsaid))
	}
	if r.followed > 0 {
		list = append(list, fmt.Sprintf("parts of files that differ as a consequence of what is listed, such as checksums, offsets and code: %d", r.followed))
	}
	if r.outside > 0 {
		where := r.outsideFirst
		if r.outside > 1 {
			where = fmt.Sprintf("%d places, the first %s", r.outside, where)
		}
		list = append(list, "bytes that belong to no part, such as lengths, offsets and checksums of parts that differ: "+where)
	}
	return list
}

// decodable returns how many of limit bytes may still be decoded.
func (r *recorder) decodable(limit int64) int64 { return max(0, limit-r.decoded) }

func (r *recorder) list() []Count {
	var all []Count
	for key, n := range r.counts {
		key.N = n
		all = append(all, key)
	}
	slices.SortFunc(all, func(x, y Count) int {
		return cmp.Or(cmp.Compare(y.N, x.N), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Field, y.Field))
	})
	return all
}
