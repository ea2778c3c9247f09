package diffoscope

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
)

// blobMember matches the members of a manifest that say which bytes the config
// and layers have: the comparison of those bytes explains them. A whole
// layers[2] is one that the other image lacks.
var blobMember = lazyregexp.New(`^(config|layers\[\d+\])\.(digest|size)$|^layers\[\d+\]$`)

var diffIDMember = lazyregexp.New(`^rootfs\.diff_ids\[(\d+)\]$`)

// compareImages lists what differs between two images whose blobs were verified.
func compareImages(ctx context.Context, r *recorder, at trail, a, b *Image) ([]*Difference, error) {
	layers, explained, err := compareLayers(ctx, r, at, a, b)
	if err != nil {
		return nil, err
	}
	var list []*Difference
	add := func(kind Kind, x, y *Value, children []*Difference) {
		if len(children) > 0 {
			list = append(list, &Difference{Kind: kind, Name: string(kind), A: x, B: y, Offset: -1, Children: children})
		}
	}
	add(KindManifest,
		&Value{Digest: a.desc.Digest, Size: a.desc.Size}, &Value{Digest: b.desc.Digest, Size: b.desc.Size},
		compareDocuments(r, at.in("manifest"), a.manifest, b.manifest, blobMember.MatchString))
	add(KindConfig,
		&Value{Digest: a.configAt.Digest, Size: a.configAt.Size}, &Value{Digest: b.configAt.Digest, Size: b.configAt.Size},
		compareDocuments(r, at.in("config"), a.config, b.config, func(path string) bool {
			m := diffIDMember.FindStringSubmatch(path)
			if m == nil {
				return false
			}
			i, err := strconv.Atoi(m[1])
			return err == nil && explained[i]
		}))
	return append(list, layers...), nil
}

// compareLayers returns the layers that differ, and the positions at which a layer's
// bytes explain another diffID.
func compareLayers(ctx context.Context, r *recorder, at trail, a, b *Image) ([]*Difference, map[int]bool, error) {
	pairs, err := pairLayers(ctx, a, b)
	if err != nil {
		return nil, nil, err
	}
	var list []*Difference
	var moved []position
	explained := map[int]bool{}
	for _, l := range pairs {
		if l.single() {
			moved = append(moved, position{l.a[0], l.b[0], a.diffIDs[l.a[0]].String()})
			same := a.layers[l.a[0]].Digest == b.layers[l.b[0]].Digest && a.layers[l.a[0]].MediaType == b.layers[l.b[0]].MediaType
			if same && l.a[0] == l.b[0] {
				continue
			}
			explained[l.a[0]], explained[l.b[0]] = true, true
			if same {
				continue
			}
		}
		for _, i := range append(l.a[:len(l.a):len(l.a)], l.b...) {
			explained[i] = true
		}
		d, err := compareLayerPair(ctx, r, at, a, b, l)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", l.name(), err)
		}
		if d != nil {
			list = append(list, d)
		}
	}
	if d := orderDifference("layers", moved); d != nil && r.admit(at, d, "") {
		list = append([]*Difference{d}, list...)
	}
	return list, explained, nil
}

func compareLayerPair(ctx context.Context, r *recorder, at trail, a, b *Image, l layerPair) (*Difference, error) {
	switch {
	case len(l.b) == 0:
		return oneSided(ctx, r, at, a, l.a[0], 0)
	case len(l.a) == 0:
		return oneSided(ctx, r, at, b, l.b[0], 1)
	case l.single():
		return comparePair(ctx, r, at, a, b, l)
	}
	return compareSquashed(ctx, r, at, a, b, l)
}

// oneSided reports a layer that only one image has. It reads the layer to
// its end all the same: a damaged one is an error wherever it is.
func oneSided(ctx context.Context, r *recorder, at trail, i *Image, n, side int) (*Difference, error) {
	sum, err := layerTree{i, n, nil}.walk(ctx, func(*entry) error { return nil })
	if err != nil {
		return nil, err
	}
	v := &Value{Text: fmt.Sprintf("entries: %d", sum.entries), Digest: i.layers[n].Digest, Size: i.layers[n].Size}
	d := &Difference{Kind: KindLayer, Name: fmt.Sprintf("layer %d", n), Offset: -1}
	*d.side(side) = v
	if !r.admit(at, d, "") {
		return nil, nil
	}
	return d, nil
}

// comparePair compares a layer of each image.
func comparePair(ctx context.Context, r *recorder, at trail, a, b *Image, l layerPair) (d *Difference, err error) {
	x, y := layerTree{a, l.a[0], &keeper{}}, layerTree{b, l.b[0], &keeper{}}
	defer func() { err = errors.Join(err, x.Close(), y.Close()) }()
	p := newPair(r, at, l.name(), a.limits, x, y)
	if err := p.compare(ctx); err != nil {
		return nil, err
	}
	if err := p.compareContainers(ctx, [2]container{a.container(l.a[0]), b.container(l.b[0])}); err != nil {
		return nil, err
	}
	if len(p.children) == 0 {
		return nil, nil
	}
	return &Difference{
		Kind: KindLayer, Name: l.name(), Offset: -1, Children: p.children,
		A: blobValue(a.layers[l.a[0]]), B: blobValue(b.layers[l.b[0]]),
	}, nil
}

func (i *Image) container(n int) container {
	desc := i.layers[n]
	return container{desc, func() (io.ReadCloser, error) { return i.layout.Blob(desc) }}
}

// compareSquashed compares what several layers leave, once they are on top of each
// other, with what others do.
func compareSquashed(ctx context.Context, r *recorder, at trail, a, b *Image, l layerPair) (*Difference, error) {
	p := newPair(r, at, l.name(), a.limits, newMergedTree(a, l.a), newMergedTree(b, l.b))
	p.unordered = true
	p.add(&Difference{
		Kind: KindLayer, Name: "number of layers", Offset: -1, A: text(strconv.Itoa(len(l.a))), B: text(strconv.Itoa(len(l.b))),
	}, "")
	if err := p.compare(ctx); err != nil {
		return nil, err
	}
	if len(p.children) == 0 {
		return nil, nil
	}
	return &Difference{Kind: KindLayer, Name: l.name(), Offset: -1, Children: p.children}, nil
}
