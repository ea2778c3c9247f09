package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/ThalesGroup/crypto11"
	"github.com/miekg/pkcs11"
	"github.com/sigstore/sigstore/pkg/signature"
)

// moduleVariable has the path of the PKCS#11 module. It is no part of the key's
// reference: its code is run.
const moduleVariable = "TBHSM_MODULE"

// algorithm is the only one: what tailsbuild signs with.
const algorithm = "ecdsa-p256-sha256"

// A token is one that is open, with the label of the key to use.
type token struct {
	ctx   *crypto11.Context
	label string // of the key
}

// openToken logs in to the token that resource, TOKEN/KEY, names. Both are labels,
// escaped as in URLs if they have a slash, a percent sign or a space.
//
// A wrong PIN is tried once.
func openToken(ctx context.Context, resource string) (*token, error) {
	name, label, err := parse(resource)
	if err != nil {
		return nil, err
	}
	module := os.Getenv(moduleVariable)
	if !filepath.IsAbs(module) {
		return nil, fmt.Errorf("%s=%q is not the absolute path of a PKCS#11 module", moduleVariable, module)
	}
	if _, err := os.Stat(module); err != nil {
		return nil, err
	}
	pin, err := readPIN(ctx, name)
	if err != nil {
		return nil, err
	}
	c, err := crypto11.Configure(&crypto11.Config{Path: module, TokenLabel: name, Pin: pin, MaxSessions: 4})
	if err != nil {
		return nil, fmt.Errorf("token %q: %w", name, explain(err))
	}
	return &token{c, label}, nil
}

func parse(resource string) (name, label string, err error) {
	rawName, rawLabel, _ := strings.Cut(resource, "/")
	name, err = url.PathUnescape(rawName)
	if err == nil {
		label, err = url.PathUnescape(rawLabel)
	}
	if err != nil || name == "" || label == "" || strings.Contains(rawLabel, "/") {
		return "", "", fmt.Errorf("key %q: want TOKEN/KEY, the labels of both, with / as %%2F and spaces as %%20", resource)
	}
	return name, label, nil
}

// explain says what the usual error codes mean.
func explain(err error) error {
	var code pkcs11.Error
	if !errors.As(err, &code) {
		return err
	}
	switch code {
	case pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_INVALID, pkcs11.CKR_PIN_LEN_RANGE:
		return errors.New("wrong PIN")
	case pkcs11.CKR_PIN_LOCKED:
		return errors.New("the PIN is locked after too many wrong ones")
	}
	return err
}

func (t *token) close() { _ = t.ctx.Close() } // nothing follows that could depend on it

// signer returns the one key with the label.
func (t *token) signer() (crypto11.Signer, error) {
	all, err := t.ctx.FindKeyPairs(nil, []byte(t.label))
	if err != nil {
		return nil, fmt.Errorf("key %q: %w", t.label, explain(err))
	}
	if len(all) != 1 {
		return nil, fmt.Errorf("the token has %d keys labelled %q, want 1", len(all), t.label)
	}
	if public, ok := all[0].Public().(*ecdsa.PublicKey); !ok || public.Curve != elliptic.P256() {
		return nil, fmt.Errorf("key %q is no ECDSA P-256 key", t.label)
	}
	return all[0], nil
}

// PublicKey returns the key's public part.
func (t *token) PublicKey(...signature.PublicKeyOption) (crypto.PublicKey, error) {
	s, err := t.signer()
	if err != nil {
		return nil, err
	}
	return s.Public(), nil
}

// SignMessage signs the SHA-256 of message, or the digest that an option has.
func (t *token) SignMessage(message io.Reader, opts ...signature.SignOption) ([]byte, error) {
	s, err := t.signer()
	if err != nil {
		return nil, err
	}
	digest, hash, err := signature.ComputeDigestForSigning(message, crypto.SHA256, []crypto.Hash{crypto.SHA256}, opts...)
	if err != nil {
		return nil, err
	}
	return s.Sign(rand.Reader, digest, hash)
}

// VerifySignature verifies with the public key, outside of the token.
func (t *token) VerifySignature(sig, message io.Reader, opts ...signature.VerifyOption) error {
	public, err := t.PublicKey()
	if err != nil {
		return err
	}
	v, err := signature.LoadVerifier(public, crypto.SHA256)
	if err != nil {
		return err
	}
	return v.VerifySignature(sig, message, opts...)
}

// CreateKey makes the key in the token, where none has its label yet.
func (t *token) CreateKey(_ context.Context, wanted string) (crypto.PublicKey, error) {
	if wanted != algorithm {
		return nil, fmt.Errorf("algorithm %q, want %s", wanted, algorithm)
	}
	all, err := t.ctx.FindKeyPairs(nil, []byte(t.label))
	if err != nil {
		return nil, fmt.Errorf("key %q: %w", t.label, explain(err))
	}
	if len(all) > 0 {
		return nil, fmt.Errorf("the token has a key labelled %q already", t.label)
	}
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return nil, err
	}
	s, err := t.ctx.GenerateECDSAKeyPairWithLabel(id, []byte(t.label), elliptic.P256())
	if err != nil {
		return nil, fmt.Errorf("key %q: %w", t.label, explain(err))
	}
	return s.Public(), nil
}

// CryptoSigner is part of sigstore's interface, not of the protocol.
func (t *token) CryptoSigner(context.Context, func(error)) (crypto.Signer, crypto.SignerOpts, error) {
	s, err := t.signer()
	return s, crypto.SHA256, err
}

// SupportedAlgorithms returns the one.
func (t *token) SupportedAlgorithms() []string { return []string{algorithm} }

// DefaultAlgorithm returns it.
func (t *token) DefaultAlgorithm() string { return algorithm }
