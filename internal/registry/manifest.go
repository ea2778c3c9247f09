package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

const (
	acceptManifests = ocispec.MediaTypeImageManifest + ", " + ocispec.MediaTypeImageIndex
	// acceptDocker is what a tag may name that is never used.
	acceptDocker = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json"
)

// A document is a manifest or an index: exactly one of the two is set.
type document struct {
	desc     ocispec.Descriptor
	body     []byte
	manifest *ocispec.Manifest
	index    *ocispec.Index
}

// manifest reads what ref, a tag or a digest, is in the repository, and limit
// bytes at most. The digest is that of the bytes; it is an error when ref or the
// answer's header names another, or when header and body disagree about what the
// bytes are.
func (c *client) manifest(ctx context.Context, ref string, limit int64) (*document, error) {
	body, header, err := c.document(ctx, c.url("manifests", ref), acceptManifests, limit)
	if err != nil {
		return nil, err
	}
	got := digest.FromBytes(body)
	for _, want := range []digest.Digest{digest.Digest(ref), digest.Digest(header.Get("Docker-Content-Digest"))} {
		if want.Validate() == nil && want != got && want.Algorithm() == digest.SHA256 {
			return nil, &oci.DigestError{Blob: "manifest " + ref, Expected: want, Got: got}
		}
	}
	what := "manifest " + got.String()
	mediaType, err := agreedType(what, header, body)
	if err != nil {
		return nil, err
	}
	d := &document{desc: ocispec.Descriptor{MediaType: mediaType, Digest: got, Size: int64(len(body))}, body: body}
	switch mediaType {
	case ocispec.MediaTypeImageManifest:
		d.manifest, err = oci.DecodeManifest(what, body)
	case ocispec.MediaTypeImageIndex:
		d.index, err = oci.DecodeIndex(what, body)
	default:
		err = &oci.FormatError{What: what, Detail: fmt.Sprintf("media type is %q, want that of an OCI manifest or index", mediaType)}
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// agreedType returns the media type that the answer's header and the body name.
// Readers that went by one or the other would see two things in the same bytes.
func agreedType(what string, header http.Header, body []byte) (string, error) {
	var named struct {
		MediaType string `json:"mediaType"`
	}
	if err := json.Unmarshal(body, &named); err != nil {
		return "", &oci.FormatError{What: what, Detail: err.Error()}
	}
	sent := header.Get("Content-Type")
	if sent == "" {
		return named.MediaType, nil
	}
	mediaType, _, err := mime.ParseMediaType(sent)
	if err != nil {
		return "", &oci.FormatError{What: what, Detail: fmt.Sprintf("Content-Type %q: %v", sent, err)}
	}
	if named.MediaType != "" && named.MediaType != mediaType {
		return "", &oci.FormatError{What: what, Detail: fmt.Sprintf("it says mediaType %q, the registry %q", named.MediaType, mediaType)}
	}
	return mediaType, nil
}
