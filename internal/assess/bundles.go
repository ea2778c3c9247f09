package assess

import (
	"context"

	"github.com/opencontainers/go-digest"
)

// Bundles returns the manifests of the bundles that a trust root lists for an image
// that was asked for by reference. Whoever fetches the image asks for these first: a
// registry that has many others doesn't hide them.
//
// It returns none when the trust root can't be used or doesn't list the image; why is
// for [Assessor.Judge] to say.
func (a *Assessor) Bundles(ctx context.Context, reference string, image digest.Digest) []digest.Digest {
	t := a.trustRoot(reference)
	if t == nil {
		return nil
	}
	view, err := a.view(ctx, t)
	if err != nil {
		return nil
	}
	found, err := view.FindDigest(ctx, image)
	if err != nil {
		return nil
	}
	var all []digest.Digest
	for _, r := range found {
		all = append(all, r.Target.Bundles...)
	}
	return all
}
