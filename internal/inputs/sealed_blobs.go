package inputs

import (
	"errors"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// maxSealedBlobs is how many files the layout may have.
const maxSealedBlobs = 1 << 20

// CheckBlobs returns a *[SealedError] when the layout has a blob that none of its
// manifests names.
func (s *Sealed) CheckBlobs() error {
	todo, err := s.layout.Images()
	if err != nil {
		return &SealedError{Dir: s.dir, Err: err}
	}
	named := map[string]bool{}
	for len(todo) > 0 {
		desc := todo[0]
		todo = todo[1:]
		if named[oci.BlobPath(desc.Digest)] {
			continue
		}
		named[oci.BlobPath(desc.Digest)] = true
		if desc.MediaType == ocispec.MediaTypeImageIndex {
			nested, _, err := s.layout.ReadIndex(desc)
			if err != nil {
				return &SealedError{Dir: s.dir, Blob: "index " + desc.Digest.String(), Err: err}
			}
			todo = append(todo, nested.Manifests...)
			continue
		}
		m, _, err := s.layout.ReadManifest(desc)
		var missing *oci.MissingError
		if errors.As(err, &missing) {
			continue // an image of an index that is somewhere else
		}
		if err != nil {
			return &SealedError{Dir: s.dir, Blob: "manifest " + desc.Digest.String(), Err: err}
		}
		for _, blob := range append(m.Layers, m.Config) {
			named[oci.BlobPath(blob.Digest)] = true
		}
	}
	names, err := s.layout.Names(maxSealedBlobs)
	if err != nil {
		return &SealedError{Dir: s.dir, Err: err}
	}
	for _, name := range names {
		if oci.IsBlob(name) && !named[name] {
			return &SealedError{Dir: s.dir, Blob: name, Err: errors.New("no manifest names it")}
		}
	}
	return nil
}
