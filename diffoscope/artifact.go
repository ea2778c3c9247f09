package diffoscope

import (
	"context"
	"errors"
	"fmt"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/filetype"
	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
)

// manifestMember matches the members of an index that say which bytes a manifest has:
// the comparison of those explains them. A whole one is on one side only.
var manifestMember = lazyregexp.New(`^manifests\[\d+\](\.(digest|size))?$`)

// compareArtifacts compares two manifests that are no images, such as attestations.
func compareArtifacts(ctx context.Context, r *recorder, at trail, a, b *Image) (list []*Difference, err error) {
	members := compareDocuments(r, at.in("manifest"), a.manifest, b.manifest, blobMember.MatchString)
	if len(members) > 0 {
		list = append(list, &Difference{
			Kind: KindManifest, Name: "manifest", Offset: -1, A: blobValue(a.desc), B: blobValue(b.desc), Children: members,
		})
	}
	x := newExplainer(a.limits)
	defer func() { err = errors.Join(err, x.close()) }()
	blobs := func(i *Image) []ocispec.Descriptor {
		return append([]ocispec.Descriptor{i.configAt}, i.layers...)
	}
	left, right := blobs(a), blobs(b)
	for n := range max(len(left), len(right)) {
		d := &Difference{Kind: KindContent, Name: "config", Offset: -1}
		if n > 0 {
			d.Name = fmt.Sprintf("blob %d", n-1)
		}
		if n < len(left) {
			d.A = blobValue(left[n])
		}
		if n < len(right) {
			d.B = blobValue(right[n])
		}
		if d.A != nil && d.B != nil {
			if left[n].Digest == right[n].Digest {
				continue
			}
			if err := r.explainBlobs(ctx, x, d, [2]*Image{a, b}, [2]ocispec.Descriptor{left[n], right[n]}); err != nil {
				return nil, err
			}
		}
		if r.admitTree(at, d) {
			list = append(list, d)
		}
	}
	return list, nil
}

func (r *recorder) explainBlobs(ctx context.Context, x *explainer, d *Difference, images [2]*Image, descs [2]ocispec.Descriptor) error {
	var spools [2]*spool
	for side, i := range images {
		blob, err := i.layout.Blob(descs[side])
		if err != nil {
			return err
		}
		spools[side], err = x.arenas[side].spool(blob, maxSpooledFile)
		closed := blob.Close()
		var limit *filetype.LimitError
		if errors.As(err, &limit) && closed == nil {
			r.skip(fmt.Sprintf("%s: %v", d.Name, limit)) // the digests differ, which is enough
			return nil
		}
		if err := errors.Join(err, closed); err != nil {
			return fmt.Errorf("%s: %w", d.Name, err)
		}
		defer spools[side].release()
	}
	e, err := x.explain(ctx, d, d.Name, spools[0], spools[1])
	for _, s := range e.skipped {
		r.skip(s)
	}
	return err
}
