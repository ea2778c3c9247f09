package report

import (
	"fmt"
	"html/template"
	"slices"
	"strconv"
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
	Unlisted                  string

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
	links := linksOf(c)
	for i, x := range c.Causes {
		v.cause(i+1, x, links)
	}
	for i, d := range c.Differences {
		s := section{ID: "s" + strconv.Itoa(i), Name: whole(d.Name), Count: countOf(d)}
		v.Sections = append(v.Sections, s)
	}
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
	if !unknown {
		out.A, out.B = pair(x.A, x.B)
	}
	for _, place := range x.Places {
		p := placeView{Link: links[placeKey(place)]}
		for _, name := range place {
			p.Names = append(p.Names, whole(name))
		}
		out.Places = append(out.Places, p)
	}
	if rest := x.N - len(x.Places); rest > 0 && len(x.Places) > 0 {
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

func entryID(section, entry int) string { return fmt.Sprintf("d%d-%d", section, entry) }

// placeKey is the same for all places in one file.
func placeKey(names []string) string {
	return strings.Join(names[:min(len(names), 2)], "\x00")
}

// linksOf returns where on the page the files are that c's causes name.
func linksOf(c *diffoscope.Comparison) map[string]string {
	links := map[string]string{}
	for _, x := range c.Causes {
		for _, place := range x.Places {
			links[placeKey(place)] = ""
		}
	}
	set := func(id string, names ...string) {
		if old, ok := links[placeKey(names)]; ok && old == "" {
			links[placeKey(names)] = id
		}
	}
	for i, d := range c.Differences {
		set("s"+strconv.Itoa(i), d.Name)
		for j, child := range d.Children {
			set(entryID(i, j), d.Name, child.Name)
		}
	}
	return links
}

// countOf says how much is in a part of the images.
func countOf(d *diffoscope.Difference) string {
	entries := 0
	for _, child := range d.Children {
		if child.Kind == diffoscope.KindEntry {
			entries++
		}
	}
	if entries > 0 {
		return plural(entries, "file")
	}
	return plural(len(slices.Collect(leavesOf(d))), "difference")
}

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
