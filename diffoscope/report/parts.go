package report

import (
	"slices"
	"strconv"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
)

// A part of what was compared has a section of the page: a document or a layer of an
// image, or all files of a tar.
type part struct {
	path []string // the names on the way to it, and its own
	list []*diffoscope.Difference
}

// containers hold parts, or are parts.
var containers = []diffoscope.Kind{
	diffoscope.KindIndex, diffoscope.KindImage, diffoscope.KindManifest, diffoscope.KindConfig, diffoscope.KindLayer,
}

// partsOf returns the parts that differ, in their order.
func partsOf(c *diffoscope.Comparison) []part { return appendParts(nil, nil, c.Differences) }

func appendParts(parts []part, path []string, list []*diffoscope.Difference) []part {
	var loose []*diffoscope.Difference
	flush := func() {
		if len(loose) > 0 {
			parts = append(parts, part{path, loose})
			loose = nil
		}
	}
	for _, d := range list {
		if !slices.Contains(containers, d.Kind) || len(d.Children) == 0 {
			loose = append(loose, d)
			continue
		}
		flush()
		parts = appendParts(parts, append(slices.Clip(path), d.Name), d.Children)
	}
	flush()
	return parts
}

func (p part) name() []segment {
	if len(p.path) == 0 {
		return whole("files")
	}
	return whole(strings.Join(p.path, " › "))
}

// count says how much is in it.
func (p part) count() string {
	files, leaves := 0, 0
	for _, d := range p.list {
		if d.Kind == diffoscope.KindEntry {
			files++
		}
		for range leavesOf(d) {
			leaves++
		}
	}
	if files > 0 {
		return plural(files, "file")
	}
	return plural(leaves, "difference")
}

func sectionID(i int) string { return "s" + strconv.Itoa(i) }

func entryID(section, entry int) string {
	return "d" + strconv.Itoa(section) + "-" + strconv.Itoa(entry)
}

// linksOf returns where on the page the places of c's causes are, by placeKey.
func linksOf(c *diffoscope.Comparison, parts []part) map[string]string {
	links := map[string]string{}
	for _, x := range c.Causes {
		for _, place := range x.Places {
			for n := range place {
				links[placeKey(place[:n+1])] = ""
			}
		}
	}
	set := func(id string, names []string) {
		if old, ok := links[placeKey(names)]; ok && old == "" {
			links[placeKey(names)] = id
		}
	}
	for i, p := range parts {
		set(sectionID(i), p.path)
		for j, d := range p.list {
			set(entryID(i, j), append(slices.Clip(p.path), d.Name))
		}
	}
	return links
}

// linkTo returns where place is, as near as the page has an anchor, "" if it isn't on
// the page.
func linkTo(links map[string]string, place []string) string {
	for n := len(place); n > 0; n-- {
		if id := links[placeKey(place[:n])]; id != "" {
			return id
		}
	}
	return ""
}

func placeKey(names []string) string { return strings.Join(names, "\x00") }
