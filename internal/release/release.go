// Package release is the gate: two builds of one plan become a release only when
// this package, in this process, has compared their images from their bytes and
// found them identical. A release for several platforms is two such builds for each
// of them, and the index of their images.
//
// It is the only package that calls the signer: in one place with a value that
// only the comparison makes, in one, for an index, with a value that has nothing but
// those, and in one, for the names of images in registries, with a value that only
// Verify makes, of what the same key signed in the others. No option, variable or
// file leads around that.
package release

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope/report"
	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// A Build is two builds of one plan, and what the plan was made from.
type Build struct {
	// Closure is the recipe, then its base.
	Closure []*recipe.Recipe
	// Recipes is the folder of the recipes' folders, for the lines that a report
	// names.
	Recipes string
	// Files has the content of the recipe's file blocks that name a source, by
	// the path in the image.
	Files map[string][]byte
	Arch  string
	// Plan and Lock are the digests of the plan and of the lock it was made with.
	Plan, Lock digest.Digest
	Output     lock.Output
	// Inputs are those of the plan.
	Inputs []lock.Input

	A, B *builder.Result

	// Tested is what came of the recipe's tests in the image that A describes, nil
	// when they were not run. Those that didn't pass make no release.
	Tested []builder.Tested
	// TestInputs are those that the clients of tests had beside the base.
	TestInputs []lock.Input

	// Context is what a report has of what the builds were made from, such as the
	// recipes, by its path there.
	Context map[string][]byte

	// Seal, if set, becomes part of the release: the inputs of the builds, whose
	// files are in the Options' Store.
	Seal *inputs.Seal
}

// Options say where a release goes and who signs it.
type Options struct {
	// Dir is the folder that becomes the release, an OCI image layout. What
	// differs is reported in the folder Dir + ".report".
	Dir string
	// Key signs the evidence, and has services asked about that if it is to. When it
	// is nil the release is unsigned, and [Verify] refuses it.
	Key *sign.Key
	// Version is tailsbuild's own, for the evidence.
	Version string
	// Store has the files of the inputs that are sealed.
	Store *inputs.Store
}

// A Release says what was released.
type Release struct {
	Dir string `json:"dir"`
	// Image is the image's manifest or, of several platforms, the index.
	Image  ocispec.Descriptor `json:"image"`
	Signed bool               `json:"signed"`
	// Certificate says who signed, if that was with a key made for it.
	Certificate *sign.Certificate `json:"certificate,omitempty"`
	// Platforms are those of an index, in its order, nil for one image. What follows
	// is theirs then.
	Platforms []*Release `json:"platforms,omitempty"`
	// Sealed is the manifest of the sealed inputs, nil when there are none.
	Sealed *ocispec.Descriptor `json:"sealed,omitempty"`
	// Compressed is the size of manifest, config and layers as they are stored,
	// Unpacked that of the layers' tar archives, in bytes.
	Compressed int64 `json:"compressed"`
	Unpacked   int64 `json:"unpacked"`
	// Varied is what was different between the two builds.
	Varied []evidence.Varied `json:"varied"`
	// Tested says that the evidence has the tests that passed.
	Tested bool `json:"tested"`
}

// Create is [CreateAll] of one image, which has no index.
func Create(ctx context.Context, b Build, opts Options) (*Release, error) {
	return CreateAll(ctx, []Build{b}, opts)
}

// CreateAll compares A and B of each of builds, which are for different platforms
// and of one recipe and lock. When they are identical for all, it makes the release at
// opts.Dir. A release that was there before is replaced in one step, or stays as
// it is when CreateAll returns an error, which is a *[PlatformError] when it is about
// one platform of several.
//
// Two results that aren't two builds of their plan give a *[SameBuildError] or a
// *[PlanError], an image larger than the recipe allows a *[SizeError], and images
// that differ a *[DifferentError], with a report on disk and no release. So does a
// test that failed with a *[NotPassedError], an image whose labels aren't what the
// recipe declares with a *[declared.ContradictionError], and one that can't be listed
// with an *[InventoryError].
func CreateAll(ctx context.Context, builds []Build, opts Options) (*Release, error) {
	if opts.Dir == "" {
		return nil, errors.New("release: no folder")
	}
	p, err := compareAll(ctx, builds)
	var different *DifferentError
	if errors.As(err, &different) {
		return nil, errors.Join(err, different.report(opts.Dir, different.of(builds)))
	}
	if err != nil {
		return nil, fmt.Errorf("release %s: %w", opts.Dir, err)
	}
	defer p.close()
	rel, err := p.release(ctx, opts)
	if err != nil {
		return nil, fmt.Errorf("release %s: %w", opts.Dir, err)
	}
	return rel, nil
}

// A reproduced is an image that two builds gave bit for bit. Only compare makes
// one, and only its methods sign; gate_test.go holds the source to both.
type reproduced struct {
	build  Build
	image  *image
	layout *layout // of build A, where the image is copied from
	varied []evidence.Varied
	// signer is who signed it, if that was with a key made for it.
	signer *sign.Certificate
}

func (r *reproduced) close() { r.layout.Close() }

// compare returns the image that b's two builds have in common.
func compare(ctx context.Context, b Build) (*reproduced, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	layoutA, layoutB, err := openBoth(b.A, b.B)
	if err != nil {
		return nil, err
	}
	ok := false
	defer func() {
		layoutB.Close()
		if !ok {
			layoutA.Close()
		}
	}()
	if err := identical(ctx, &b); err != nil {
		return nil, err
	}
	image, err := readImage(ctx, layoutA, b.A.Image)
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", b.A.Builder, err)
	}
	if err := b.checkTested(image.desc.Digest); err != nil {
		return nil, err
	}
	if limit := b.Closure[0].Limits.Size; limit > 0 && image.compressed > limit {
		return nil, &SizeError{Size: image.compressed, Limit: limit}
	}
	ok = true
	return &reproduced{
		build: b, image: image, layout: layoutA,
		varied: evidence.Variation(b.A.Variation, b.B.Variation),
	}, nil
}

// identical compares the layouts of the two builds from their bytes and returns nil
// when both hold the same image, and a *DifferentError when they don't.
func identical(ctx context.Context, b *Build) error {
	imageA, err := openImage(b.A)
	if err != nil {
		return err
	}
	defer imageA.Close()
	imageB, err := openImage(b.B)
	if err != nil {
		return err
	}
	defer imageB.Close()
	cmp, err := diffoscope.CompareBuilds(ctx, imageA, imageB, b.known())
	if err != nil {
		return fmt.Errorf("comparison: %w", err)
	}
	b.trace(cmp.Causes)
	return judge(cmp, b.A, b.B)
}

// judge reads the comparison of a and b. The digests, which it doesn't need, have
// to say the same.
func judge(cmp *diffoscope.Comparison, a, b *builder.Result) error {
	equal := a.Image.Digest == b.Image.Digest
	switch {
	case cmp == nil || cmp.A().Digest != a.Image.Digest || cmp.B().Digest != b.Image.Digest:
		return errors.New("comparison: it is not of these two builds")
	case !cmp.Distinct():
		return &SameBuildError{What: "folder", Value: a.Layout}
	case cmp.Identical() != equal:
		return fmt.Errorf("comparison: it contradicts the digests %s and %s", a.Image.Digest, b.Image.Digest)
	case !equal:
		return &DifferentError{Comparison: cmp, A: a.Image.Digest, B: b.Image.Digest}
	}
	return nil
}

// openImage opens the image that res says it made, by reading it from its layout.
func openImage(res *builder.Result) (*diffoscope.Image, error) {
	image, err := diffoscope.Open(res.Layout, diffoscope.Limits{})
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", res.Builder, err)
	}
	if got := image.Digest(); got != res.Image.Digest {
		return nil, errors.Join(&ChangedError{Builder: res.Builder, Want: res.Image.Digest, Got: got}, image.Close())
	}
	return image, nil
}

// release writes the images and their evidence to opts.Dir.
func (p *platforms) release(ctx context.Context, opts Options) (*Release, error) {
	name, err := refName(p.images[0].build.Closure[0])
	if err != nil {
		return nil, err
	}
	statements := make([][]statement, len(p.images))
	for i, r := range p.images {
		if statements[i], err = r.statements(opts); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(filepath.Dir(opts.Dir), 0o755); err != nil {
		return nil, err
	}
	// The report of an earlier, different pair would contradict the release. With
	// somebody's notes in it, it is no longer ours to remove.
	if err := report.RemoveFolder(opts.Dir + reportSuffix); err != nil && !errors.Is(err, syscall.ENOTEMPTY) {
		return nil, err
	}
	sealed, err := p.write(ctx, name, statements, opts)
	if err != nil {
		return nil, err
	}
	signed, signer := opts.Key != nil, p.images[0].signer
	var all []*Release
	for i, r := range p.images {
		all = append(all, &Release{
			Dir: opts.Dir, Image: r.image.desc, Signed: signed, Certificate: signer, Sealed: sealed[i],
			Compressed: r.image.compressed, Unpacked: r.image.unpacked, Varied: r.varied,
			Tested: len(r.build.Tested) > 0,
		})
	}
	if !p.several() {
		return all[0], nil
	}
	index, _, err := p.index()
	return &Release{Dir: opts.Dir, Image: index, Signed: signed, Certificate: signer, Platforms: all}, err
}
