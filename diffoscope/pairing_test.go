package diffoscope

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// layersOf makes an image of layers, which are lists of files: "name=content".
func layersOf(layers ...[]testEntry) *testImage {
	i := newTestImage()
	i.layers = nil
	for _, entries := range layers {
		i.layers = append(i.layers, testLayer{compression: "gzip", level: 6, entries: entries})
	}
	return i
}

func files(prefix, body string, n int) []testEntry {
	var list []testEntry
	for k := range n {
		list = append(list, file(fmt.Sprintf("%s/%d", prefix, k), body))
	}
	return list
}

func join(lists ...[]testEntry) (all []testEntry) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// TestLayers: layers that moved, were split or squashed, are compared with what they
// were.
func TestLayers(t *testing.T) {
	base, a, b := files("base", "1", 10), files("a", "1", 10), files("b", "1", 10)
	other := func(entries []testEntry) []testEntry {
		entries = append([]testEntry(nil), entries...)
		entries[3].body = "2"
		return entries
	}
	for name, test := range map[string]struct {
		a, b *testImage
		want []string
	}{
		"moved": {
			layersOf(base, a, b), layersOf(base, b, a),
			[]string{"order order of layers (1 of 3 moved): A | B"},
		},
		"moved and changed": {
			layersOf(base, a, b), layersOf(base, other(b), other(a)),
			[]string{
				"order order of layers (1 of 3 moved): A | B",
				`content layer 1 of A, layer 2 of B > a/3 > content: "1" | "2" at 0 line 1`,
				`content layer 2 of A, layer 1 of B > b/3 > content: "1" | "2" at 0 line 1`,
			},
		},
		"added in the middle": {
			layersOf(base, a), layersOf(base, b, a),
			[]string{"layer layer 1: - | entries: 10"},
		},
		"added, and others changed": {
			layersOf(base, a), layersOf(other(base), b, other(a)),
			[]string{
				`content layer 0 > base/3 > content: "1" | "2" at 0 line 1`,
				`content layer 1 of A, layer 2 of B > a/3 > content: "1" | "2" at 0 line 1`,
				"layer layer 1: - | entries: 10",
			},
		},
		"squashed": {
			layersOf(base, a, join(b, []testEntry{file("a/.wh.0", ""), file("base/1", "3")})),
			layersOf(other(join(base[:1], []testEntry{file("base/1", "3")}, base[2:], a[1:], b))),
			[]string{
				"layer layers 0, 1, 2 of A, layer 0 of B > number of layers: 3 | 1",
				`content layers 0, 1, 2 of A, layer 0 of B > base/3 > content: "1" | "2" at 0 line 1`,
			},
		},
		"split, above others": {
			layersOf(base, join(a, b)), layersOf(base, a, b),
			[]string{"layer layer 1 of A, layers 1, 2 of B > number of layers: 1 | 2"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			x, y := open(t, test.a.write(t)), open(t, test.b.write(t))
			c := compareTest(t, x, y)
			var got []string
			for _, top := range c.Differences {
				if top.Kind == KindOrder {
					top.A.Text, top.B.Text = "A", "B" // digests
				}
			}
			got = leaves(c, false)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestInPlace: layers whose entries come in any order are paired by a short look, unless
// others have their folders, too.
func TestInPlace(t *testing.T) {
	backwards := func(list []testEntry) []testEntry {
		list = slices.Clone(list)
		slices.Reverse(list)
		return list
	}
	a, b, c := files("usr/a", "1", 200), files("usr/b", "1", 200), files("usr/b", "1", 100)
	for name, test := range map[string]struct {
		a, b *testImage
		want bool
	}{
		"other order":        {layersOf(a, b), layersOf(backwards(a), backwards(b)), true},
		"swapped":            {layersOf(a, b), layersOf(backwards(b), backwards(a)), false},
		"one folder in both": {layersOf(b, c), layersOf(backwards(c), backwards(b)), false},
	} {
		images := [2]*Image{open(t, test.a.write(t)), open(t, test.b.write(t))}
		g := &layerGap{layerPairing: &layerPairing{images: images}, layers: [2][]int{{0, 1}, {0, 1}}}
		if got, err := g.inPlace(t.Context()); got != test.want || err != nil {
			t.Errorf("%s: %v, %v, want %v", name, got, err, test.want)
		}
	}
}
