package sign

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"

	"gitlab.com/tailsbuild/tailsbuild/internal/kms"
)

// The types of PEM block. The second is older cosign's.
const (
	pemPrivate       = "ENCRYPTED SIGSTORE PRIVATE KEY"
	pemPrivateLegacy = "ENCRYPTED COSIGN PRIVATE KEY"
	pemPublic        = "PUBLIC KEY"
)

// maxKeyFile is the size, in bytes, of the largest key file that is read.
const maxKeyFile = 64 << 10

// A Key is an ECDSA P-256 private key: in memory, with no accessor for the private
// part, or held by a program, or made anew for each statement.
type Key struct {
	private *ecdsa.PrivateKey
	program *kms.Key // if private is nil
	public  *PublicKey
	// services, if set, are asked about each statement that is signed.
	services *Services
	// token, if set, is who signs: nothing of the above but services is.
	token *Token
}

// errKeyless is why a key that is made anew each time signs statements alone.
var errKeyless = &KeyError{Err: errors.New("one with a certificate of some minutes signs releases alone")}

// A PublicKey verifies what its [Key] signed.
type PublicKey struct {
	ecdsa *ecdsa.PublicKey
	der   []byte // SubjectPublicKeyInfo
}

// GenerateKey returns a new key pair: the private key encrypted with password, as
// cosign generate-key-pair writes cosign.key, and the public key as PKIX PEM.
//
// An empty password is allowed, as it is in cosign; whoever reads the file can
// then sign.
func GenerateKey(password []byte) (private, public []byte, err error) {
	key, err := generate()
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key.private)
	if err != nil {
		return nil, nil, err
	}
	defer clear(der)
	sealed, err := encrypted.Encrypt(der, password)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemPrivate, Bytes: sealed}), key.public.PEM(), nil
}

func generate() (*Key, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	public, err := newPublicKey(&private.PublicKey)
	if err != nil {
		return nil, err
	}
	return &Key{private: private, public: public}, nil
}

// OpenKey decrypts file, a private key as [GenerateKey] or cosign writes it.
//
// A wrong password gives a *[PassphraseError]; anything but one encrypted ECDSA
// P-256 key gives a *[KeyError].
func OpenKey(file, password []byte) (*Key, error) {
	block, err := onePEM(file, pemPrivate, pemPrivateLegacy)
	if err != nil {
		return nil, &KeyError{Err: err}
	}
	if err := checkSealed(block.Bytes); err != nil {
		return nil, &KeyError{Err: err}
	}
	der, err := encrypted.Decrypt(block.Bytes, password)
	if err != nil {
		// checkSealed has seen to it that nothing else can be the reason.
		return nil, &PassphraseError{Empty: len(password) == 0}
	}
	defer clear(der)
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, &KeyError{Err: err}
	}
	private, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, &KeyError{Err: fmt.Errorf("a %T, want an ECDSA P-256 key", parsed)}
	}
	public, err := newPublicKey(&private.PublicKey)
	if err != nil {
		return nil, err
	}
	return &Key{private: private, public: public}, nil
}

// OpenProgramKey returns the key that program holds, after it has asked for the
// public part.
//
// A program that fails gives a *[kms.ProgramError], and one that shows anything but
// an ECDSA P-256 key a *[KeyError].
func OpenProgramKey(ctx context.Context, program *kms.Key) (*Key, error) {
	file, err := program.PublicKey(ctx)
	if err != nil {
		return nil, err
	}
	public, err := OpenPublicKey(file)
	if err != nil {
		return nil, err
	}
	return &Key{program: program, public: public}, nil
}

// Public returns the key's public part, nil if it is made anew for each statement.
func (k *Key) Public() *PublicKey { return k.public }

// OpenPublicKey reads file, one PEM block "PUBLIC KEY". Anything but an ECDSA
// P-256 key gives a *[KeyError].
func OpenPublicKey(file []byte) (*PublicKey, error) {
	block, err := onePEM(file, pemPublic)
	if err != nil {
		return nil, &KeyError{Err: err}
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, &KeyError{Err: err}
	}
	public, ok := parsed.(*ecdsa.PublicKey)
	if !ok {
		return nil, &KeyError{Err: fmt.Errorf("a %T, want an ECDSA P-256 key", parsed)}
	}
	return newPublicKey(public)
}

func newPublicKey(public *ecdsa.PublicKey) (*PublicKey, error) {
	// Rekor v2 and cosign take other curves too, but with other hashes; one
	// algorithm leaves nothing to confuse.
	if public.Curve != elliptic.P256() {
		return nil, &KeyError{Err: fmt.Errorf("curve %s, want P-256", public.Params().Name)}
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, &KeyError{Err: err}
	}
	return &PublicKey{ecdsa: public, der: der}, nil
}

// ID returns the name of the key in bundles: the sha256 of its DER
// SubjectPublicKeyInfo, in base64.
func (p *PublicKey) ID() string {
	sum := sha256.Sum256(p.der)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// PEM returns the key as PKIX PEM.
func (p *PublicKey) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: pemPublic, Bytes: p.der})
}

// onePEM returns the one block of file, which has one of types and no headers.
func onePEM(file []byte, types ...string) (*pem.Block, error) {
	if len(file) > maxKeyFile {
		return nil, &LimitError{What: "key file", Size: int64(len(file)), Limit: maxKeyFile}
	}
	block, rest := pem.Decode(file)
	if block == nil {
		return nil, errors.New("no PEM block")
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, fmt.Errorf("bytes after the PEM block %q", block.Type)
	}
	if len(block.Headers) > 0 {
		return nil, fmt.Errorf("PEM block %q has headers", block.Type)
	}
	for _, t := range types {
		if block.Type == t {
			return block, nil
		}
	}
	return nil, fmt.Errorf("PEM block %q, want %q", block.Type, types[0])
}

// checkSealed checks everything in an encrypted key that package encrypted would
// refuse, so that what remains is a wrong password.
func checkSealed(sealed []byte) error {
	var box struct {
		KDF struct {
			Name   string `json:"name"`
			Params struct {
				N int `json:"N"`
				R int `json:"r"`
				P int `json:"p"`
			} `json:"params"`
			Salt []byte `json:"salt"`
		} `json:"kdf"`
		Cipher struct {
			Name  string `json:"name"`
			Nonce []byte `json:"nonce"`
		} `json:"cipher"`
		Ciphertext []byte `json:"ciphertext"`
	}
	if err := json.Unmarshal(sealed, &box); err != nil {
		return err
	}
	p := box.KDF.Params
	switch {
	case box.KDF.Name != "scrypt":
		return fmt.Errorf("key derivation %q, want scrypt", box.KDF.Name)
	case p.R != 8 || p.P != 1 || (p.N != 1<<15 && p.N != 1<<16 && p.N != 1<<17):
		// Other costs are refused, not paid: N=2^40 would take all memory.
		return fmt.Errorf("scrypt parameters N=%d r=%d p=%d, want N=2^15, 2^16 or 2^17, r=8, p=1", p.N, p.R, p.P)
	case box.Cipher.Name != "nacl/secretbox":
		return fmt.Errorf("cipher %q, want nacl/secretbox", box.Cipher.Name)
	case len(box.Cipher.Nonce) != 24:
		return fmt.Errorf("nonce of %d bytes, want 24", len(box.Cipher.Nonce))
	}
	return nil
}
