package release

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// verifyIndex verifies every image of an index, and then the index.
func (r *opened) verifyIndex(ctx context.Context, key *sign.PublicKey) (*Verification, error) {
	v := &Verification{Dir: r.called, Image: *r.index, Key: key.ID()}
	var archs, built []string
	for _, img := range r.images {
		one, err := r.verify(ctx, img, key)
		if err != nil {
			return nil, &PlatformError{Platform: platformOf(img.desc), Err: err}
		}
		if len(v.Platforms) == 0 {
			v.Name, v.Parameters, v.Output = one.Name, one.Parameters.Common(), one.Output
		}
		if one.Parameters.Common() != v.Parameters || one.Output != v.Output {
			return nil, &RefusedError{Dir: r.called, Image: r.index.Digest, Reason: fmt.Errorf(
				"the images of the index are of different recipes or locks: %s for %s is another", one.Name, one.Parameters.Arch)}
		}
		built = append(built, one.Parameters.Arch)
		if d := one.Declaration; d != nil {
			archs = append(archs, d.Architectures...)
		}
		v.Bundles = append(v.Bundles, one.Bundles...)
		v.Problems = append(v.Problems, one.Problems...)
		v.Platforms = append(v.Platforms, one)
	}
	v.Lacks = lacks(archs, built...)
	for _, one := range v.Platforms {
		one.Lacks = nil // of the image, not of the release
	}
	for _, desc := range r.strays() {
		v.note(desc.Digest, errors.New("its subject is no image of the index, nor the index"))
	}
	return v, r.verifyHead(v, key)
}

// verifyHead checks that key signed the index.
func (r *opened) verifyHead(v *Verification, key *sign.PublicKey) error {
	signed := false
	for _, desc := range r.about(*r.index) {
		a, problem, err := readAttached(r.layout, *r.index, desc)
		if err != nil {
			return fmt.Errorf("release %s: %w", r.called, err)
		}
		if problem == nil {
			problem = signsIndex(a, key, r.index.Digest)
		}
		v.note(desc.Digest, problem)
		if problem == nil {
			signed, v.Bundles = true, append(v.Bundles, desc.Digest)
		}
	}
	if !signed {
		return &RefusedError{Dir: r.called, Image: r.index.Digest, Reason: ErrNoIndexSignature, Problems: v.Problems}
	}
	slices.Sort(v.Bundles)
	v.Bundles = slices.Compact(v.Bundles)
	return nil
}

// signsIndex returns nil when a is key's signature of the index.
func signsIndex(a *attached, key *sign.PublicKey, index digest.Digest) error {
	if a.artifactType != sign.BundleMediaType {
		return fmt.Errorf("artifact of type %q is not a signature", a.artifactType)
	}
	signed, err := key.Verify(a.bundle, index)
	if err != nil {
		return err
	}
	_, err = evidence.ParseSignature(signed.Statement)
	return err
}

// lacks returns the architectures that a recipe is for and nothing was built for,
// sorted.
func lacks(recipe []string, built ...string) []string {
	missing := slices.DeleteFunc(slices.Clone(recipe), func(arch string) bool { return slices.Contains(built, arch) })
	slices.Sort(missing)
	return slices.Compact(missing)
}
