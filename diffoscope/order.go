package diffoscope

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// compareOrder reports when the entries that both layers have come in another
// order: how many would have to move, and the entry that each side has at the
// first place where they differ.
func (p *pair) compareOrder() {
	if d := orderDifference("entries", p.common); d != nil {
		p.add(d, "")
	}
}

// orderDifference reports when things that both sides have come in another order,
// nil when they don't.
func orderDifference(what string, byA []position) *Difference {
	slices.SortFunc(byA, func(x, y position) int { return cmp.Compare(x.a, y.a) })
	if slices.IsSortedFunc(byA, func(x, y position) int { return cmp.Compare(x.b, y.b) }) {
		return nil
	}
	byB := slices.SortedFunc(slices.Values(byA), func(x, y position) int { return cmp.Compare(x.b, y.b) })
	first := 0
	for byA[first] == byB[first] {
		first++
	}
	return &Difference{
		Kind:   KindOrder,
		Name:   fmt.Sprintf("order of %s (%d of %d moved)", what, len(byA)-longestRun(byA), len(byA)),
		A:      text(byA[first].name),
		B:      text(byB[first].name),
		Offset: -1,
	}
}

// longestRun returns the length of the longest increasing subsequence of B's
// positions in A's order: the entries that can stay where they are.
func longestRun(byA []position) int {
	var tails []int
	for _, pos := range byA {
		i := sort.SearchInts(tails, pos.b)
		if i == len(tails) {
			tails = append(tails, pos.b)
		} else {
			tails[i] = pos.b
		}
	}
	return len(tails)
}

// An entryList collects the entries of a layer that differ.
type entryList []listed

type listed struct {
	name  string
	index int
	diff  *Difference
}

func (l entryList) sort() {
	slices.SortFunc(l, func(x, y listed) int {
		return cmp.Or(cmp.Compare(x.name, y.name), cmp.Compare(x.index, y.index))
	})
}

// sorted returns the entries that are on one side only, or have a difference listed.
func (l entryList) sorted() []*Difference {
	l.sort()
	var all []*Difference
	for _, item := range l {
		if item.diff.A == nil || item.diff.B == nil || len(item.diff.Children) > 0 {
			all = append(all, item.diff)
		}
	}
	return all
}

func trailerText(t oci.Trailer) string {
	if len(t.Excerpt) == 0 {
		return fmt.Sprintf("%d zero bytes", t.Size)
	}
	return fmt.Sprintf("%d bytes", t.Size)
}

// trailerOffset returns the first byte at which two trailers differ, as far as
// their excerpts tell.
func trailerOffset(a, b oci.Trailer) int64 {
	if len(a.Excerpt) == 0 {
		return min(b.Offset, a.Size)
	}
	if len(b.Excerpt) == 0 {
		return min(a.Offset, b.Size)
	}
	if a.Offset != b.Offset {
		return min(a.Offset, b.Offset)
	}
	return a.Offset + int64(commonPrefix(a.Excerpt, b.Excerpt))
}
