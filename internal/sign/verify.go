package sign

import (
	"crypto"
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

// A Bundle is a sigstore bundle that was read, and of which nothing is verified.
type Bundle struct{ read *bundle.Bundle }

// ReadBundle reads file, a sigstore bundle as JSON. It is a *[LimitError] when the
// bundle, or the statement in it, is too large.
func ReadBundle(file []byte) (*Bundle, error) {
	b, err := decodeBundle(file)
	if err != nil {
		return nil, err
	}
	return &Bundle{b}, nil
}

// Key returns the ID of the key that the bundle names as the one that signed it, or ""
// when it has a certificate.
func (b *Bundle) Key() (string, error) {
	material := b.read.GetVerificationMaterial()
	id := material.GetPublicKey().GetHint()
	if id == "" && material.GetCertificate() == nil {
		return "", errors.New("bundle names no key")
	}
	return id, nil
}

// BundleKey is [Bundle.Key] of file, a sigstore bundle as JSON.
func BundleKey(file []byte) (string, error) {
	b, err := ReadBundle(file)
	if err != nil {
		return "", err
	}
	return b.Key()
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
	b, err := ReadBundle(file)
	if err != nil {
		return nil, &VerifyError{Subject: subject, Err: err}
	}
	return p.VerifyBundle(b, subject, roots...)
}

// VerifyBundle is [PublicKey.Verify] of a bundle that was read.
func (p *PublicKey) VerifyBundle(b *Bundle, subject digest.Digest, roots ...*TrustedRoot) (*Verified, error) {
	v, err := p.verify(b.read, subject, roots)
	if err != nil {
		return nil, &VerifyError{Subject: subject, Err: err}
	}
	return v, nil
}

func (p *PublicKey) verify(b *bundle.Bundle, subject digest.Digest, roots []*TrustedRoot) (*Verified, error) {
	if err := checkBundle(b, subject); err != nil {
		return nil, err
	}
	key := b.GetVerificationMaterial().GetPublicKey()
	if key == nil {
		return nil, errors.New("bundle was signed with a certificate, want a key")
	}
	if key.GetHint() != p.ID() {
		return nil, &OtherKeyError{Want: p.ID(), Got: key.GetHint()}
	}
	if err := checkSignature(b, &trustedKey{key: p}); err != nil {
		return nil, err
	}
	v, err := newVerified(b, subject)
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

// checkBundle checks that a bundle that is to be about subject has all that makes it
// one of ours, before any cryptography.
func checkBundle(b *bundle.Bundle, subject digest.Digest) error {
	if err := subject.Validate(); err != nil || subject.Algorithm() != digest.SHA256 {
		return fmt.Errorf("subject %q is not a sha256 digest", subject)
	}
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
	return nil
}

// checkSignature checks the signature in b by the key that it names, one of material's.
func checkSignature(b *bundle.Bundle, material root.TrustedMaterial) error {
	who, err := b.VerificationContent()
	if err != nil {
		return err
	}
	signed, err := b.SignatureContent()
	if err != nil {
		return err
	}
	return verify.VerifySignature(signed, who, material)
}

// newVerified returns the statement in b, whose signature was checked, when subject is
// one of its subjects.
func newVerified(b *bundle.Bundle, subject digest.Digest) (*Verified, error) {
	payload := b.GetDsseEnvelope().GetPayload()
	st, err := readStatement(payload)
	if err != nil {
		return nil, err
	}
	if !hasSubject(st, subject) {
		return nil, fmt.Errorf("%s is no subject of the statement", subject)
	}
	return &Verified{PredicateType: st.GetPredicateType(), Statement: payload}, nil
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
