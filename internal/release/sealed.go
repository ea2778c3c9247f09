package release

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// Sealed describes the sealed inputs of a release.
type Sealed struct {
	// Manifest is the digest of their manifest.
	Manifest digest.Digest `json:"manifest"`
	// Inputs is how many there are, beside the recipes' files, and Size the bytes
	// of all.
	Inputs int   `json:"inputs"`
	Size   int64 `json:"size"`
}

// attachSealed adds the inputs of the builds as an artifact that refers to the
// image. It isn't signed: what it has to hold follows from the provenance.
func (r *reproduced) attachSealed(ctx context.Context, w *oci.Writer, opts Options) (ocispec.Descriptor, error) {
	if s := r.build.Seal; s.Recipe != r.build.Closure[0].Name || s.Arch != r.build.Arch || s.Plan != r.build.Plan || s.Lock.Digest() != r.build.Lock {
		return ocispec.Descriptor{}, fmt.Errorf("sealed inputs: they are not those of recipe %s", r.build.Closure[0].Name)
	}
	return r.build.Seal.Write(ctx, w, opts.Store, &r.image.desc)
}

// readSealed reads all of the sealed inputs that desc names. The problem says why
// they are not those of the image, whose builds are v's; err is that of a release
// with bytes that are missing or wrong.
func (v *Verification) readSealed(ctx context.Context, l *layout, desc ocispec.Descriptor) (problem, err error) {
	a, err := inputs.ReadArtifact(v.Dir, l.Layout, desc)
	if err != nil {
		return nil, err
	}
	if err := a.Verify(ctx); err != nil {
		return nil, err
	}
	if v.Sealed != nil {
		return errors.New("a second artifact with the sealed inputs"), nil
	}
	v.Sealed, problem = v.matchSealed(a)
	return problem, nil
}

// matchSealed returns what a describes, if those are the inputs of the image, whose
// builds are v's. Only the lock is read.
func (v *Verification) matchSealed(a *inputs.Artifact) (*Sealed, error) {
	if s := a.Image; s == nil || s.Digest != v.Image.Digest || s.Size != v.Image.Size || s.MediaType != v.Image.MediaType {
		return nil, errors.New("the subject of the sealed inputs is not the image")
	}
	files, layers, err := a.Layers()
	if err != nil {
		return nil, err
	}
	lk, err := v.sealedLock(a)
	if err != nil {
		return nil, err
	}
	// The variables' values are in no evidence but the plan's digest.
	delete(files, path.Join(v.Parameters.Recipe, lock.FileName))
	delete(files, recipe.ProjectFile)
	if err := v.checkSealed(files, layers, lk); err != nil {
		return nil, err
	}
	s := &Sealed{Manifest: a.Digest, Inputs: len(layers)}
	for _, d := range layers {
		s.Size += d.Size
	}
	return s, nil
}

// sealedLock returns the sealed lock, which has to be the one of the builds, and to
// record the image.
func (v *Verification) sealedLock(a *inputs.Artifact) (*lock.File, error) {
	p := v.Parameters
	if a.Recipe != p.Recipe || a.Arch != p.Arch {
		return nil, fmt.Errorf("the sealed inputs are of recipe %q for %q, the builds of %q for %q", a.Recipe, a.Arch, p.Recipe, p.Arch)
	}
	lk, err := a.Lock()
	if err != nil {
		return nil, err
	}
	im, _ := lk.Image(p.Arch)
	if lk.Digest() != p.Lock || im.Plan != p.Plan.String() || im.Digest != v.Image.Digest.String() {
		return nil, errors.New("the sealed lock is not that of the builds")
	}
	return lk, nil
}

// checkLocked checks that the provenance names what the lock, lk, has for the image, as
// the lock has it. A lock may have more: root file systems of other bases, and indexes
// that only tests choose from.
func (v *Verification) checkLocked(lk *lock.File) error {
	all := lk.ImageInputs(v.Parameters.Arch)
	locked, err := evidence.Dependencies(all)
	if err != nil {
		return err
	}
	needed, err := evidence.Dependencies(slices.DeleteFunc(slices.Clone(all), func(in lock.Input) bool {
		return in.Kind == lock.KindRootfs || in.Kind == lock.KindIndex && !slices.ContainsFunc(all, in.Has)
	}))
	if err != nil {
		return err
	}
	for _, dep := range v.Dependencies {
		if dep.Kind != evidence.KindRecipe && !slices.Contains(locked, dep) {
			return fmt.Errorf("the provenance names %s %q, %s, which is not what the lock has", dep.Kind, dep.Name, dep.URI)
		}
	}
	for _, dep := range needed {
		if !slices.Contains(v.Dependencies, dep) {
			return fmt.Errorf("the provenance lacks %s %q, %s, which the lock has for the image", dep.Kind, dep.Name, dep.URI)
		}
	}
	return nil
}

// checkSealed checks that the sealed files and inputs are exactly what the builds
// read, and what the lock, lk, has beside that for the recipe's tests.
func (v *Verification) checkSealed(files map[string]ocispec.Descriptor, layers []ocispec.Descriptor, lk *lock.File) error {
	if err := v.checkLocked(lk); err != nil {
		return err
	}
	rest, extra := map[string]int{}, map[string]int{}
	sealed := func(d ocispec.Descriptor) string { return fmt.Sprintf("%s, %d bytes", d.Digest, d.Size) }
	for _, d := range layers {
		rest[sealed(d)]++
		extra[sealed(d)]++
	}
	for _, in := range lk.Inputs {
		extra[sealed(ocispec.Descriptor{Digest: digest.NewDigestFromEncoded(digest.SHA256, in.SHA256), Size: in.Size})]--
	}
	for _, dep := range v.Dependencies {
		if dep.SHA256 == "" {
			continue // a module inside another input's archive
		}
		want := ocispec.Descriptor{Digest: digest.NewDigestFromEncoded(digest.SHA256, dep.SHA256), Size: dep.Size}
		if dep.Kind == evidence.KindRecipe {
			if got := files[dep.Name]; got.Digest != want.Digest || got.Size != want.Size {
				return fmt.Errorf("the sealed inputs lack %s, %s, which the builds read", dep.Name, sealed(want))
			}
			delete(files, dep.Name)
			continue
		}
		if rest[sealed(want)]--; rest[sealed(want)] < 0 {
			return fmt.Errorf("the sealed inputs lack %s %q, %s, which the builds read", dep.Kind, dep.Name, sealed(want))
		}
	}
	maps.DeleteFunc(extra, func(_ string, n int) bool { return n <= 0 })
	if all := append(slices.Sorted(maps.Keys(files)), slices.Sorted(maps.Keys(extra))...); len(all) > 0 {
		return fmt.Errorf("the sealed inputs have %s, which neither the builds read nor the lock has", all[0])
	}
	return nil
}
