package diffoscope

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// A layerPair is one layer of each image, or one of them alone, or several that are
// compared as if they were one.
type layerPair struct{ a, b []int }

func (l layerPair) single() bool { return len(l.a) == 1 && len(l.b) == 1 }

func (l layerPair) name() string {
	name := func(list []int) string {
		s := "layer"
		if len(list) > 1 {
			s = "layers"
		}
		for i, n := range list {
			s += strings.Repeat(",", min(i, 1)) + fmt.Sprintf(" %d", n)
		}
		return s
	}
	switch {
	case slices.Equal(l.a, l.b) || len(l.b) == 0:
		return name(l.a)
	case len(l.a) == 0:
		return name(l.b)
	}
	return name(l.a) + " of A, " + name(l.b) + " of B"
}

// pairLayers pairs the layers of two images: those with one diffID first, wherever they
// are; then, between these, by position when there are as many; and then by the names
// of their entries, of which one layer may have those of several.
func pairLayers(ctx context.Context, a, b *Image) ([]layerPair, error) {
	p := &layerPairing{images: [2]*Image{a, b}, rest: [2][]bool{make([]bool, len(a.layers)), make([]bool, len(b.layers))}}
	anchors := p.anchors()
	from := position{a: -1, b: -1}
	for _, to := range append(anchors, position{a: len(a.layers), b: len(b.layers)}) {
		if err := p.between(ctx, from, to); err != nil {
			return nil, err
		}
		from = to
	}
	for _, to := range anchors {
		p.pairs = append(p.pairs, layerPair{[]int{to.a}, []int{to.b}})
	}
	slices.SortStableFunc(p.pairs, func(x, y layerPair) int { return x.position() - y.position() })
	return p.pairs, nil
}

// position is where a pair is listed.
func (l layerPair) position() int {
	if len(l.a) > 0 {
		return 2 * l.a[0]
	}
	return 2*l.b[0] + 1
}

type layerPairing struct {
	images [2]*Image
	// rest are the layers that have no pair with the same diffID.
	rest  [2][]bool
	pairs []layerPair
}

// anchors returns the most layers that are the same in both images, in order. It pairs
// those that moved.
func (p *layerPairing) anchors() []position {
	x, y := p.images[0].diffIDs, p.images[1].diffIDs
	longest := make([][]int, len(x)+1)
	longest[len(x)] = make([]int, len(y)+1)
	for i := len(x) - 1; i >= 0; i-- {
		longest[i] = make([]int, len(y)+1)
		for k := len(y) - 1; k >= 0; k-- {
			if longest[i][k] = max(longest[i+1][k], longest[i][k+1]); x[i] == y[k] {
				longest[i][k] = longest[i+1][k+1] + 1
			}
		}
	}
	var list []position
	for i := range x {
		p.rest[0][i] = true
	}
	for k := range y {
		p.rest[1][k] = true
	}
	take := func(i, k int) { p.rest[0][i], p.rest[1][k] = false, false }
	for i, k := 0, 0; i < len(x) && k < len(y); {
		switch {
		case x[i] == y[k]:
			list = append(list, position{a: i, b: k})
			take(i, k)
			i, k = i+1, k+1
		case longest[i+1][k] >= longest[i][k+1]:
			i++
		default:
			k++
		}
	}
	for i := range x {
		for k := range y {
			if p.rest[0][i] && p.rest[1][k] && x[i] == y[k] {
				p.add([]int{i}, []int{k})
				take(i, k)
			}
		}
	}
	return list
}

func (p *layerPairing) add(a, b []int) { p.pairs = append(p.pairs, layerPair{a, b}) }

// between pairs the layers between two anchors.
func (p *layerPairing) between(ctx context.Context, from, to position) error {
	g := &layerGap{layerPairing: p}
	for side, r := range [2][2]int{{from.a, to.a}, {from.b, to.b}} {
		for i := r[0] + 1; i < r[1]; i++ {
			if p.rest[side][i] {
				g.layers[side] = append(g.layers[side], i)
			}
		}
	}
	a, b := g.layers[0], g.layers[1]
	if len(a) == len(b) {
		alike, err := g.inPlace(ctx)
		if err != nil {
			return err
		}
		if alike {
			for i := range a {
				p.add(a[i:i+1], b[i:i+1])
			}
			return nil
		}
	}
	if len(a) > 0 && len(b) > 0 {
		if err := g.byNames(ctx); err != nil {
			return err
		}
	}
	for _, i := range g.layers[0] {
		p.add([]int{i}, nil)
	}
	for _, k := range g.layers[1] {
		p.add(nil, []int{k})
	}
	return nil
}

// A layerGap has layers that are not the same, between two pairs that are.
type layerGap struct {
	*layerPairing
	layers [2][]int
	names  [2]map[int]nameSet
}

const (
	// A short look at a layer reads so many names or bytes, a long one those.
	shortNames, longNames = 64, 200_000
	shortBytes, longBytes = 4 << 20, 256 << 20
	// alike is how much two layers have to have in common to be compared.
	alike = 0.2
	// within is how much of one layer has to be in another to be a part of it.
	within = 0.8
	// alikeFolders is how much two layers have to have of all their folders in common,
	// so many deep, to be compared by them.
	alikeFolders = 0.25
	folderDepth  = 3
)

// inPlace reports whether the layers can be paired by position, after a short look.
func (g *layerGap) inPlace(ctx context.Context) (bool, error) {
	if len(g.layers[0]) < 2 {
		return true, nil
	}
	var looks [2][]layerNames
	err := bothSides(func(side int) error {
		for _, i := range g.layers[side] {
			l, err := readNames(ctx, g.images[side], i, shortNames, shortBytes)
			if err != nil {
				return err
			}
			looks[side] = append(looks[side], l)
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	same := true
	for i, x := range looks[0] {
		if y := looks[1][i]; len(x.names) > 0 && len(y.names) > 0 {
			same = same && max(x.names.in(y.names), y.names.in(x.names)) >= alike
		}
	}
	return same || foldersInPlace(looks), nil
}

// foldersInPlace reports whether each layer has the folders of the one in its place, and
// of no other: what a short look tells of layers with the same names in any order.
func foldersInPlace(looks [2][]layerNames) bool {
	for i, x := range looks[0] {
		here := x.folders.like(looks[1][i].folders)
		if here < alikeFolders {
			return false
		}
		for k, y := range looks[1] {
			if k != i && x.folders.like(y.folders) > here/2 {
				return false
			}
		}
	}
	return true
}

// bothSides runs fn for both sides at once. Of two errors it returns A's.
func bothSides(fn func(side int) error) error {
	var errs [2]error
	var group sync.WaitGroup
	for side := range errs {
		group.Go(func() { errs[side] = fn(side) })
	}
	group.Wait()
	if errs[0] != nil {
		return errs[0]
	}
	return errs[1]
}

func (g *layerGap) byNames(ctx context.Context) error {
	err := bothSides(func(side int) error {
		g.names[side] = map[int]nameSet{}
		for _, i := range g.layers[side] {
			l, err := readNames(ctx, g.images[side], i, longNames, longBytes)
			if err != nil {
				return err
			}
			g.names[side][i] = l.names
		}
		return nil
	})
	if err != nil {
		return err
	}
	g.squashed(0)
	g.squashed(1)
	g.closest()
	return nil
}

// squashed pairs several layers of side with the one of the other that has them all.
func (g *layerGap) squashed(side int) {
	for _, k := range slices.Clone(g.layers[1-side]) {
		one := g.names[1-side][k]
		var parts []int
		all := nameSet{}
		for _, i := range g.layers[side] {
			if part := g.names[side][i]; len(part) > 0 && part.in(one) >= within {
				parts = append(parts, i)
				for name := range part {
					all[name] = struct{}{}
				}
			}
		}
		if len(parts) < 2 || one.in(all) < within {
			continue
		}
		if side == 0 {
			g.pair(parts, []int{k})
		} else {
			g.pair([]int{k}, parts)
		}
	}
}

// closest pairs the layers that have the most names in common.
func (g *layerGap) closest() {
	for {
		best, x, y := 0.0, 0, 0
		for _, i := range g.layers[0] {
			for _, k := range g.layers[1] {
				if s := g.names[0][i].like(g.names[1][k]); s > best {
					best, x, y = s, i, k
				}
			}
		}
		if best < alike {
			return
		}
		g.pair([]int{x}, []int{y})
	}
}

func (g *layerGap) pair(a, b []int) {
	g.add(a, b)
	g.layers[0] = slices.DeleteFunc(g.layers[0], func(i int) bool { return slices.Contains(a, i) })
	g.layers[1] = slices.DeleteFunc(g.layers[1], func(i int) bool { return slices.Contains(b, i) })
}

// A nameSet has the names in a layer, hashed.
type nameSet map[[8]byte]struct{}

// in returns which part of s is in t.
func (s nameSet) in(t nameSet) float64 { return float64(s.shared(t)) / float64(max(1, len(s))) }

// like returns how many of all names both have.
func (s nameSet) like(t nameSet) float64 {
	n := s.shared(t)
	return float64(n) / float64(max(1, len(s)+len(t)-n))
}

func (s nameSet) shared(t nameSet) int {
	if len(s) > len(t) {
		s, t = t, s
	}
	n := 0
	for name := range s {
		if _, ok := t[name]; ok {
			n++
		}
	}
	return n
}

// layerNames has the first names in a layer, without its directories, which most layers
// have in common, and the folders that these are in.
type layerNames struct{ names, folders nameSet }

func readNames(ctx context.Context, image *Image, n, names int, size int64) (layerNames, error) {
	l := layerNames{nameSet{}, nameSet{}}
	limits := image.layerLimits()
	limits.NoDiffID = true
	lr, err := layerTree{image, n, nil}.openWith(limits)
	if err != nil {
		return l, err
	}
	defer lr.Close()
	for len(l.names) < names && lr.Size() < size {
		if err := ctx.Err(); err != nil {
			return l, err
		}
		hdr, err := lr.Next()
		if err != nil {
			// What is damaged is an error when it is compared.
			break
		}
		if strings.HasSuffix(hdr.Name, "/") {
			continue
		}
		name := cleanName(hdr.Name)
		l.names.add(name)
		for i, depth := 0, 0; depth < folderDepth; depth++ {
			end := strings.IndexByte(name[i:], '/')
			if end < 0 {
				break
			}
			l.folders.add(name[:i+end])
			i += end + 1
		}
	}
	return l, nil
}

func (s nameSet) add(name string) {
	sum := sha256.Sum256([]byte(name))
	s[[8]byte(sum[:8])] = struct{}{}
}

func (i *Image) layerLimits() oci.LayerLimits {
	l := i.limits.layer()
	l.Lenient = i.lenient
	return l
}
