package registry

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

const (
	// The layers of a manifest with the tag sha256-<hex>.sig (cosign,
	// specs/SIGNATURE_SPEC.md), and where each has its signature.
	simpleSigning       = "application/vnd.dev.cosign.simplesigning.v1+json"
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
// again, and after three rounds it is an *[OverwrittenError].
func AttachSignature(ctx context.Context, ref Reference, s Signature, ours func(signature []byte) bool, opts Options) error {
	p, err := newPusher(ctx, ref, opts)
	if err != nil {
		return fmt.Errorf("%s: %w", ref, err)
	}
	defer p.guard.close()
	ctx, cancel := context.WithTimeout(ctx, p.opts.Limits.EvidenceTime)
	defer cancel()
	if err := p.attach(ctx, s, ours); err != nil {
		return fmt.Errorf("%s: %w", ref, err)
	}
	return nil
}

func (p *pusher) attach(ctx context.Context, s Signature, ours func([]byte) bool) error {
	c, err := newClient(ctx, p.ref.ref.Context(), p.opts)
	if err != nil {
		return err
	}
	defer c.guard.close()
	tag := strings.Replace(s.Image.String(), ":", "-", 1) + ".sig"
	for range maxRounds {
		layers, err := signatures(ctx, c, tag)
		if err != nil || has(layers, s.Payload, ours) {
			return err
		}
		if err := p.writeSignatures(ctx, tag, append(layers, s.layer()), s); err != nil {
			return err
		}
		if layers, err = signatures(ctx, c, tag); err != nil || has(layers, s.Payload, ours) {
			return err
		}
	}
	return &OverwrittenError{What: "tag " + tag}
}

// layer describes the payload, with the signature beside it.
func (s Signature) layer() ocispec.Descriptor {
	desc := sum(simpleSigning, s.Payload)
	desc.Annotations = map[string]string{annotationSignature: base64.StdEncoding.EncodeToString(s.Signature)}
	return desc
}

// signatures returns those that the tag has.
func signatures(ctx context.Context, c *client, tag string) ([]ocispec.Descriptor, error) {
	d, err := c.manifest(ctx, tag, maxManifest)
	var status *StatusError
	if errors.As(err, &status) && status.Code == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if d.manifest == nil {
		return nil, &oci.FormatError{What: "tag " + tag, Detail: "not a manifest"}
	}
	if n := len(d.manifest.Layers); n >= maxSignatures {
		return nil, &oci.LimitError{What: "signatures in " + tag, Size: int64(n), Limit: maxSignatures - 1}
	}
	for _, layer := range d.manifest.Layers {
		if layer.MediaType != simpleSigning {
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

// writeSignatures writes the manifest that has layers, the last of which is s.
// Its config is that of an image whose layers are the payloads.
func (p *pusher) writeSignatures(ctx context.Context, tag string, layers []ocispec.Descriptor, s Signature) error {
	image := ocispec.Image{RootFS: ocispec.RootFS{Type: "layers"}}
	for _, layer := range layers {
		image.RootFS.DiffIDs = append(image.RootFS.DiffIDs, layer.Digest)
	}
	config, err := json.Marshal(image)
	if err != nil {
		return err
	}
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: sum(ocispec.MediaTypeImageConfig, config), Layers: layers,
	}
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	for _, b := range [][]byte{s.Payload, config} {
		open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
		if err := p.blob(ctx, sum(ocispec.MediaTypeImageConfig, b), open); err != nil {
			return err
		}
	}
	ref := Reference{p.ref.ref.Context().Tag(tag)}
	return p.put(ctx, ref, m.MediaType, body)
}
