package sign

import (
	"crypto"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	intoto "github.com/in-toto/attestation/go/v1"
	"github.com/opencontainers/go-digest"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/signature"
)

// statementV01 is the type of the statements that cosign attest makes.
const statementV01 = "https://in-toto.io/Statement/v0.1"

// Verified is a statement whose signature was checked.
type Verified struct {
	PredicateType string
	// Statement is the whole signed statement, byte for byte.
	Statement []byte
}

// BundleKey returns the ID of the key that file, a sigstore bundle as JSON, names as
// the one that signed it. Nothing is verified by that.
func BundleKey(file []byte) (string, error) {
	b, err := decodeBundle(file)
	if err != nil {
		return "", err
	}
	id := b.GetVerificationMaterial().GetPublicKey().GetHint()
	if id == "" {
		return "", errors.New("bundle names no key")
	}
	return id, nil
}

// Verify checks that p's key signed the statement in file, a sigstore bundle v0.3
// as JSON, and that subject, a sha256 digest, is one of the statement's subjects.
//
// The key alone decides: neither a transparency log's entry nor a timestamp is
// asked for, and those that the bundle has are not looked at. What a statement
// claims beside its subject is for the caller to read.
//
// It returns a *[VerifyError], which for a bundle that names another key wraps an
// *[OtherKeyError].
func (p *PublicKey) Verify(file []byte, subject digest.Digest) (*Verified, error) {
	v, err := p.verify(file, subject)
	if err != nil {
		return nil, &VerifyError{Subject: subject, Err: err}
	}
	return v, nil
}

func (p *PublicKey) verify(file []byte, subject digest.Digest) (*Verified, error) {
	if err := subject.Validate(); err != nil || subject.Algorithm() != digest.SHA256 {
		return nil, fmt.Errorf("subject %q is not a sha256 digest", subject)
	}
	b, err := decodeBundle(file)
	if err != nil {
		return nil, err
	}
	if err := p.checkShape(b); err != nil {
		return nil, err
	}
	result, err := p.checkSignature(b, subject)
	if err != nil {
		return nil, err
	}
	// sigstore-go has matched the subject in its own reading of the payload; here
	// it is the strict protobuf reading, where no name comes twice.
	if !hasSubject(result.Statement, subject) {
		return nil, fmt.Errorf("%s is no subject of the statement", subject)
	}
	return &Verified{
		PredicateType: result.Statement.GetPredicateType(),
		Statement:     b.GetDsseEnvelope().GetPayload(),
	}, nil
}

// checkShape checks all that makes the bundle one of ours, before any cryptography.
func (p *PublicKey) checkShape(b *bundle.Bundle) error {
	if b.GetMediaType() != BundleMediaType {
		return fmt.Errorf("bundle has media type %q, want %q", b.GetMediaType(), BundleMediaType)
	}
	envelope := b.GetDsseEnvelope()
	if envelope == nil {
		return errors.New("bundle has no DSSE envelope")
	}
	if envelope.GetPayloadType() != PayloadType {
		return fmt.Errorf("envelope has payload type %q, want %q", envelope.GetPayloadType(), PayloadType)
	}
	if n := len(envelope.GetSignatures()); n != 1 {
		return fmt.Errorf("envelope has %d signatures, want 1", n)
	}
	key := b.GetVerificationMaterial().GetPublicKey()
	if key == nil {
		return errors.New("bundle was signed with a certificate, want a key")
	}
	if key.GetHint() != p.ID() {
		return &OtherKeyError{Want: p.ID(), Got: key.GetHint()}
	}
	return nil
}

func (p *PublicKey) checkSignature(b *bundle.Bundle, subject digest.Digest) (*verify.VerificationResult, error) {
	verifier, err := verify.NewVerifier(&trustedKey{key: p}, verify.WithNoObserverTimestamps())
	if err != nil {
		return nil, err
	}
	sum, err := hex.DecodeString(subject.Encoded())
	if err != nil {
		return nil, err
	}
	result, err := verifier.Verify(b, verify.NewPolicy(verify.WithArtifactDigest("sha256", sum), verify.WithKey()))
	if err != nil {
		return nil, err
	}
	if result.Statement == nil {
		return nil, errors.New("bundle has no statement")
	}
	if t := result.Statement.GetType(); t != intoto.StatementTypeUri && t != statementV01 {
		return nil, fmt.Errorf("statement has type %q, want %q", t, intoto.StatementTypeUri)
	}
	if err := result.Statement.Validate(); err != nil {
		return nil, fmt.Errorf("statement: %w", err)
	}
	return result, nil
}

func hasSubject(st *intoto.Statement, subject digest.Digest) bool {
	for _, s := range st.GetSubject() {
		if s.GetDigest()["sha256"] == subject.Encoded() {
			return true
		}
	}
	return false
}

// trustedKey is sigstore-go's trusted material with one public key and nothing else.
type trustedKey struct {
	root.BaseTrustedMaterial
	key *PublicKey
}

func (t *trustedKey) PublicKeyVerifier(hint string) (root.TimeConstrainedVerifier, error) {
	if hint != t.key.ID() {
		return nil, &OtherKeyError{Want: t.key.ID(), Got: hint}
	}
	v, err := signature.LoadECDSAVerifier(t.key.ecdsa, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	return timeless{v}, nil
}

// timeless is a verifier whose key has no window of validity: a key that is no
// longer trusted is taken out of the trusted set.
type timeless struct{ signature.Verifier }

func (timeless) ValidAtTime(time.Time) bool { return true }
