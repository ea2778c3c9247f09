package release

import (
	"context"
	"errors"
	"path"
	"strings"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// A ReferenceSignature says that a reference in a registry is a release's image,
// in the form that podman, skopeo and bootc read.
type ReferenceSignature struct {
	Reference          string
	Image              digest.Digest
	Payload, Signature []byte
}

// BindReference signs that reference, HOST/REPOSITORY:TAG, is the image of the
// release in the folder dir; or its index and, since podman asks for the one that it
// takes, each of the index's images. It can be signed only by the key that already
// signed the release: Verify has to find every byte of it good with that key, in this
// process. And only under the release's own name: the last part of the repository
// is the recipe, the tag VERSION-rN, or it is a *[ReferenceError].
func BindReference(ctx context.Context, dir string, key *sign.Key, reference string) ([]*ReferenceSignature, error) {
	r, err := gated(ctx, dir, key)
	if err != nil {
		return nil, err
	}
	if path.Base(reference) != r.name || !strings.Contains(reference, "/") {
		return nil, &ReferenceError{Reference: reference, Name: r.name}
	}
	return r.sign(ctx, reference)
}

// A gatedImage is one that came through the gate, or an index, by what its key signed
// then. Only gated makes one, and only its method sign signs a reference; gate_test.go
// holds the source to both.
type gatedImage struct {
	name string // recipe:version-rN
	// images are the image, or the index and then its images.
	images []digest.Digest
	key    *sign.Key
}

// gated returns the image of a release that key signed.
func gated(ctx context.Context, dir string, key *sign.Key) (*gatedImage, error) {
	if key == nil {
		return nil, errors.New("release: no key to sign with")
	}
	v, err := Verify(ctx, dir, key.Public())
	if err != nil {
		return nil, err
	}
	r := &gatedImage{name: v.Name, images: []digest.Digest{v.Image.Digest}, key: key}
	for _, one := range v.Platforms {
		r.images = append(r.images, one.Image.Digest)
	}
	return r, nil
}

func (r *gatedImage) sign(ctx context.Context, reference string) ([]*ReferenceSignature, error) {
	var all []*ReferenceSignature
	for _, image := range r.images {
		payload, signature, err := r.key.SignReference(ctx, reference, image)
		if err != nil {
			return nil, err
		}
		all = append(all, &ReferenceSignature{Reference: reference, Image: image, Payload: payload, Signature: signature})
	}
	return all, nil
}
