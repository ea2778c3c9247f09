package oci

import (
	"bytes"
	"fmt"
	"slices"

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
	return decodeIndex(what, b, ocispec.MediaTypeImageIndex)
}

// decodeIndex is DecodeIndex of an index with that media type.
func decodeIndex(what string, b []byte, mediaType string) (*ocispec.Index, error) {
	var index ocispec.Index
	keys, err := decodeJSON(what, b, &index, documentKeys, maxValues)
	if err == nil {
		err = checkKind(what, keys, index.SchemaVersion, index.MediaType, mediaType, "config", "layers")
	}
	if err != nil {
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
	return decodeManifest(what, b, ocispec.MediaTypeImageManifest)
}

// decodeManifest is DecodeManifest of a manifest with that media type.
func decodeManifest(what string, b []byte, mediaType string) (*ocispec.Manifest, error) {
	var m ocispec.Manifest
	keys, err := decodeJSON(what, b, &m, documentKeys, maxValues)
	if err == nil {
		err = checkKind(what, keys, m.SchemaVersion, m.MediaType, mediaType, "manifests")
	}
	if err != nil {
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

// checkKind checks that an index or manifest, which has those keys, is of the kind that
// want is the media type of. A document without mediaType is known by its members, so
// those of the other kind are refused: a reader that takes it for the other kind would
// see another image.
func checkKind(what string, keys [][]byte, version int, mediaType, want string, foreign ...string) error {
	has := func(name string) bool {
		_, ok := slices.BinarySearchFunc(keys, []byte(name), bytes.Compare)
		return ok
	}
	for _, name := range foreign {
		if has(name) {
			return &FormatError{what, fmt.Sprintf("%q does not belong in %s", name, want)}
		}
	}
	if version != 2 {
		return &FormatError{what, "schemaVersion is not 2"}
	}
	if has("mediaType") && mediaType != want {
		return &FormatError{what, fmt.Sprintf("mediaType is %q, want %q", mediaType, want)}
	}
	return nil
}
