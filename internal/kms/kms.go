// Package kms speaks to the programs that hold keys: KMS clients and PKCS#11
// tokens, as separate programs that speak sigstore's plugin protocol v1
// (sigstore/pkg/signature/kms/cliplugin, README.md), one execution per operation.
//
// Which program speaks for which scheme is read from the user's and the machine's
// own configuration alone ([ReadConfig]), never from PATH, and the program has to be
// one that nobody but its owner, the user or root, can have replaced.
package kms

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
)

const (
	// MaxMessage is the size, in bytes, of the largest message that is signed.
	MaxMessage = 8 << 20
	// MaxPIN is the size of the longest PIN.
	MaxPIN = 4 << 10
	// PINVariable tells the program from which file descriptor it is to read the
	// PIN, up to the end.
	PINVariable = "TAILSBUILD_PIN_FD"

	maxReference = 1 << 10
	maxOutput    = 64 << 10 // an answer has a key or a signature
	maxStderr    = 16 << 10
)

const schemeExpression = `[a-z][a-z0-9-]{0,31}`

var schemePattern = lazyregexp.New(`^` + schemeExpression + `$`)

// IsReference reports whether s is meant as a reference to a key, SCHEME://KEY,
// and not as the path of a file.
func IsReference(s string) bool { return strings.Contains(s, "://") }

// A Key is one that a program holds. It signs only through [Key.SignMessage].
type Key struct {
	reference string
	resource  string // what the program knows it by
	scheme    *Scheme
	pin       []byte
	patience  time.Duration
}

// Key returns the key that reference, SCHEME://KEY, names. It runs nothing.
//
// It returns a *[ReferenceError], a *[SchemeError] when nothing is configured for
// the scheme, or an *[ownership.UnsafeError] when others could have replaced the program.
func (c *Config) Key(reference string) (*Key, error) {
	name, resource, _ := strings.Cut(reference, "://")
	if problem := checkReference(reference, name, resource); problem != "" {
		return nil, &ReferenceError{Reference: reference, Problem: problem}
	}
	s := c.schemes[name]
	if s == nil {
		return nil, &SchemeError{Scheme: name, Files: c.files}
	}
	if _, err := s.program(); err != nil {
		return nil, err
	}
	return &Key{reference: reference, resource: resource, scheme: s, patience: patience}, nil
}

func checkReference(reference, scheme, resource string) string {
	unseen := func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) }
	switch {
	case len(reference) > maxReference:
		return fmt.Sprintf("it has more than %d bytes", maxReference)
	case !schemePattern.MatchString(scheme):
		return "the scheme has other characters than a to z, 0 to 9 and -"
	case resource == "":
		return "it names no key after ://"
	case !utf8.ValidString(resource) || strings.ContainsFunc(resource, unseen):
		return "it has a space, or a character that can't be seen"
	}
	return ""
}

// String returns the key's reference.
func (k *Key) String() string { return k.reference }

// NeedsPIN reports whether the program asks for a PIN, to be given with WithPIN.
func (k *Key) NeedsPIN() bool { return k.scheme.PIN }

// WithPIN returns the key with its PIN. The program reads it from a pipe, so that
// it is in no argument, environment or file.
func (k *Key) WithPIN(pin []byte) *Key {
	with := *k
	with.pin = append([]byte{}, pin...)
	return &with
}

// PublicKey asks the program for the public key, in PEM.
func (k *Key) PublicKey(ctx context.Context) ([]byte, error) {
	resp, err := k.call(ctx, methodPublicKey, nil)
	if err != nil {
		return nil, err
	}
	if resp.PublicKey == nil || len(resp.PublicKey.PublicKeyPEM) == 0 {
		return nil, k.failed(errors.New("the answer has no public key"))
	}
	return resp.PublicKey.PublicKeyPEM, nil
}

// SignMessage asks the program to sign the SHA-256 of message, and returns what it
// says is the signature. It signs whatever it is given, and verifies nothing: that
// is the work of package sign, its one caller.
func (k *Key) SignMessage(ctx context.Context, message []byte) ([]byte, error) {
	if len(message) > MaxMessage {
		return nil, &LimitError{What: "message", Limit: MaxMessage}
	}
	resp, err := k.call(ctx, methodSignMessage, message)
	if err != nil {
		return nil, err
	}
	if resp.Signing == nil || len(resp.Signing.Signature) == 0 {
		return nil, k.failed(errors.New("the answer has no signature"))
	}
	return resp.Signing.Signature, nil
}

// hashFunc is the hash that every key here is used with.
const hashFunc = crypto.SHA256
