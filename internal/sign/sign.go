// Package sign makes and checks signatures of in-toto statements: DSSE envelopes
// in sigstore bundles v0.3 (application/vnd.dev.sigstore.bundle.v0.3+json), by an
// ECDSA P-256 key in the file format that cosign reads and writes, or by one that a
// certificate is made for. What transparency logs and timestamp authorities say of
// a signature is in the bundle, and counts if a trusted root has them.
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
	"errors"
	"fmt"
	"sync"

	intoto "github.com/in-toto/attestation/go/v1"
	"github.com/opencontainers/go-digest"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
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
// The bundle names the key by its [PublicKey.ID], or has a certificate of a key that
// was made for it. It has what the services say that the key is [Key.With], and
// otherwise neither a transparency log's entry nor a timestamp. Before it is
// returned it is verified, with k's own public key or by the trusted root, and all
// services with it.
//
// A statement that isn't one gives a *[StatementError], one that is too large a
// *[LimitError], a service that fails a *[ServiceError], and one that the trusted
// root doesn't have an *[OtherServiceError].
func (k *Key) Sign(ctx context.Context, statement []byte) ([]byte, error) {
	return k.state(ctx, statement)
}

// state signs a statement, for the methods that say which ones.
func (k *Key) state(ctx context.Context, statement []byte) ([]byte, error) {
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
	b, err := k.bundle(ctx, statement)
	if duplicate(err) {
		// A log has this very signature. Another of the same is as good.
		b, err = k.bundle(ctx, statement)
	}
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	if err := k.check(b, subject); err != nil {
		return nil, fmt.Errorf("the new bundle: %w", err)
	}
	return b, nil
}

// bundle signs statement and has the services add what they say of that.
func (k *Key) bundle(ctx context.Context, statement []byte) ([]byte, error) {
	opts := sign.BundleOptions{Context: ctx}
	by := k
	if k.token != nil {
		var err error
		if by, err = generate(); err != nil {
			return nil, err
		}
		opts.CertificateProvider = fulcio{k.services, k.token}
	}
	if k.services != nil {
		opts.TransparencyLogs = k.services.transparency()
	}
	pb, err := sign.Bundle(&sign.DSSEData{Data: statement, PayloadType: PayloadType}, keypair{by}, opts)
	if err != nil {
		return nil, err
	}
	if k.services != nil {
		if err := k.services.stamp(ctx, pb); err != nil {
			return nil, err
		}
	}
	raw, err := protojson.Marshal(pb)
	if err != nil {
		return nil, err
	}
	// protojson varies its white space from build to build on purpose.
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return nil, err
	}
	return compact.Bytes(), nil
}

// duplicate reports whether err is a log's that has the same entry already.
func duplicate(err error) bool {
	var service *ServiceError
	var status *StatusError
	return errors.As(err, &service) && service.Service == TransparencyLog &&
		errors.As(err, &status) && status.Code == statusConflict
}

const statusConflict = 409

// check verifies a new bundle: the signature, and what all services say of it.
func (k *Key) check(file []byte, subject digest.Digest) error {
	var keys root.TrustedMaterial = &root.BaseTrustedMaterial{}
	if k.token == nil {
		keys = &trustedKey{key: k.public}
		if _, err := k.public.Verify(file, subject); err != nil {
			return err
		}
	}
	if k.services == nil {
		return nil
	}
	b, err := decodeBundle(file)
	if err != nil {
		return err
	}
	if err := checkBundle(b, subject); err != nil {
		return err
	}
	if err := k.services.check(b, keys); err != nil || k.token == nil {
		return err
	}
	if _, err := VerifyCertificate(file, subject, []*TrustedRoot{k.services.root}); err != nil {
		return &OtherServiceError{Service: CertificateAuthority, Err: err}
	}
	return nil
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

// programs is held while a program signs.
var programs sync.Mutex

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
	// A token can't be used by two at once, and a person is asked to touch it once.
	programs.Lock()
	defer programs.Unlock()
	sig, err := k.program.SignMessage(ctx, message)
	if err != nil {
		return nil, err
	}
	if !ecdsa.VerifyASN1(k.public.ecdsa, sum[:], sig) {
		return nil, &AnswerError{Key: k.program.String()}
	}
	return sig, nil
}
