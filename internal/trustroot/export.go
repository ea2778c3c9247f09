package trustroot

import (
	"encoding/json"
	"errors"

	specs "github.com/opencontainers/image-spec/specs-go"
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
	files := append([]*document{}, r.roots...)
	for _, role := range inOrder(sortedKeys(s)) {
		if s[role].root == nil {
			files = append(files, s[role])
		}
	}
	if len(files) > oci.MaxLayers {
		return nil, &LimitError{What: "the number of files", Size: int64(len(files)), Limit: oci.MaxLayers}
	}
	w, err := oci.Create(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.Abort()) }()
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: trust.ArtifactType,
	}
	for _, d := range files {
		layer, err := w.AddBytes(trust.MetadataMediaType, d.raw)
		if err != nil {
			return nil, err
		}
		layer.Annotations = map[string]string{ocispec.AnnotationTitle: d.file()}
		m.Layers = append(m.Layers, layer)
	}
	if m.Config, err = w.AddBytes(ocispec.MediaTypeEmptyJSON, ocispec.DescriptorEmptyJSON.Data); err != nil {
		return nil, err
	}
	b, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	desc, err := w.AddBytes(ocispec.MediaTypeImageManifest, b)
	if err != nil {
		return nil, err
	}
	desc.ArtifactType = trust.ArtifactType
	return &desc, w.Commit([]ocispec.Descriptor{desc})
}
