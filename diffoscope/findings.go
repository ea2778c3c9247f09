package diffoscope

import "gitlab.com/tailsbuild/tailsbuild/diffoscope/filetype"

// A finding is that a part differs.
type finding struct {
	*Difference
	derived, field bool
	// explained says that another finding says better what this one does.
	explained bool
}

// findings are all of one file's.
type findings struct {
	list []finding
	// byName has those in list that stand for a part, by its name.
	byName map[string]int
}

// keep adds that part differs, as d says. It replaces what is known of the part that
// it explains, when these are but bytes.
func (f *findings) keep(part *filetype.Part, d *Difference) {
	if at, ok := f.byName[part.Of]; ok && part.Of != "" {
		if of := f.list[at]; len(of.Children) == 0 && of.Diff == nil {
			f.list[at].explained = true
		}
	}
	if f.byName == nil {
		f.byName = map[string]int{}
	}
	f.byName[part.Name] = len(f.list)
	f.list = append(f.list, finding{Difference: d, derived: part.Derived, field: part.Open == nil})
}

// differs reports whether a part was found to differ.
func (f *findings) differs(name string) bool {
	_, ok := f.byName[name]
	return ok
}

// telling returns what doesn't only follow from something else: fields before contents.
func (f *findings) telling() []*Difference {
	var fields, contents []*Difference
	for _, x := range f.list {
		switch {
		case x.explained || x.derived:
		case x.field:
			fields = append(fields, x.Difference)
		default:
			contents = append(contents, x.Difference)
		}
	}
	return append(fields, contents...)
}

// derived returns the others.
func (f *findings) derived() []*Difference {
	var list []*Difference
	for _, x := range f.list {
		if x.derived && !x.explained {
			list = append(list, x.Difference)
		}
	}
	return list
}
