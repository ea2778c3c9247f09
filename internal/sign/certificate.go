package sign

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
)

// A Certificate says who signed, as an authority of a trusted root has certified
// it for the few minutes in which it was signed.
type Certificate struct {
	// Roots are the names of the trusted roots with such an authority.
	Roots []string `json:"roots"`
	// Issuer is who knows the subject: an OpenID Connect issuer, a URL.
	Issuer string `json:"issuer"`
	// Subject is who signed: the certificate's one alternative name, a URI or a
	// mail address.
	Subject string `json:"subject"`
	// Extensions has what else the issuer says, by the names in [ExtensionNames].
	Extensions map[string]string `json:"extensions,omitempty"`
}

// fulcioArc is the arc of Fulcio's extensions (fulcio, docs/oid-info.md). Those
// below issuerExtension are older, without an encoding, and said again above.
var fulcioArc = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1}

const issuerExtension = 8

// ExtensionNames are Fulcio's extensions from 1.3.6.1.4.1.57264.1.9 on, by the
// names that Fulcio's own configuration has for them.
var ExtensionNames = []string{
	"build-signer-uri", "build-signer-digest", "runner-environment", "source-repository-uri",
	"source-repository-digest", "source-repository-ref", "source-repository-identifier",
	"source-repository-owner-uri", "source-repository-owner-identifier", "build-config-uri",
	"build-config-digest", "build-trigger", "run-invocation-uri",
	"source-repository-visibility-at-signing", "deployment-environment", "subject",
}

// VerifyCertificate checks that the statement in file, a sigstore bundle v0.3 as
// JSON, is signed by whom the certificate in it names, and that subject, a sha256
// digest, is one of the statement's subjects.
//
// A certificate counts under a trusted root that has the authority which issued it,
// when a timestamp authority of the same root saw the signature while the
// certificate was valid, and, if the root has logs of certificates, one of these
// has promised to list it. Whether the one that is named may sign is for the caller
// to say.
//
// It returns a *[VerifyError].
func VerifyCertificate(file []byte, subject digest.Digest, roots []*TrustedRoot) (*Verified, error) {
	b, err := ReadBundle(file)
	if err != nil {
		return nil, &VerifyError{Subject: subject, Err: err}
	}
	return b.VerifyCertificate(subject, roots)
}

// VerifyCertificate is [VerifyCertificate] of a bundle that was read.
func (b *Bundle) VerifyCertificate(subject digest.Digest, roots []*TrustedRoot) (*Verified, error) {
	v, err := verifyCertificate(b.read, subject, roots)
	if err != nil {
		return nil, &VerifyError{Subject: subject, Err: err}
	}
	return v, nil
}

func verifyCertificate(b *bundle.Bundle, subject digest.Digest, roots []*TrustedRoot) (*Verified, error) {
	if err := checkBundle(b, subject); err != nil {
		return nil, err
	}
	certificate, key, err := readCertificate(b.GetVerificationMaterial().GetCertificate().GetRawBytes())
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	if len(roots) == 0 {
		return nil, errors.New("there is no trusted root to check its certificate with")
	}
	var v *Verified
	for _, t := range roots {
		found, rootErr := t.checkCertificate(b, subject)
		if rootErr != nil {
			err = errors.Join(err, rootErr)
			continue
		}
		v = found
		certificate.Roots = append(certificate.Roots, t.name)
	}
	if v == nil {
		return nil, err
	}
	slices.Sort(certificate.Roots)
	v.Certificate, v.Key = certificate, key
	return v, v.mark(b, &root.BaseTrustedMaterial{}, roots)
}

// checkCertificate checks the signature in b by the certificate in it.
func (t *TrustedRoot) checkCertificate(b *bundle.Bundle, subject digest.Digest) (*Verified, error) {
	v, err := t.byCertificate(b, subject)
	if err != nil {
		return nil, fmt.Errorf("trusted root %q: %w", t.name, err)
	}
	return v, nil
}

func (t *TrustedRoot) byCertificate(b *bundle.Bundle, subject digest.Digest) (*Verified, error) {
	opts := []verify.VerifierOption{verify.WithSignedTimestamps(1), verify.WithoutStatementPredicate()}
	if len(t.root.CTLogs()) > 0 {
		opts = append(opts, verify.WithSignedCertificateTimestamps(1))
	}
	verifier, err := verify.NewVerifier(t.root, opts...)
	if err != nil {
		return nil, err
	}
	sum, err := hex.DecodeString(subject.Encoded())
	if err != nil {
		return nil, err
	}
	// Who may sign is not known here; the caller gets all that is certified.
	policy := verify.NewPolicy(verify.WithArtifactDigest("sha256", sum), verify.WithoutIdentitiesUnsafe())
	if _, err := verifier.Verify(b, policy); err != nil {
		return nil, err
	}
	// sigstore-go has matched the subject in its own reading of the payload; here it is
	// the strict one, where no name comes twice.
	return newVerified(b, subject)
}

// readCertificate reads what a certificate says of who has its key.
func readCertificate(der []byte) (*Certificate, *PublicKey, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, err
	}
	public, ok := cert.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return nil, nil, fmt.Errorf("it has a %T, want an ECDSA P-256 key", cert.PublicKey)
	}
	key, err := newPublicKey(public)
	if err != nil {
		return nil, nil, err
	}
	c := &Certificate{Extensions: map[string]string{}}
	if c.Subject, err = alternativeName(cert); err != nil {
		return nil, nil, err
	}
	for _, e := range cert.Extensions {
		n := len(fulcioArc)
		if len(e.Id) != n+1 || !e.Id[:n].Equal(fulcioArc) || e.Id[n] < issuerExtension {
			continue
		}
		var value string
		if rest, err := asn1.UnmarshalWithParams(e.Value, &value, "utf8"); err != nil || len(rest) > 0 {
			return nil, nil, fmt.Errorf("extension %s is no text", e.Id)
		}
		switch i := e.Id[n] - issuerExtension - 1; {
		case i < 0:
			c.Issuer = value
		case i < len(ExtensionNames):
			c.Extensions[ExtensionNames[i]] = value
		default:
			c.Extensions[e.Id.String()] = value
		}
	}
	if c.Issuer == "" {
		return nil, nil, errors.New("it doesn't say who knows its subject")
	}
	return c, key, nil
}

// alternativeName returns the one subject alternative name, as its bytes have it
// (RFC 5280, 4.2.1.6): with two, which of them is compared would be a guess.
func alternativeName(cert *x509.Certificate) (string, error) {
	const email, uri = 1, 6
	for _, e := range cert.Extensions {
		if !e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 17}) {
			continue
		}
		var names []asn1.RawValue
		if rest, err := asn1.Unmarshal(e.Value, &names); err != nil || len(rest) > 0 {
			return "", errors.New("its alternative names can't be read")
		}
		if len(names) != 1 {
			return "", fmt.Errorf("it has %d alternative names, want 1", len(names))
		}
		n := names[0]
		if n.Class != asn1.ClassContextSpecific || n.Tag != email && n.Tag != uri || len(n.Bytes) == 0 {
			return "", errors.New("its alternative name is neither a URI nor a mail address")
		}
		return string(n.Bytes), nil
	}
	return "", errors.New("it has no alternative name")
}
