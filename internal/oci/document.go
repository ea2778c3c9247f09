package oci

import (
	"encoding/json"
	"fmt"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// checkDescriptor accepts sha256 only: the digest becomes a path, and another
// algorithm would be another answer to "is it the same".
func checkDescriptor(desc ocispec.Descriptor) error {
	bad := func(detail string) error {
		return &FormatError{fmt.Sprintf("descriptor %q", desc.Digest), detail}
	}
	if err := desc.Digest.Validate(); err != nil {
		return bad(err.Error())
	}
	if desc.Digest.Algorithm() != digest.SHA256 {
		return bad("not a sha256 digest")
	}
	if desc.Size < 0 {
		return bad(fmt.Sprintf("size is %d", desc.Size))
	}
	if desc.MediaType == "" {
		return bad("no mediaType")
	}
	return nil
}

func checkDescriptors(what string, descs ...ocispec.Descriptor) error {
	for _, desc := range descs {
		if err := checkDescriptor(desc); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

// DecodeIndex decodes b, an image index (image-spec, image-index.md). Every
// descriptor in it is valid. What names b in errors, which are *FormatError or
// *LimitError: a document that could be read as a manifest, too, is refused.
func DecodeIndex(what string, b []byte) (*ocispec.Index, error) {
	var index ocispec.Index
	if err := decodeDocument(what, b, &index, ocispec.MediaTypeImageIndex, "config", "layers"); err != nil {
		return nil, err
	}
	if n := len(index.Manifests); n > MaxManifests {
		return nil, &LimitError{"manifests in " + what, int64(n), MaxManifests}
	}
	if err := checkDescriptors(what, index.Manifests...); err != nil {
		return nil, err
	}
	return &index, nil
}

// DecodeManifest decodes b, an image manifest, as [Layout.ReadManifest] does. What
// names b in errors, which are *FormatError or *LimitError: a document that could
// be read as an index, too, is refused.
func DecodeManifest(what string, b []byte) (*ocispec.Manifest, error) {
	var m ocispec.Manifest
	if err := decodeDocument(what, b, &m, ocispec.MediaTypeImageManifest, "manifests"); err != nil {
		return nil, err
	}
	if n := len(m.Layers); n > MaxLayers {
		return nil, &LimitError{"layers in " + what, int64(n), MaxLayers}
	}
	if err := checkDescriptors(what, append([]ocispec.Descriptor{m.Config}, m.Layers...)...); err != nil {
		return nil, err
	}
	if m.Subject != nil {
		if err := checkDescriptors(what, *m.Subject); err != nil {
			return nil, err
		}
	}
	return &m, nil
}

// decodeDocument decodes an index or manifest into v. A document without
// mediaType is known by its members, so those of the other kind are refused: a
// reader that takes it for the other kind would see another image.
func decodeDocument(what string, b []byte, v any, mediaType string, foreign ...string) error {
	if err := UnmarshalJSON(what, b, v, documentKeys...); err != nil {
		return err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil {
		return &FormatError{what, err.Error()}
	}
	for _, name := range foreign {
		if _, ok := members[name]; ok {
			return &FormatError{what, fmt.Sprintf("%q does not belong in %s", name, mediaType)}
		}
	}
	if string(members["schemaVersion"]) != "2" {
		return &FormatError{what, "schemaVersion is not 2"}
	}
	if raw, ok := members["mediaType"]; ok {
		var got string
		if err := json.Unmarshal(raw, &got); err != nil || got != mediaType {
			return &FormatError{what, fmt.Sprintf("mediaType is %s, want %q", raw, mediaType)}
		}
	}
	return nil
}
