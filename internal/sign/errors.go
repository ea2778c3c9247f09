package sign

import (
	"cmp"
	"fmt"

	"github.com/opencontainers/go-digest"
)

// A KeyError reports that a key file is not what was asked for.
type KeyError struct{ Err error }

func (e *KeyError) Error() string { return fmt.Sprintf("key: %v", e.Err) }
func (e *KeyError) Unwrap() error { return e.Err }

// A PassphraseError reports that a key file could not be decrypted: the passphrase
// is wrong or, which can't be told apart, the file is damaged. Empty says that no
// passphrase was given.
type PassphraseError struct{ Empty bool }

func (e *PassphraseError) Error() string {
	if e.Empty {
		return "key: it needs a passphrase"
	}
	return "key: wrong passphrase"
}

// An AnswerError reports that the program that holds Key has answered with no
// signature by the key that it had shown.
type AnswerError struct{ Key string }

func (e *AnswerError) Error() string {
	return fmt.Sprintf("%s: what the program answers is no signature by the key that it has shown", e.Key)
}

// A StatementError reports that what was to be signed is no in-toto Statement v1
// with a sha256 subject.
type StatementError struct{ Err error }

func (e *StatementError) Error() string { return fmt.Sprintf("statement: %v", e.Err) }
func (e *StatementError) Unwrap() error { return e.Err }

// A TrustedRootError reports that a file is no trusted root.
type TrustedRootError struct{ Err error }

func (e *TrustedRootError) Error() string { return fmt.Sprintf("trusted root: %v", e.Err) }
func (e *TrustedRootError) Unwrap() error { return e.Err }

// A ConfigError reports that a file is no signing configuration, or one that can't
// be used.
type ConfigError struct{ Err error }

func (e *ConfigError) Error() string { return fmt.Sprintf("signing configuration: %v", e.Err) }
func (e *ConfigError) Unwrap() error { return e.Err }

// A TokenError reports that an identity token can't be used. Expired says that it
// could have been.
type TokenError struct {
	Err     error
	Expired bool
}

func (e *TokenError) Error() string { return fmt.Sprintf("identity token: %v", e.Err) }
func (e *TokenError) Unwrap() error { return e.Err }

// A Service is a kind of service.
type Service string

// The kinds of service.
const (
	CertificateAuthority Service = "certificate authority"
	TransparencyLog      Service = "transparency log"
	TimestampAuthority   Service = "timestamp authority"
)

// A ServiceError reports that a service, asked at URL, has not done what it was
// asked for.
type ServiceError struct {
	Service Service
	URL     string
	Err     error
}

func (e *ServiceError) Error() string { return fmt.Sprintf("%s %s: %v", e.Service, e.URL, e.Err) }
func (e *ServiceError) Unwrap() error { return e.Err }

// A StatusError reports HTTP's status code of an answer, and how the answer begins.
type StatusError struct {
	Code    int
	Message string
}

func (e *StatusError) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("it answers with status %d", e.Code)
	}
	return fmt.Sprintf("it answers with status %d: %s", e.Code, e.Message)
}

// An OtherServiceError reports that what a service has answered isn't by any of its
// kind that the trusted root has.
type OtherServiceError struct {
	Service Service
	Err     error
}

func (e *OtherServiceError) Error() string {
	return fmt.Sprintf("what the %s has answered isn't by one of the trusted root: %v", e.Service, e.Err)
}
func (e *OtherServiceError) Unwrap() error { return e.Err }

// A VerifyError reports that a bundle is no signature of Subject.
type VerifyError struct {
	Subject digest.Digest
	Err     error
}

func (e *VerifyError) Error() string { return fmt.Sprintf("signature of %s: %v", e.Subject, e.Err) }
func (e *VerifyError) Unwrap() error { return e.Err }

// An OtherKeyError reports that a bundle names the key Got instead of Want.
type OtherKeyError struct{ Want, Got string }

func (e *OtherKeyError) Error() string {
	return fmt.Sprintf("signed with the key %q, want %q", e.Got, e.Want)
}

// A LimitError reports that What has more bytes, or more of Unit, than Limit.
type LimitError struct {
	What        string
	Unit        string // "bytes" when it is ""
	Size, Limit int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s has %d %s, more than the limit of %d", e.What, e.Size, cmp.Or(e.Unit, "bytes"), e.Limit)
}
