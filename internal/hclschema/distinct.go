package hclschema

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// Distinct reports elements of a list that are there twice.
func (e *Evaluator) Distinct(items []Item, summary string) {
	seen := map[string]bool{}
	for _, it := range items {
		if seen[it.Text] {
			e.Fail(it.Range, summary, "The list has %s already. Remove one of the two.", Quote(it.Text))
		}
		seen[it.Text] = true
	}
}

// Labelled reports inner blocks of one type with the same last label, by which
// they are known.
func (e *Evaluator) Labelled(b *Block, name string) {
	seen := map[string]hcl.Range{}
	for _, inner := range b.All(name) {
		l := inner.Labels[len(inner.Labels)-1]
		if first, again := seen[l.Text]; again {
			e.Fail(l.Range, "Name is there twice", "There is %s%s %s already, on line %d. Rename or remove one of the two.", article(name, "an ", "a "), name, Quote(l.Text), first.Start.Line)
			continue
		}
		seen[l.Text] = l.Range
	}
}

// SortedKeys returns m's keys in order, for output that is always the same.
func SortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
