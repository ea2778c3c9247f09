package diffoscope

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// compareOrder reports when the entries that both layers have come in another
// order: how many would have to move, and the entry that each side has at the
// first place where they differ.
func (p *pair) compareOrder(ctx context.Context) error {
	moved, first := movedPlaces(p.common)
	if moved == 0 {
		return nil
	}
	var values [2]*Value
	for side, at := range first {
		if p.spill == nil {
			values[side] = text(p.names[at.name])
			continue
		}
		index := int(at.a)
		if side == 1 {
			index = int(at.b)
		}
		err := p.trees[side].again(ctx, func(i int) bool { return i == index }, index, func(_ int, r contentReader) error {
			values[side] = text(headerName(r.Header()))
			return nil
		})
		if err != nil {
			return err
		}
	}
	p.add(orderOf("entries", moved, len(p.common), values[0], values[1]), "")
	return nil
}

// A position is where two lists have one thing that is in both.
type position struct {
	a, b int
	name string
}

// orderDifference reports when things that both sides have come in another order,
// nil when they don't.
func orderDifference(what string, list []position) *Difference {
	places := make([]spot, len(list))
	for i, pos := range list {
		places[i] = spot{int32(pos.a), int32(pos.b), int32(i)}
	}
	moved, first := movedPlaces(places)
	if moved == 0 {
		return nil
	}
	return orderOf(what, moved, len(list), text(list[first[0].name].name), text(list[first[1].name].name))
}

func orderOf(what string, moved, all int, a, b *Value) *Difference {
	return &Difference{
		Kind: KindOrder, Name: fmt.Sprintf("order of %s (%d of %d moved)", what, moved, all), A: a, B: b, Offset: -1,
	}
}

// movedPlaces returns how many places would have to move to be in one order, and which
// each side has at the first place where they are not. It sorts byA.
func movedPlaces(byA []spot) (moved int, first [2]spot) {
	slices.SortFunc(byA, func(x, y spot) int { return cmp.Compare(x.a, y.a) })
	if slices.IsSortedFunc(byA, func(x, y spot) int { return cmp.Compare(x.b, y.b) }) {
		return 0, first
	}
	byB := slices.SortedFunc(slices.Values(byA), func(x, y spot) int { return cmp.Compare(x.b, y.b) })
	for i := range byA {
		if byA[i] != byB[i] {
			first = [2]spot{byA[i], byB[i]}
			break
		}
	}
	return len(byA) - longestRun(byA), first
}

// longestRun returns the length of the longest increasing subsequence of B's
// positions in A's order: the entries that can stay where they are.
func longestRun(byA []spot) int {
	var tails []int32
	for _, at := range byA {
		i, _ := slices.BinarySearch(tails, at.b)
		if i == len(tails) {
			tails = append(tails, at.b)
		} else {
			tails[i] = at.b
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
