package release

import (
	"fmt"
	"path"
	"slices"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/declared"
	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// checkTested checks that, when tests were run, all of the recipe's were, in image,
// and passed.
func (b *Build) checkTested(image digest.Digest) error {
	if len(b.Tested) == 0 {
		return nil
	}
	tests := b.Closure[0].Tests
	for i, t := range b.Tested {
		if i >= len(tests) || t.Name != tests[i].Name || !t.Passed || t.Image != image {
			return &NotPassedError{Test: t.Name}
		}
	}
	if n := len(b.Tested); n < len(tests) {
		return &NotPassedError{Test: tests[n].Name}
	}
	return nil
}

// about returns the statements about what is in the image, which tests it passed, if
// any were run, and what it declares.
func (r *reproduced) about(deps []evidence.Dependency) ([]statement, error) {
	if r.image.notListed != nil {
		return nil, &InventoryError{r.image.notListed}
	}
	sbom, err := bill(r.image, r.build.Parameters(), deps).Statement()
	if err != nil {
		return nil, &InventoryError{err}
	}
	declaration, err := r.declaration()
	if err != nil {
		return nil, err
	}
	all := []statement{{evidence.SBOMType, sbom}, {evidence.DeclarationType, declaration}}
	if len(r.build.Tested) == 0 {
		return all, nil
	}
	tests, err := r.tests()
	if err != nil {
		return nil, err
	}
	return append(all, statement{evidence.TestsType, tests}), nil
}

// bill returns what the SBOM of an image whose layers were read is made from.
func bill(i *image, p evidence.Parameters, deps []evidence.Dependency) *evidence.Bill {
	return &evidence.Bill{
		Image: i.desc.Digest, Annotations: i.manifest.Annotations, Inventory: i.inventory,
		Parameters: p, Dependencies: deps,
	}
}

func (r *reproduced) tests() ([]byte, error) {
	rec := r.build.Closure[0]
	inputs, err := evidence.Dependencies(r.build.TestInputs)
	if err != nil {
		return nil, err
	}
	t := &evidence.Tests{
		Recipe: rec.Name, Image: r.image.desc.Digest, Plan: r.build.Plan, Lock: r.build.Lock,
		Configuration: append([]evidence.Dependency{file(path.Join(rec.Name, recipe.FileName), rec.Bytes)}, inputs...),
	}
	for _, tested := range r.build.Tested {
		t.Passed = append(t.Passed, tested.Name)
	}
	return t.Statement()
}

// declaration returns what the recipe declares, which has to be what the image does.
func (r *reproduced) declaration() ([]byte, error) {
	rec, base := r.build.Closure[0], r.build.Closure[len(r.build.Closure)-1]
	d := &evidence.Declaration{
		Image: r.image.desc.Digest, Parameters: r.build.Parameters(),
		Architectures: slices.Sorted(slices.Values(rec.Arch)),
		Base:          evidence.Base{Name: base.Name, Version: base.Version, EndOfSupport: base.EndOfSupport},
		About: evidence.About{
			Summary: rec.Summary, Homepage: rec.Homepage, License: rec.License,
			Documentation: rec.Documentation, Client: rec.Client, Connect: rec.Connect,
		},
		Service: declared.Of(rec),
	}
	if err := d.Check(r.image.labels); err != nil {
		return nil, fmt.Errorf("recipe %s: %w", rec.Name, err)
	}
	return d.Statement()
}
