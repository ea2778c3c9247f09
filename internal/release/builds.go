package release

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/builder"
)

// check checks that A and B are two builds of the plan, as far as they say.
func (b *Build) check() error {
	if b.A == nil || b.B == nil || len(b.Closure) == 0 {
		return errors.New("two builds and a recipe are needed")
	}
	for _, d := range []digest.Digest{b.Plan, b.Lock} {
		if err := d.Validate(); err != nil {
			return fmt.Errorf("plan %q, lock %q: %w", b.Plan, b.Lock, err)
		}
	}
	for _, r := range []*builder.Result{b.A, b.B} {
		if r.Plan != b.Plan {
			return &PlanError{Builder: r.Builder, Want: b.Plan, Got: r.Plan}
		}
		if r.Builder == "" || r.Invocation == "" || r.Layout == "" {
			return fmt.Errorf("build %q: builder, invocation and layout are needed", r.Builder)
		}
	}
	switch {
	case b.A.Builder == b.B.Builder:
		return &SameBuildError{What: "builder", Value: b.A.Builder}
	case b.A.Invocation == b.B.Invocation:
		return &SameBuildError{What: "invocation", Value: b.A.Invocation}
	case maps.Equal(b.A.Variation, b.B.Variation):
		return &SameBuildError{What: "variation", Value: fmt.Sprint(b.A.Variation)}
	}
	return nil
}

// openBoth opens the two layouts and refuses two names for the same files:
// a link, a bind mount, or a copy made of hard links.
func openBoth(a, b *builder.Result) (layoutA, layoutB *layout, err error) {
	la, err := openLayout(a.Layout)
	if err != nil {
		return nil, nil, fmt.Errorf("build %s: %w", a.Builder, err)
	}
	lb, err := openLayout(b.Layout)
	if err != nil {
		la.Close()
		return nil, nil, fmt.Errorf("build %s: %w", b.Builder, err)
	}
	if err := distinct(a, b); err != nil {
		la.Close()
		lb.Close()
		return nil, nil, err
	}
	return la, lb, nil
}

// distinct compares what the two layouts' names lead to: the folder, and each file
// that both have to have.
func distinct(a, b *builder.Result) error {
	names := []string{".", ocispec.ImageLayoutFile, ocispec.ImageIndexFile, ocispec.ImageBlobsDir}
	for _, r := range []*builder.Result{a, b} {
		if err := r.Image.Digest.Validate(); err != nil {
			return fmt.Errorf("build %s: image %q: %w", r.Builder, r.Image.Digest, err)
		}
	}
	if a.Image.Digest == b.Image.Digest {
		d := a.Image.Digest
		names = append(names, filepath.Join(ocispec.ImageBlobsDir, d.Algorithm().String(), d.Encoded()))
	}
	for _, name := range names {
		infoA, err := stat(a, name)
		if err != nil {
			return err
		}
		infoB, err := stat(b, name)
		if err != nil {
			return err
		}
		if os.SameFile(infoA, infoB) {
			return &SameBuildError{What: "file", Value: filepath.Join(a.Layout, name)}
		}
	}
	return nil
}

func stat(r *builder.Result, name string) (fs.FileInfo, error) {
	info, err := os.Stat(filepath.Join(r.Layout, name))
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", r.Builder, err)
	}
	return info, nil
}
