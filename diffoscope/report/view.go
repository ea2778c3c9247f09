package report

import (
	"html/template"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
)

// maxFilters is how many causes the differences can be filtered by: page.css has a
// rule for each.
const maxFilters = 12

// A view is what the page shows above the differences.
type view struct {
	Title, Word, Summary, CSP string
	Style                     template.CSS
	Script                    template.JS
	Identical                 bool
	A, B                      diffoscope.Subject
	Facts                     []factView
	Causes                    []causeView
	Filters                   []filter
	Sections                  []section
	Skipped                   [][]segment
	Besides, BesidesWhat      string // the title of Skipped, and what it means
	Unlisted                  string

	parts []part
	index map[causeKey]int
	open  bool
}

type factView struct {
	Name string
	A, B []segment
}

// A filter shows the differences of one cause.
type filter struct {
	N     int
	Label string
}

type causeKey struct{ name, mend string }

// A causeView is one cause.
type causeView struct {
	N                 int // from 1
	Words             string
	Confidence, Count string
	Unknown           bool
	Detail, Mend      []segment
	Source            []segment
	A, B              []segment
	First             *placeView
	Others            string // how many besides First
	Places            []placeView
	More              string
}

type placeView struct {
	Link  string // of the file, "" if it isn't on the page
	Names [][]segment
}

func newView(c *diffoscope.Comparison, o Options) *view {
	v := &view{
		Title: plain(o.title()), Word: "different", Summary: summary(c), CSP: pageCSP,
		Style: template.CSS(pageCSS), Script: template.JS(pageJS), //nolint:gosec // the files beside this one
		Identical: c.Identical(), A: c.A(), B: c.B(), index: map[causeKey]int{},
	}
	if v.Identical {
		v.Word = "identical"
	}
	for _, f := range o.Facts {
		a, b := pair(f.A, f.B)
		v.Facts = append(v.Facts, factView{plain(f.Name), a, b})
	}
	v.parts = partsOf(c)
	links := linksOf(c, v.parts)
	for i, x := range c.Causes {
		v.cause(i+1, x, links)
	}
	for i, p := range v.parts {
		v.Sections = append(v.Sections, section{ID: sectionID(i), Name: p.name(), Count: p.count()})
	}
	v.Besides, v.BesidesWhat = besides(c)
	for _, s := range c.Skipped {
		v.Skipped = append(v.Skipped, whole(s))
	}
	if c.Unlisted > 0 {
		v.Unlisted = plural(c.Unlisted, "difference") + " more were counted, and are not listed."
	}
	v.open = c.Total()-c.Unlisted <= openBelow
	return v
}

func (v *view) cause(n int, x diffoscope.Cause, links map[string]string) {
	unknown := x.Name == cause.Unknown
	out := causeView{
		N: n, Words: plain(x.Name.Words()), Confidence: plain(string(x.Confidence)), Count: plural(x.N, "difference"), Unknown: unknown,
		Detail: whole(x.Detail), Mend: whole(x.Mend), Source: whole(x.Source),
	}
	if !unknown && !diffoscope.Binary(x.A) && !diffoscope.Binary(x.B) {
		out.A, out.B = pair(x.A, x.B)
	}
	for _, place := range x.Places {
		p := placeView{Link: linkTo(links, place)}
		for _, name := range place {
			p.Names = append(p.Names, whole(name))
		}
		out.Places = append(out.Places, p)
	}
	if len(out.Places) > 0 {
		out.First, out.Places = &out.Places[0], out.Places[1:]
		out.Others = "and " + number(x.N-1) + " more"
	}
	if rest := x.N - len(x.Places); rest > 0 && len(x.Places) > 1 {
		out.More = "and " + number(rest) + " more"
	}
	v.Causes = append(v.Causes, out)
	key := causeKey{string(x.Name), x.Mend}
	if _, ok := v.index[key]; !ok {
		v.index[key] = n
	}
	if n <= maxFilters {
		v.Filters = append(v.Filters, filter{n, out.Words})
	}
}

// causeOf returns the number of d's cause, 0 if it has none.
func (v *view) causeOf(d *diffoscope.Difference) int {
	if d.Kind == diffoscope.KindDebian {
		return 0
	}
	if d.Cause == nil {
		return v.index[causeKey{name: string(cause.Unknown)}]
	}
	if n, ok := v.index[causeKey{string(d.Cause.Name), d.Cause.Mend}]; ok {
		return n
	}
	for i, x := range v.Causes {
		if x.Words == plain(d.Cause.Name.Words()) {
			return i + 1
		}
	}
	return 0
}

// plain returns s with escapes.
func plain(s string) string {
	var b strings.Builder
	for _, x := range whole(s) {
		b.WriteString(x.Text)
	}
	return b.String()
}

func whole(s string) []segment { return segments(s, 0, 0) }

// leavesOf returns the differences without children below d.
func leavesOf(d *diffoscope.Difference) func(func(*diffoscope.Difference) bool) {
	return func(yield func(*diffoscope.Difference) bool) { walk(d, yield) }
}

func walk(d *diffoscope.Difference, yield func(*diffoscope.Difference) bool) bool {
	if len(d.Children) == 0 {
		return yield(d)
	}
	for _, child := range d.Children {
		if !walk(child, yield) {
			return false
		}
	}
	return true
}

// besides returns the title of what a comparison says beside differences, and what that
// means.
func besides(c *diffoscope.Comparison) (title, what string) {
	if c.AroundDiffers() {
		return "Around the images", "This differs, and is no part of them."
	}
	return "Not looked into", "Every byte was compared all the same."
}
