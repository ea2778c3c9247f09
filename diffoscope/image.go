package diffoscope

import (
	"context"
	"fmt"
	"strconv"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
)

// blobMember matches the members of a manifest that say which bytes the config
// and layers have: the comparison of those bytes explains them. A whole
// layers[2] is one that the other image lacks.
var blobMember = lazyregexp.New(`^(config|layers\[\d+\])\.(digest|size)$|^layers\[\d+\]$`)

var diffIDMember = lazyregexp.New(`^rootfs\.diff_ids\[(\d+)\]$`)

// compareImages lists what differs between two images whose blobs were verified.
func compareImages(ctx context.Context, r *recorder, a, b *Image) ([]*Difference, error) {
	layers, explained, err := compareLayers(ctx, r, a, b)
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
		compareDocuments(r, trail{}.in("manifest"), a.manifest, b.manifest, blobMember.MatchString))
	add(KindConfig,
		&Value{Digest: a.configAt.Digest, Size: a.configAt.Size}, &Value{Digest: b.configAt.Digest, Size: b.configAt.Size},
		compareDocuments(r, trail{}.in("config"), a.config, b.config, func(path string) bool {
			m := diffIDMember.FindStringSubmatch(path)
			if m == nil {
				return false
			}
			i, err := strconv.Atoi(m[1])
			return err == nil && explained[i]
		}))
	return append(list, layers...), nil
}

// compareLayers pairs layers by their position. It returns those that differ, and
// the positions at which a layer's bytes explain another diffID.
func compareLayers(ctx context.Context, r *recorder, a, b *Image) ([]*Difference, map[int]bool, error) {
	var list []*Difference
	explained := map[int]bool{}
	for i := range max(len(a.layers), len(b.layers)) {
		name := fmt.Sprintf("layer %d", i)
		var d *Difference
		var err error
		switch {
		case i >= len(b.layers):
			d, err = oneSided(ctx, r, a, i, name, 0)
			explained[i] = true
		case i >= len(a.layers):
			d, err = oneSided(ctx, r, b, i, name, 1)
			explained[i] = true
		case a.layers[i].Digest == b.layers[i].Digest && a.layers[i].MediaType == b.layers[i].MediaType:
			continue
		default:
			explained[i] = true
			d, err = comparePair(ctx, r, a, b, i, name)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		if d != nil {
			list = append(list, d)
		}
	}
	return list, explained, nil
}

// oneSided reports a layer that only one image has. It reads the layer to
// its end all the same: a damaged one is an error wherever it is.
func oneSided(ctx context.Context, r *recorder, i *Image, n int, name string, side int) (*Difference, error) {
	sum, err := walkLayer(ctx, i, n, func(*entry) error { return nil })
	if err != nil {
		return nil, err
	}
	v := &Value{Text: fmt.Sprintf("entries: %d", sum.entries), Digest: i.layers[n].Digest, Size: i.layers[n].Size}
	d := &Difference{Kind: KindLayer, Name: name, Offset: -1}
	*d.side(side) = v
	if !r.admit(trail{}, d, "") {
		return nil, nil
	}
	return d, nil
}

// comparePair compares layer n of both images.
func comparePair(ctx context.Context, r *recorder, a, b *Image, n int, name string) (*Difference, error) {
	p := &pair{a: a, b: b, layer: n, name: name, recorder: r, at: trail{}.in(name), before: r.total}
	if err := p.compare(ctx); err != nil {
		return nil, err
	}
	if len(p.children) == 0 {
		return nil, nil
	}
	return &Difference{
		Kind: KindLayer, Name: name, Offset: -1, Children: p.children,
		A: &Value{Digest: a.layers[n].Digest, Size: a.layers[n].Size},
		B: &Value{Digest: b.layers[n].Digest, Size: b.layers[n].Size},
	}, nil
}
