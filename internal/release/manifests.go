package release

import (
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// A layout is an open image layout.
type layout struct {
	*oci.Layout
	read map[named]*ocispec.Manifest // small ones, so that many take little memory
}

// named is what makes two descriptors of a manifest the same.
type named struct {
	mediaType string
	digest    digest.Digest
	size      int64
}

// maxKept is the size of the largest manifest that is kept. Those of bundles have
// a thousand bytes.
const maxKept = 8 << 10

func openLayout(dir string) (*layout, error) {
	l, err := oci.OpenLayout(dir)
	if err != nil {
		return nil, err
	}
	return newLayout(l), nil
}

func newLayout(l *oci.Layout) *layout { return &layout{l, map[named]*ocispec.Manifest{}} }

// manifest returns what ReadManifest does, for a manifest that is looked at several
// times: to tell the image from the evidence, and for what it says.
func (l *layout) manifest(desc ocispec.Descriptor) (*ocispec.Manifest, error) {
	key := named{desc.MediaType, desc.Digest, desc.Size}
	if m, ok := l.read[key]; ok {
		return m, nil
	}
	m, _, err := l.ReadManifest(desc)
	if err == nil && desc.Size <= maxKept {
		l.read[key] = m
	}
	return m, err
}
