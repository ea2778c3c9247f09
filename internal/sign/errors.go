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
