package release

import (
	"encoding/json"
	"time"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// The annotations of a manifest that carries evidence. cosign writes the first
// two (and finds bundles by artifactType alone), BuildKit the third. The last is
// ours: the signer's public key in PEM. That is a claim, and worth something to who
// compares the key's ID.
const (
	annotationContent       = "dev.sigstore.bundle.content"
	annotationPredicateType = "dev.sigstore.bundle.predicateType"
	annotationUnsigned      = "in-toto.io/predicate-type"
	annotationSignerKey     = "tailsbuild.signer-key"
)

// An Attachment is a statement as what refers to an image.
type Attachment struct {
	// Subject is the image.
	Subject       ocispec.Descriptor
	PredicateType string
	// Body is the statement as it is or, when it is Signed, in a sigstore bundle. Key
	// is the one that signed, nil when it was made for this and is certified.
	Body    []byte
	Signed  bool
	Key     *sign.PublicKey
	Created time.Time
}

// Manifest returns the manifest that refers to the image (image-spec v1.1,
// manifest.md, subject), as cosign attaches a bundle. The blobs are the layer, the
// config and the manifest itself, in the Data of their descriptors.
func (a *Attachment) Manifest() (ocispec.Descriptor, []ocispec.Descriptor, error) {
	mediaType := evidence.MediaType
	annotations := map[string]string{ocispec.AnnotationCreated: a.Created.UTC().Format(time.RFC3339)}
	if a.Signed {
		mediaType = sign.BundleMediaType
		annotations[annotationContent] = "dsse-envelope"
		annotations[annotationPredicateType] = a.PredicateType
	} else {
		annotations[annotationUnsigned] = a.PredicateType
	}
	if a.Key != nil {
		annotations[annotationSignerKey] = string(a.Key.PEM())
	}
	layer, config := describe(mediaType, a.Body), describe(ocispec.MediaTypeEmptyJSON, ocispec.DescriptorEmptyJSON.Data)
	raw, err := json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		ArtifactType: mediaType, Config: config, Layers: []ocispec.Descriptor{layer},
		Subject:     &ocispec.Descriptor{MediaType: a.Subject.MediaType, Digest: a.Subject.Digest, Size: a.Subject.Size},
		Annotations: annotations,
	})
	if err != nil {
		return ocispec.Descriptor{}, nil, err
	}
	desc := describe(ocispec.MediaTypeImageManifest, raw)
	blobs := []ocispec.Descriptor{layer, config, desc}
	for i, data := range [][]byte{a.Body, ocispec.DescriptorEmptyJSON.Data, raw} {
		blobs[i].Data = data
	}
	desc.ArtifactType, desc.Annotations = mediaType, annotations
	return desc, blobs, nil
}

// add adds the manifest to a layout.
func (a *Attachment) add(w *oci.Writer) (ocispec.Descriptor, error) {
	desc, blobs, err := a.Manifest()
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	for _, b := range blobs {
		if _, err := w.AddBytes(b.MediaType, b.Data); err != nil {
			return ocispec.Descriptor{}, err
		}
	}
	return desc, nil
}

func describe(mediaType string, b []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(b), Size: int64(len(b))}
}
