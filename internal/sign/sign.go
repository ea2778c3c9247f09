// Package sign makes and checks signatures of in-toto statements: DSSE envelopes
// in sigstore bundles v0.3 (application/vnd.dev.sigstore.bundle.v0.3+json), by an
// ECDSA P-256 key in the file format that cosign reads and writes.
//
// It signs whatever statement it is given. That only what was reproduced is given
// is the work of package release, the one caller of [Key.Sign] and [Key.SignReference].
package sign

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	intoto "github.com/in-toto/attestation/go/v1"
	"github.com/opencontainers/go-digest"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"google.golang.org/protobuf/encoding/protojson"
)

const (
	// BundleMediaType is that of the bundles, sigstore bundle v0.3.
	BundleMediaType = "application/vnd.dev.sigstore.bundle.v0.3+json"
	// PayloadType is that of the statements inside.
	PayloadType = "application/vnd.in-toto+json"
	// MaxBundle is the size, in bytes, of the largest bundle that is read.
	MaxBundle = 4 << 20
	// MaxStatement is the size of the largest statement that is signed; in a
	// bundle it is encoded as base64.
	MaxStatement = MaxBundle/4*3 - 4096
)

// Sign signs statement, an in-toto Statement v1, and returns the bundle as JSON.
//
// The bundle names the key by its [PublicKey.ID] and has neither a transparency
// log's entry nor a timestamp. Before it is returned it is verified with k's own
// public key. A statement that isn't one gives a *[StatementError], one that is
// too large a *[LimitError].
func (k *Key) Sign(ctx context.Context, statement []byte) ([]byte, error) {
	return k.bundle(ctx, statement)
}

// bundle signs a statement, for the methods that say which ones.
func (k *Key) bundle(ctx context.Context, statement []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(statement) > MaxStatement {
		return nil, &LimitError{What: "statement", Size: int64(len(statement)), Limit: MaxStatement}
	}
	subject, err := signable(statement)
	if err != nil {
		return nil, &StatementError{Err: err}
	}
	pb, err := sign.Bundle(
		&sign.DSSEData{Data: statement, PayloadType: PayloadType},
		keypair{k}, sign.BundleOptions{Context: ctx})
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	raw, err := protojson.Marshal(pb)
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	// protojson varies its white space from build to build on purpose.
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	if _, err := k.public.Verify(compact.Bytes(), subject); err != nil {
		return nil, fmt.Errorf("the new bundle: %w", err)
	}
	return compact.Bytes(), nil
}

// signable returns the sha256 of the statement's first subject.
func signable(statement []byte) (digest.Digest, error) {
	var st intoto.Statement
	if err := protojson.Unmarshal(statement, &st); err != nil {
		return "", err
	}
	if err := st.Validate(); err != nil {
		return "", err
	}
	if st.GetType() != intoto.StatementTypeUri {
		return "", fmt.Errorf("type %q, want %q", st.GetType(), intoto.StatementTypeUri)
	}
	subject := digest.NewDigestFromEncoded(digest.SHA256, st.GetSubject()[0].GetDigest()["sha256"])
	if err := subject.Validate(); err != nil {
		return "", fmt.Errorf("subject %q: %w", subject, err)
	}
	return subject, nil
}

// keypair is a Key as sigstore-go's signer asks for it.
type keypair struct{ key *Key }

var _ sign.Keypair = keypair{}

func (p keypair) GetHashAlgorithm() protocommon.HashAlgorithm {
	return protocommon.HashAlgorithm_SHA2_256
}

func (p keypair) GetSigningAlgorithm() protocommon.PublicKeyDetails {
	return protocommon.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256
}

func (p keypair) GetHint() []byte                  { return []byte(p.key.public.ID()) }
func (p keypair) GetKeyAlgorithm() string          { return "ECDSA" }
func (p keypair) GetPublicKey() crypto.PublicKey   { return p.key.public.ecdsa }
func (p keypair) GetPublicKeyPem() (string, error) { return string(p.key.public.PEM()), nil }

// SignData returns the signature of data, and data's sha256.
func (p keypair) SignData(ctx context.Context, data []byte) ([]byte, []byte, error) {
	sum := sha256.Sum256(data)
	sig, err := p.key.signature(ctx, data)
	return sig, sum[:], err
}

// signature returns the signature of message's sha256, in ASN.1. All that the key
// signs is signed here, in memory or by the program. What a program says is the
// signature is verified with the public key that it has shown first: another's
// gives an *[AnswerError].
func (k *Key) signature(ctx context.Context, message []byte) ([]byte, error) {
	sum := sha256.Sum256(message)
	if k.private != nil {
		// A nil source of randomness means the runtime's own.
		return ecdsa.SignASN1(nil, k.private, sum[:])
	}
	sig, err := k.program.SignMessage(ctx, message)
	if err != nil {
		return nil, err
	}
	if !ecdsa.VerifyASN1(k.public.ecdsa, sum[:], sig) {
		return nil, &AnswerError{Key: k.program.String()}
	}
	return sig, nil
}
