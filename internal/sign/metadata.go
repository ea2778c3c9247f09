package sign

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/secure-systems-lab/go-securesystemslib/cjson"
)

// metadataTypes are the roles of TUF metadata (specification 1.0, 4.2).
var metadataTypes = []string{"root", "targets", "snapshot", "timestamp"}

// MaxMetadata is the size, in bytes, of the largest TUF metadata that is signed.
const MaxMetadata = 5_000_000

// A MetadataError reports that what was to be signed, or was said to be, is no
// TUF metadata, or has no signature by the key.
type MetadataError struct{ Err error }

func (e *MetadataError) Error() string { return fmt.Sprintf("metadata: %v", e.Err) }
func (e *MetadataError) Unwrap() error { return e.Err }

// SignMetadata signs the "signed" part of TUF metadata, in canonical JSON, with
// the scheme ecdsa-sha2-nistp256 (specification 1.0, 4.2.1).
//
// It signs nothing else: what isn't an object whose first member is the _type of
// one of the four roles gives a *[MetadataError]. No statement that [Key.Sign]
// signs begins like that, so neither signature can be taken for the other.
func (k *Key) SignMetadata(ctx context.Context, signed any) ([]byte, error) {
	if k.token != nil {
		return nil, errKeyless
	}
	payload, err := canonical(signed)
	if err != nil {
		return nil, &MetadataError{Err: err}
	}
	sig, err := k.signature(ctx, payload)
	if err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	if err := k.public.VerifyMetadata(signed, sig); err != nil {
		return nil, fmt.Errorf("the new signature: %w", err)
	}
	return sig, nil
}

// VerifyMetadata checks that signature is p's of the "signed" part of TUF
// metadata. It returns a *[MetadataError].
func (p *PublicKey) VerifyMetadata(signed any, signature []byte) error {
	payload, err := canonical(signed)
	if err != nil {
		return &MetadataError{Err: err}
	}
	sum := sha256.Sum256(payload)
	if !ecdsa.VerifyASN1(p.ecdsa, sum[:], signature) {
		return &MetadataError{Err: errors.New("no signature by this key")}
	}
	return nil
}

// canonical returns signed as canonical JSON, where members are sorted: _type
// comes before all that TUF and its extensions have in lower case.
func canonical(signed any) ([]byte, error) {
	payload, err := cjson.EncodeCanonical(signed)
	if err != nil {
		return nil, err
	}
	if len(payload) > MaxMetadata {
		return nil, &LimitError{What: "metadata", Size: int64(len(payload)), Limit: MaxMetadata}
	}
	for _, t := range metadataTypes {
		if bytes.HasPrefix(payload, []byte(`{"_type":"`+t+`",`)) {
			return payload, nil
		}
	}
	return nil, fmt.Errorf("its _type is none of %s", strings.Join(metadataTypes, ", "))
}
