package release

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// maxEvidence is how many manifests beside the image a release may have.
const maxEvidence = 256

// A Verification is what a release's own files, and one key, show.
type Verification struct {
	Dir string `json:"dir"`
	// Name is recipe:version-rN as the signed evidence has it. What the release's
	// index calls the image is not signed, and not looked at.
	Name  string             `json:"name"`
	Image ocispec.Descriptor `json:"image"`
	// Key is the ID of the key that signed.
	Key        string              `json:"key"`
	Parameters evidence.Parameters `json:"parameters"`
	Output     evidence.Output     `json:"output"`
	Compressed int64               `json:"compressed"`
	// Unpacked is what the signed comparison says when the layers were not read.
	Unpacked int64 `json:"unpacked"`
	// Dependencies is everything that the builds read.
	Dependencies []evidence.Dependency `json:"dependencies"`
	// Reproductions has at least one pair of builds, the newest first. Parameters, Output
	// and Dependencies are those of the newest.
	Reproductions []Reproduction `json:"reproductions"`
	// Tests are the names of the recipe's tests that passed in the image, nil when it
	// isn't known to have been tested.
	Tests []string `json:"tests,omitempty"`
	// SBOM is what is in the image, and Declaration what it declares; nil when there
	// is no such statement.
	SBOM        *SBOM                 `json:"sbom,omitempty"`
	Declaration *evidence.Declaration `json:"declaration,omitempty"`
	// Missing are the statements that there are none of, sorted: a Missing constant
	// each.
	Missing []string `json:"missing,omitempty"`
	// Bundles are the manifests with what the key signed, sorted.
	Bundles []digest.Digest `json:"bundles"`
	// Lacks are the architectures that the recipe is for and the release isn't, as far
	// as a declaration says, sorted.
	Lacks []string `json:"lacks,omitempty"`
	// Sealed describes the sealed inputs, nil when the release has none. They are
	// whole, and exactly Dependencies and the lock.
	Sealed *Sealed `json:"sealed,omitempty"`
	// Platforms are the images of an index, in its order, each verified like one that
	// is alone, and nil for one that is. For an index, Image is the index, which the
	// key signed, too; Parameters and Output are what all platforms have in common, and
	// Bundles, Lacks and Problems are those of all. The rest is the platforms'.
	Platforms []*Verification `json:"platforms,omitempty"`
	// Problems are manifests that were found and don't count.
	Problems []Problem `json:"problems,omitempty"`
}

// A Reproduction is a pair of builds that gave the image.
type Reproduction struct {
	Builders [2]Builder        `json:"builders"`
	Varied   []evidence.Varied `json:"varied"`
	// What the two were made from: an image can come out of more than one lock.
	Parameters   evidence.Parameters   `json:"-"`
	Output       evidence.Output       `json:"-"`
	Dependencies []evidence.Dependency `json:"-"`
}

// same reports whether o is of the same two builds.
func (r *Reproduction) same(o Reproduction) bool {
	a, b := r.Builders[0].Invocation, r.Builders[1].Invocation
	c, d := o.Builders[0].Invocation, o.Builders[1].Invocation
	return a == c && b == d || a == d && b == c
}

// A Builder is one of the two, in one run.
type Builder struct {
	ID         string            `json:"id"`
	Versions   map[string]string `json:"versions"`
	Invocation string            `json:"invocationId"`
	// Emulation says what was emulated on what, as "aarch64 on x86_64"; "" is nothing.
	Emulation string    `json:"emulation,omitempty"`
	Started   time.Time `json:"startedOn"`
	Finished  time.Time `json:"finishedOn"`
}

// VerifyOptions say what there is of a release.
type VerifyOptions struct {
	// Called is what errors and the Verification call the release, for one that was
	// fetched. The default is its folder.
	Called string
	// WithoutLayers says not to read the image's layers, which may be missing: for
	// somebody who has the image from elsewhere, by the digest that is verified,
	// and checks that. The default is to read them all.
	WithoutLayers bool
	// WithoutSealed says not to look at the sealed inputs: for somebody who reads
	// them next, see [Verification.MatchSealed].
	WithoutSealed bool
}

// Verify checks the release in the folder dir from its files alone: every blob of
// its one image, and that key signed the image, the provenance of two different
// builds of one plan and lock, and a comparison that names both. When it has an index
// of several images, that is so for each of them, they are of one recipe and lock, and
// the key signed the index.
//
// It returns an *[UnsignedError] when nothing in the release is signed and a
// *[RefusedError] when what key signed doesn't show that. A file that is missing
// or isn't what its digest says is an error of package oci.
func Verify(ctx context.Context, dir string, key *sign.PublicKey) (*Verification, error) {
	return VerifyWith(ctx, dir, key, VerifyOptions{})
}

// VerifyWith is [Verify] of what opts say there is.
func VerifyWith(ctx context.Context, dir string, key *sign.PublicKey, opts VerifyOptions) (*Verification, error) {
	if key == nil {
		return nil, errors.New("release: no key to verify with")
	}
	read := readImage
	if opts.WithoutLayers {
		read = readWithoutLayers
	}
	opts.Called = cmp.Or(opts.Called, dir)
	r, err := openRelease(ctx, dir, opts.Called, read)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	r.withoutSealed = opts.WithoutSealed
	if r.index != nil {
		return r.verifyIndex(ctx, key, opts)
	}
	return r.verify(ctx, r.images[0], key, opts)
}

// verify verifies one image.
func (r *opened) verify(ctx context.Context, img *image, key *sign.PublicKey, opts VerifyOptions) (*Verification, error) {
	v := newVerification(r.called, img, key.ID())
	e := newSignedEvidence(img.desc, key)
	for _, desc := range r.about(img.desc) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		problem, err := e.read(r.layout, desc)
		if err != nil {
			return nil, fmt.Errorf("release %s: %w", r.called, err)
		}
		v.note(desc.Digest, problem)
	}
	if err := v.judge(e, img); err != nil {
		return nil, err
	}
	if r.withoutSealed {
		e.sealed = nil
	}
	for _, desc := range e.sealed {
		problem, err := v.readSealed(ctx, r.layout, desc)
		if err != nil {
			return nil, fmt.Errorf("release %s: %w", r.called, err)
		}
		v.note(desc.Digest, problem)
	}
	if d := v.Declaration; d != nil {
		v.Lacks = lacks(d.Architectures, v.Parameters.Arch)
	}
	return v, nil
}

func newVerification(called string, img *image, key string) *Verification {
	return &Verification{
		Dir: called, Image: img.desc, Key: key,
		Compressed: img.compressed, Unpacked: img.unpacked,
	}
}

// note writes down why a manifest doesn't count, if there is a problem with it.
func (v *Verification) note(manifest digest.Digest, problem error) {
	if problem != nil {
		v.Problems = append(v.Problems, Problem{Manifest: manifest, Err: problem})
	}
}

// judge fills v from what its key signed about img.
func (v *Verification) judge(e *signedEvidence, img *image) error {
	if e.bundles == 0 {
		return &UnsignedError{Dir: v.Dir, Image: v.Image.Digest}
	}
	slices.Sort(e.good)
	v.Bundles = slices.Compact(e.good)
	for _, c := range e.comparisons {
		v.note(c.manifest, v.add(c, e.builds, img))
	}
	switch {
	case !e.signed:
		return &RefusedError{Dir: v.Dir, Image: v.Image.Digest, Reason: ErrNoSignature, Problems: v.Problems}
	case len(v.Reproductions) == 0:
		return &RefusedError{Dir: v.Dir, Image: v.Image.Digest, Reason: ErrNoComparison, Problems: v.Problems}
	}
	v.newestFirst()
	return v.consistent(e, img)
}

// add adds the pair of builds that c compared, which have to say the same as c.
func (v *Verification) add(c comparison, builds map[string]*evidence.Build, img *image) error {
	if v.Unpacked == unread {
		v.Unpacked = c.Unpacked
	}
	if c.Compressed != v.Compressed || c.Unpacked != v.Unpacked {
		return fmt.Errorf("comparison says %d and %d bytes, the image has %d and %d",
			c.Compressed, c.Unpacked, v.Compressed, v.Unpacked)
	}
	pair := [2]*evidence.Build{}
	for i, side := range c.Builds {
		b := builds[side.Invocation]
		if b == nil {
			return fmt.Errorf("comparison names the invocation %s, which has no provenance", side.Invocation)
		}
		if err := matches(c.Comparison, side, b); err != nil {
			return err
		}
		pair[i] = b
	}
	if err := errors.Join(agree(c.Comparison, pair[0], pair[1]), img.callsItself(pair[0].Parameters)); err != nil {
		return err
	}
	r := Reproduction{Varied: c.Varied, Parameters: pair[0].Parameters, Output: pair[0].Output, Dependencies: pair[0].Dependencies}
	for i, b := range pair {
		r.Builders[i] = Builder{
			ID: b.Run.Builder, Versions: b.Run.Versions, Invocation: b.Run.Invocation,
			Started: b.Run.Started, Finished: b.Run.Finished, Emulation: b.Run.Variation[builder.EmulationName],
		}
	}
	// The same comparison can be written in other bytes.
	if slices.ContainsFunc(v.Reproductions, r.same) {
		return fmt.Errorf("a second comparison of the invocations %s and %s", r.Builders[0].Invocation, r.Builders[1].Invocation)
	}
	v.Unpacked = c.Unpacked
	v.Reproductions = append(v.Reproductions, r)
	return nil
}

// newestFirst orders the pairs of builds, whatever the order in which a registry lists
// them. What v says of the image is what the newest show.
func (v *Verification) newestFirst() {
	slices.SortFunc(v.Reproductions, func(a, b Reproduction) int {
		x, y := a.Builders[0], b.Builders[0]
		return cmp.Or(y.Finished.Compare(x.Finished), cmp.Compare(x.Invocation, y.Invocation))
	})
	r := v.Reproductions[0]
	v.Name = imageName(r.Parameters.Recipe, r.Parameters.Version, r.Parameters.Release)
	v.Parameters, v.Output, v.Dependencies = r.Parameters, r.Output, r.Dependencies
}
