package sign

import (
	"context"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"google.golang.org/protobuf/encoding/protojson"
)

const typeJSON = "application/json"

// rekor is a transparency log, Rekor v2 (rekor-tiles, api/proto/rekor_service.proto).
type rekor struct {
	services *Services
	url      string
}

var _ sign.Transparency = rekor{}

// An entryRequest asks a log to list a signature.
type entryRequest struct {
	Record struct {
		Digest    []byte `json:"digest"`
		Signature struct {
			Content  []byte   `json:"content"`
			Verifier verifier `json:"verifier"`
		} `json:"signature"`
	} `json:"hashedRekordRequestV002"`
}

type verifier struct {
	Key         *rawBytes `json:"publicKey,omitempty"`
	Certificate *rawBytes `json:"x509Certificate,omitempty"`
	Details     string    `json:"keyDetails"`
}

type rawBytes struct {
	Bytes []byte `json:"rawBytes"`
}

// GetTransparencyLogEntry has the signature in b listed and adds the entry to b.
// Material is the PEM of the key or certificate that verifies it.
func (r rekor) GetTransparencyLogEntry(ctx context.Context, material []byte, b *protobundle.Bundle) error {
	envelope := b.GetDsseEnvelope()
	signed := &sign.DSSEData{Data: envelope.GetPayload(), PayloadType: envelope.GetPayloadType()}
	sum := sha256.Sum256(signed.PreAuthEncoding())
	block, _ := pem.Decode(material)
	if block == nil {
		return errors.New("no PEM block")
	}
	var q entryRequest
	q.Record.Digest = sum[:]
	q.Record.Signature.Content = envelope.GetSignatures()[0].GetSig()
	q.Record.Signature.Verifier.Details = protocommon.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256.String()
	if b.GetVerificationMaterial().GetCertificate() != nil {
		q.Record.Signature.Verifier.Certificate = &rawBytes{block.Bytes}
	} else {
		q.Record.Signature.Verifier.Key = &rawBytes{block.Bytes}
	}
	body, err := json.Marshal(q)
	if err != nil {
		return err
	}
	request := Request{URL: join(r.url, "api/v2/log/entries"), Type: typeJSON, Body: body}
	answer, err := r.services.ask(ctx, TransparencyLog, request)
	if err != nil {
		return err
	}
	var entry protorekor.TransparencyLogEntry
	if err := protojson.Unmarshal(answer, &entry); err != nil {
		return &ServiceError{Service: TransparencyLog, URL: request.URL, Err: err}
	}
	m := b.GetVerificationMaterial()
	m.TlogEntries = append(m.GetTlogEntries(), &entry)
	return nil
}

// fulcio is a certificate authority (fulcio, fulcio.proto), asked by who has token.
type fulcio struct {
	services *Services
	token    *Token
}

var _ sign.CertificateProvider = fulcio{}

// A certificateRequest asks for a certificate of a key, and proves that who asks
// has it: by signing the token's subject.
type certificateRequest struct {
	Request struct {
		Key struct {
			Algorithm string `json:"algorithm"`
			Content   string `json:"content"`
		} `json:"publicKey"`
		Proof []byte `json:"proofOfPossession"`
	} `json:"publicKeyRequest"`
}

type certificateChain struct {
	Chain struct {
		Certificates []string `json:"certificates"`
	} `json:"chain"`
}

// GetCertificate returns a certificate of the key pair, in DER.
func (f fulcio) GetCertificate(ctx context.Context, pair sign.Keypair, _ *sign.CertificateProviderOptions) ([]byte, error) {
	public, err := pair.GetPublicKeyPem()
	if err != nil {
		return nil, err
	}
	var q certificateRequest
	q.Request.Key.Algorithm, q.Request.Key.Content = pair.GetKeyAlgorithm(), public
	if q.Request.Proof, _, err = pair.SignData(ctx, []byte(f.token.subject)); err != nil {
		return nil, err
	}
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	request := Request{
		URL:  join(f.services.authority, "api/v2/signingCert"),
		Type: typeJSON, Body: body, Token: f.token.raw,
	}
	answer, err := f.services.ask(ctx, CertificateAuthority, request)
	if err != nil {
		return nil, err
	}
	der, err := leaf(answer)
	if err != nil {
		return nil, &ServiceError{Service: CertificateAuthority, URL: request.URL, Err: err}
	}
	return der, nil
}

// leaf returns the first certificate of the chain in an authority's answer. Whether
// a log of certificates has its promise in it or beside it is for verification.
func leaf(answer []byte) ([]byte, error) {
	var a struct {
		Embedded certificateChain `json:"signedCertificateEmbeddedSct"`
		Detached certificateChain `json:"signedCertificateDetachedSct"`
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return nil, err
	}
	chain := append(a.Embedded.Chain.Certificates, a.Detached.Chain.Certificates...)
	if len(chain) == 0 {
		return nil, errors.New("it answers without a certificate")
	}
	block, _ := pem.Decode([]byte(chain[0]))
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("it answers with what is no certificate in PEM")
	}
	return block.Bytes, nil
}

// A timestampRequest is RFC 3161's TimeStampReq. The certificates that verify the
// answer are in the trusted root.
type timestampRequest struct {
	Version int
	Imprint struct {
		Algorithm pkix.AlgorithmIdentifier
		Message   []byte
	}
}

// timestamp returns a timestamp authority's answer about what has the sha256 sum.
func (s *Services) timestamp(ctx context.Context, url string, sum [sha256.Size]byte) ([]byte, error) {
	q := timestampRequest{Version: 1}
	q.Imprint.Algorithm = pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, Parameters: asn1.NullRawValue}
	q.Imprint.Message = sum[:]
	body, err := asn1.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("timestamp: %w", err)
	}
	return s.ask(ctx, TimestampAuthority, Request{URL: url, Type: "application/timestamp-query", Body: body})
}

func addTimestamp(b *protobundle.Bundle, stamp []byte) {
	m := b.GetVerificationMaterial()
	if m.GetTimestampVerificationData() == nil {
		m.TimestampVerificationData = &protobundle.TimestampVerificationData{}
	}
	data := m.GetTimestampVerificationData()
	data.Rfc3161Timestamps = append(data.GetRfc3161Timestamps(), &protocommon.RFC3161SignedTimestamp{SignedTimestamp: stamp})
}

// join returns the URL of an endpoint below a service's own.
func join(service, endpoint string) string { return strings.TrimRight(service, "/") + "/" + endpoint }
