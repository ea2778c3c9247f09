package release

import (
	"context"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// Images returns the descriptors of the images of the release in the folder dir, in
// the order of the index that top describes. Of a release of one image, that is top.
// They are not read.
func Images(dir string) (top ocispec.Descriptor, all []ocispec.Descriptor, err error) {
	err = listed(dir, func(r *opened, desc ocispec.Descriptor) error {
		top = desc
		all, err = r.all(top)
		return err
	})
	return top, all, err
}

// listed calls do with the release in the folder dir, of which nothing was read but
// what refers to what.
func listed(dir string, do func(r *opened, top ocispec.Descriptor) error) error {
	l, err := openLayout(dir)
	if err != nil {
		return err
	}
	defer l.Close()
	r := &opened{layout: l, called: dir}
	top, err := r.split()
	if err == nil {
		err = do(r, top)
	}
	var refused *RefusedError
	if errors.As(err, &refused) {
		refused.Dir = dir
		return refused
	}
	return err
}

// Of returns what v shows of the image with a digest: v, or one of v.Platforms.
func (v *Verification) Of(image digest.Digest) (*Verification, error) {
	for _, one := range append(v.Platforms, v) {
		if one.Image.Digest == image && one.Reproductions != nil {
			return one, nil
		}
	}
	return nil, &RefusedError{Dir: v.Dir, Image: image, Reason: errors.New("no image of the release")}
}

// MatchSealed sets v.Sealed to what the release in the folder dir has of sealed
// inputs, which have to be exactly what v's builds read. Of their bytes only the
// lock's are read: it is for somebody who takes all of them from there.
//
// It returns an *[inputs.SealedError] when there are none that match.
func (v *Verification) MatchSealed(ctx context.Context, dir string) error {
	return listed(dir, func(r *opened, _ ocispec.Descriptor) error {
		return v.matchOneSealed(ctx, r)
	})
}

func (v *Verification) matchOneSealed(ctx context.Context, r *opened) error {
	var problems []error
	for _, desc := range r.about(v.Image) {
		if err := ctx.Err(); err != nil {
			return err
		}
		a, err := inputs.ReadArtifact(v.Dir, r.Layout, desc)
		if errors.Is(err, inputs.ErrNotSealed) {
			continue
		}
		if err != nil {
			return err
		}
		// Anybody can put others beside the image; the first that matches is as good
		// as any.
		if v.Sealed, err = v.matchSealed(a); err == nil {
			return nil
		}
		problems = append(problems, fmt.Errorf("%s: %w", desc.Digest, err))
	}
	if len(problems) == 0 {
		problems = []error{inputs.ErrNotSealed}
	}
	return &inputs.SealedError{Dir: v.Dir, Err: errors.Join(problems...)}
}

// IsReleaseKey reports whether key signed something that makes the release in the
// folder dir one: the index, an image, a build of one, or their comparison. What such
// a key says counts for the release, so that it must not say anything else.
func IsReleaseKey(dir string, key *sign.PublicKey) (signed bool, err error) {
	err = listed(dir, func(r *opened, top ocispec.Descriptor) error {
		images, err := r.all(top)
		if err != nil {
			return err
		}
		if r.index != nil {
			images = append(images, *r.index)
		}
		for _, image := range images {
			e := newSignedEvidence(image, key)
			for _, desc := range r.about(image) {
				if _, err := e.read(r.layout, desc); err != nil {
					return err
				}
			}
			signed = signed || len(e.good) > 0
		}
		return nil
	})
	return signed, err
}
