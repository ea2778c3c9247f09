package trustroot

import (
	"errors"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
)

// Export writes what clients need as an OCI layout at dir: one manifest with a
// layer for each file, which its org.opencontainers.image.title names (image-spec,
// annotations.md). The same metadata always gives the same bytes. Metadata that
// clients would refuse is not exported.
func (r *Repo) Export(dir string) (_ *ocispec.Descriptor, err error) {
	if err := r.Sound(); err != nil {
		return nil, err
	}
	s, err := r.inForce()
	if err != nil {
		return nil, &UnsoundError{Err: err}
	}
	var published []trust.File
	for _, d := range r.roots {
		published = append(published, trust.File{Name: d.file(), Body: d.raw})
	}
	for _, role := range inOrder(sortedKeys(s)) {
		if d := s[role]; d.root == nil {
			published = append(published, trust.File{Name: d.file(), Body: d.raw})
		}
	}
	w, err := oci.Create(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.Abort()) }()
	desc, err := trust.WriteArtifact(w, published)
	if err != nil {
		return nil, err
	}
	return &desc, w.Commit([]ocispec.Descriptor{desc})
}
