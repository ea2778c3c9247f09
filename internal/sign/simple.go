package sign

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
)

// simpleType is that of cosign's simple signing payload (cosign,
// specs/SIGNATURE_SPEC.md), the only one that podman and skopeo read.
const simpleType = "cosign container image signature"

// maxReference is the length of the longest reference that is signed.
const maxReference = 1024

// A simplePayload is what is signed (containers/image,
// docs/containers-signature.5.md).
type simplePayload struct {
	Critical struct {
		Identity struct {
			Reference string `json:"docker-reference"`
		} `json:"identity"`
		Image struct {
			Digest digest.Digest `json:"docker-manifest-digest"`
		} `json:"image"`
		Type string `json:"type"`
	} `json:"critical"`
	Optional *struct{} `json:"optional"`
}

// SignReference signs that reference, HOST/REPOSITORY:TAG, is the image with that
// sha256 digest. It returns what podman, skopeo and bootc read: the payload and
// its signature, ASN.1 DER. Before they are returned they are verified with k's
// own public key.
func (k *Key) SignReference(ctx context.Context, reference string, image digest.Digest) (payload, signature []byte, err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	if k.token != nil {
		return nil, nil, errKeyless
	}
	if reference == "" || len(reference) > maxReference {
		return nil, nil, &StatementError{Err: fmt.Errorf("a reference of %d bytes", len(reference))}
	}
	if err := image.Validate(); err != nil || image.Algorithm() != digest.SHA256 {
		return nil, nil, &StatementError{Err: fmt.Errorf("%q is not a sha256 digest", image)}
	}
	if payload, err = simple(reference, image); err != nil {
		return nil, nil, err
	}
	if signature, err = k.signature(ctx, payload); err != nil {
		return nil, nil, err
	}
	if err := k.public.VerifyReference(payload, signature, reference, image); err != nil {
		return nil, nil, fmt.Errorf("the new signature: %w", err)
	}
	return payload, signature, nil
}

// simple returns the payload, which is always the same for the same arguments.
func simple(reference string, image digest.Digest) ([]byte, error) {
	var p simplePayload
	p.Critical.Identity.Reference = reference
	p.Critical.Image.Digest = image
	p.Critical.Type = simpleType
	return json.Marshal(p)
}

// VerifyReference checks that p's key signed that reference is image, with a
// payload as [Key.SignReference] makes it, byte for byte. It returns a
// *[VerifyError].
func (p *PublicKey) VerifyReference(payload, signature []byte, reference string, image digest.Digest) error {
	want, err := simple(reference, image)
	if err != nil {
		return &VerifyError{Subject: image, Err: err}
	}
	if !bytes.Equal(payload, want) {
		return &VerifyError{Subject: image, Err: fmt.Errorf("the payload is not of %q", reference)}
	}
	if sum := sha256.Sum256(payload); !ecdsa.VerifyASN1(p.ecdsa, sum[:], signature) {
		return &VerifyError{Subject: image, Err: errors.New("not signed with this key")}
	}
	return nil
}
