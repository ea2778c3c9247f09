package registry

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

const (
	// Where a layer of the manifest with the tag sha256-<hex>.sig has its signature
	// (cosign, specs/SIGNATURE_SPEC.md).
	annotationSignature = "dev.cosignproject.cosign/signature"
	// maxSignatures is how many signatures of one image are kept.
	maxSignatures = 64
)

// A Signature is one in the form that podman, skopeo and bootc read: of a
// payload that names an image and what it is called.
type Signature struct {
	Image              digest.Digest
	Payload, Signature []byte
}

// AttachSignature adds s to the signatures of its image in ref's repository, all
// of which are in one manifest. It does nothing when there is one of the same
// payload that ours accepts. What another writer has overwritten is written
// again; if it is every time, that is an *[OverwrittenError].
func AttachSignature(ctx context.Context, ref Reference, s Signature, ours func(signature []byte) bool, opts Options) error {
	r, err := OpenRepository(ctx, ref, true, nil, opts)
	if err != nil {
		return fmt.Errorf("%s: %w", ref, err)
	}
	defer r.Close()
	ctx, cancel := context.WithTimeout(ctx, r.opts.Limits.EvidenceTime)
	defer cancel()
	have := func(layers []ocispec.Descriptor) bool { return has(layers, s.Payload, ours) }
	if err := r.putBytes(ctx, s.Payload); err != nil {
		return fmt.Errorf("%s: %w", ref, err)
	}
	if err := r.addSignatures(ctx, s.Image, []ocispec.Descriptor{s.layer()}, have); err != nil {
		return fmt.Errorf("%s: %w", ref, err)
	}
	return nil
}

// layer describes the payload, with the signature beside it.
func (s Signature) layer() ocispec.Descriptor {
	desc := sum(oci.MediaTypeSimpleSigning, s.Payload)
	desc.Annotations = map[string]string{annotationSignature: base64.StdEncoding.EncodeToString(s.Signature)}
	return desc
}

// Signatures returns the manifest with the signatures of image, nil when there is
// none.
func (r *Repository) Signatures(ctx context.Context, image digest.Digest) (*Manifest, error) {
	tag := SignaturesTag(image)
	d, err := r.lookup(ctx, tag)
	if d == nil || err != nil {
		return nil, err
	}
	if _, err := signatures(d, tag); err != nil {
		return nil, err
	}
	return &Manifest{Descriptor: d.desc, Body: d.body, Content: d.manifest}, nil
}

// SignaturesTag returns the tag that has the signatures of image.
func SignaturesTag(image digest.Digest) string { return tagFor(image) + ".sig" }

// AddSignatures adds those of signatures that keep accepts, by their payload, to
// the signatures of image. payload reads one.
func (r *Repository) AddSignatures(ctx context.Context, image digest.Digest, signatures *Manifest,
	payload func(ocispec.Descriptor) ([]byte, error), keep func(payload []byte) bool,
) (added int, err error) {
	var layers []ocispec.Descriptor
	for _, layer := range signatures.Content.Layers {
		if layer.Size > maxManifest {
			return 0, &oci.LimitError{What: "payload " + layer.Digest.String(), Size: layer.Size, Limit: maxManifest}
		}
		b, err := payload(layer)
		if err != nil {
			return 0, err
		}
		if !keep(b) {
			continue
		}
		if err := r.putBytes(ctx, b); err != nil {
			return 0, err
		}
		layers = append(layers, layer)
	}
	have := func(there []ocispec.Descriptor) bool {
		return !slices.ContainsFunc(layers, func(l ocispec.Descriptor) bool { return !hasLayer(there, l) })
	}
	return len(layers), r.addSignatures(ctx, image, layers, have)
}

// addSignatures adds layers to those of the tag until have says that they are
// there.
func (r *Repository) addSignatures(ctx context.Context, image digest.Digest, layers []ocispec.Descriptor, have func([]ocispec.Descriptor) bool) error {
	tag := SignaturesTag(image)
	return r.update(ctx, tag, func(was *document) (*document, error) {
		there, err := signatures(was, tag)
		if err != nil || have(there) {
			return nil, err
		}
		all := slices.Clone(there)
		for _, layer := range layers {
			if !hasLayer(there, layer) {
				all = append(all, layer)
			}
		}
		return r.signaturesOf(ctx, tag, all)
	})
}

// signatures returns those that the tag's document, which may be nil, has.
func signatures(d *document, tag string) ([]ocispec.Descriptor, error) {
	if d == nil {
		return nil, nil
	}
	if d.manifest == nil {
		return nil, &oci.FormatError{What: "tag " + tag, Detail: "not a manifest"}
	}
	for _, layer := range d.manifest.Layers {
		if layer.MediaType != oci.MediaTypeSimpleSigning {
			return nil, &oci.FormatError{What: "tag " + tag, Detail: fmt.Sprintf("a layer is %q, no signature", layer.MediaType)}
		}
	}
	return d.manifest.Layers, nil
}

func has(layers []ocispec.Descriptor, payload []byte, ours func([]byte) bool) bool {
	want := digest.FromBytes(payload)
	for _, layer := range layers {
		signature, err := base64.StdEncoding.DecodeString(layer.Annotations[annotationSignature])
		if layer.Digest == want && err == nil && ours(signature) {
			return true
		}
	}
	return false
}

// hasLayer reports whether layers has the same signature of the same payload.
func hasLayer(layers []ocispec.Descriptor, layer ocispec.Descriptor) bool {
	return slices.ContainsFunc(layers, func(l ocispec.Descriptor) bool {
		return l.Digest == layer.Digest && l.Annotations[annotationSignature] == layer.Annotations[annotationSignature]
	})
}

// signaturesOf returns the manifest that has layers, and brings its config into
// the repository: that of an image whose layers are the payloads.
func (r *Repository) signaturesOf(ctx context.Context, tag string, layers []ocispec.Descriptor) (*document, error) {
	image := ocispec.Image{RootFS: ocispec.RootFS{Type: "layers"}}
	for _, layer := range layers {
		image.RootFS.DiffIDs = append(image.RootFS.DiffIDs, layer.Digest)
	}
	config, err := json.Marshal(image)
	if err != nil {
		return nil, err
	}
	if err := r.putBytes(ctx, config); err != nil {
		return nil, err
	}
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: sum(ocispec.MediaTypeImageConfig, config), Layers: layers,
	}
	return encode(m.MediaType, m, len(layers), maxSignatures, "signatures in "+tag)
}

// putBytes makes the repository have the blob b.
func (r *Repository) putBytes(ctx context.Context, b []byte) error {
	desc := sum(ocispec.MediaTypeImageConfig, b)
	if has, err := r.Has(ctx, desc); has || err != nil {
		return err
	}
	_, err := r.Put(ctx, desc, nil, func(offset int64) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b[offset:])), nil
	}, nil)
	return err
}
