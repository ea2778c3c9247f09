package release

import (
	"context"
	"errors"
	"fmt"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// MatchSealed sets v.Sealed to what the release in the folder dir has of sealed
// inputs, which have to be exactly what v's builds read. Of their bytes only the
// lock's are read: it is for somebody who takes all of them from there.
//
// It returns an *[inputs.SealedError] when there are none that match.
func (v *Verification) MatchSealed(ctx context.Context, dir string) error {
	l, err := openLayout(dir)
	if err != nil {
		return err
	}
	defer l.Close()
	r := &opened{layout: l, called: v.Dir}
	if _, err := r.split(); err != nil {
		return err
	}
	var problems []error
	for _, desc := range r.about(v.Image) {
		if err := ctx.Err(); err != nil {
			return err
		}
		a, err := inputs.ReadArtifact(v.Dir, l.Layout, desc)
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
// folder dir one: the image, a build of it, or their comparison. What such a key
// says counts for the release, so that it must not say anything else.
func IsReleaseKey(dir string, image ocispec.Descriptor, key *sign.PublicKey) (bool, error) {
	l, err := openLayout(dir)
	if err != nil {
		return false, err
	}
	defer l.Close()
	r := &opened{layout: l, called: dir}
	if _, err := r.split(); err != nil {
		return false, err
	}
	e := newSignedEvidence(image, key)
	for _, desc := range r.about(image) {
		if _, err := e.read(l, desc); err != nil {
			return false, err
		}
	}
	return len(e.good) > 0, nil
}
