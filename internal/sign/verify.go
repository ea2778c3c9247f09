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
	// Key is the key that signed, and Certificate what is certified of who has it,
	// nil when it was signed with a key by itself.
	Key         *PublicKey
	Certificate *Certificate
	// Marks has one entry for each trusted root.
	Marks []Marks
}

// BundleKey returns the ID of the key that file, a sigstore bundle as JSON, names as
// the one that signed it, or "" when it has a certificate. Nothing is verified by
// that.
func BundleKey(file []byte) (string, error) {
	b, err := decodeBundle(file)
	if err != nil {
		return "", err
	}
	material := b.GetVerificationMaterial()
	id := material.GetPublicKey().GetHint()
	if id == "" && material.GetCertificate() == nil {
		return "", errors.New("bundle names no key")
	}
	return id, nil
}

// BundleCertificate returns what the certificate in file, a sigstore bundle as JSON,
// says. Nothing is verified by that.
func BundleCertificate(file []byte) (*Certificate, error) {
	b, err := decodeBundle(file)
	if err != nil {
		return nil, err
	}
	c, _, err := readCertificate(b.GetVerificationMaterial().GetCertificate().GetRawBytes())
	return c, err
}

// Verify checks that p's key signed the statement in file, a sigstore bundle v0.3
// as JSON, and that subject, a sha256 digest, is one of the statement's subjects.
//
// The key alone decides: neither a transparency log's entry nor a timestamp is
// asked for. Those that the bundle has are checked by each of roots, and not looked
// at without any. What a statement claims beside its subject is for the caller to
// read.
//
// It returns a *[VerifyError], which for a bundle that names another key wraps an
// *[OtherKeyError].
func (p *PublicKey) Verify(file []byte, subject digest.Digest, roots ...*TrustedRoot) (*Verified, error) {
	v, err := p.verify(file, subject, roots)
	if err != nil {
		return nil, &VerifyError{Subject: subject, Err: err}
	}
	return v, nil
}

func (p *PublicKey) verify(file []byte, subject digest.Digest, roots []*TrustedRoot) (*Verified, error) {
	b, err := openBundle(file, subject)
	if err != nil {
		return nil, err
	}
	key := b.GetVerificationMaterial().GetPublicKey()
	if key == nil {
		return nil, errors.New("bundle was signed with a certificate, want a key")
	}
	if key.GetHint() != p.ID() {
		return nil, &OtherKeyError{Want: p.ID(), Got: key.GetHint()}
	}
	v, err := checkSignature(b, subject, &trustedKey{key: p}, verify.WithKey(), verify.WithNoObserverTimestamps())
	if err != nil {
		return nil, err
	}
	v.Key = p
	return v, v.mark(b, &trustedKey{key: p}, roots)
}

// mark adds what the services of roots say of the signature in b, by one of keys.
func (v *Verified) mark(b *bundle.Bundle, keys root.TrustedMaterial, roots []*TrustedRoot) error {
	for _, t := range roots {
		m, err := t.marks(b, keys)
		if err != nil {
			return fmt.Errorf("trusted root %q: %w", t.name, err)
		}
		v.Marks = append(v.Marks, m)
	}
	return nil
}

// openBundle reads a bundle that is to be about subject, and checks all that makes
// it one of ours, before any cryptography.
func openBundle(file []byte, subject digest.Digest) (*bundle.Bundle, error) {
	if err := subject.Validate(); err != nil || subject.Algorithm() != digest.SHA256 {
		return nil, fmt.Errorf("subject %q is not a sha256 digest", subject)
	}
	b, err := decodeBundle(file)
	if err != nil {
		return nil, err
	}
	if b.GetMediaType() != BundleMediaType {
		return nil, fmt.Errorf("bundle has media type %q, want %q", b.GetMediaType(), BundleMediaType)
	}
	envelope := b.GetDsseEnvelope()
	if envelope == nil {
		return nil, errors.New("bundle has no DSSE envelope")
	}
	if envelope.GetPayloadType() != PayloadType {
		return nil, fmt.Errorf("envelope has payload type %q, want %q", envelope.GetPayloadType(), PayloadType)
	}
	if n := len(envelope.GetSignatures()); n != 1 {
		return nil, fmt.Errorf("envelope has %d signatures, want 1", n)
	}
	return b, nil
}

// checkSignature checks the signature in b, by material and as who and opts say.
func checkSignature(b *bundle.Bundle, subject digest.Digest, material root.TrustedMaterial, who verify.PolicyOption, opts ...verify.VerifierOption) (*Verified, error) {
	verifier, err := verify.NewVerifier(material, opts...)
	if err != nil {
		return nil, err
	}
	sum, err := hex.DecodeString(subject.Encoded())
	if err != nil {
		return nil, err
	}
	result, err := verifier.Verify(b, verify.NewPolicy(verify.WithArtifactDigest("sha256", sum), who))
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
