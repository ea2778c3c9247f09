package evidence

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"
)

// CommitmentType is the type of a commitment.
const CommitmentType = "https://gitlab.com/tailsbuild/tailsbuild/docs/audit.md#commitment-v1"

const (
	// commitmentDomain starts what the digest of a commitment is of, so that it is of
	// nothing else.
	commitmentDomain = "tailsbuild commitment v1"
	saltSize         = 32 // bytes
	// maxReveal is the size, in bytes, of the largest bundle in a reveal: one with
	// several log entries and timestamps has a tenth.
	maxReveal = 256 << 10
)

// A Salt makes it impossible to find out by trying what a commitment is to.
type Salt [saltSize]byte

func (s Salt) String() string { return hex.EncodeToString(s[:]) }

// MarshalText returns the salt in hex.
func (s Salt) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText writes, and nothing else.
func (s *Salt) UnmarshalText(b []byte) error {
	if len(b) != hex.EncodedLen(saltSize) {
		return fmt.Errorf("salt of %d digits, want %d", len(b), hex.EncodedLen(saltSize))
	}
	_, err := hex.Decode(s[:], b)
	if err == nil && string(b) != s.String() {
		err = errors.New("salt is not in lower-case hex")
	}
	return err
}

// A Commitment says that a rebuilder has built the image of sealed inputs before it
// is public, and not yet which image that is.
type Commitment struct {
	// Recipe is the one that the sealed inputs are of, and Inputs the digest of their
	// manifest, the statement's subject.
	Recipe string
	Inputs digest.Digest
	// Builder is the rebuilder's id, and Versions those of its parts, by name.
	Builder  string
	Versions map[string]string
	// At is when it was made, in UTC and whole milliseconds.
	At time.Time
	// Plan and Lock are what was built, as in [Parameters].
	Plan, Lock digest.Digest
	// Digest is that of the image, the salt, and what [Commitment.To] says.
	Digest digest.Digest
}

// commitment is the predicate as written.
type commitment struct {
	Builder    builderID     `json:"builder"`
	At         time.Time     `json:"committedOn"`
	Plan       digest.Digest `json:"plan"`
	Lock       digest.Digest `json:"lock"`
	Commitment digest.Digest `json:"commitment"`
}

// To returns the digest that commits c's builder to image, as that of c's inputs: the
// sha256 of five lines. Somebody else's digest is none of this builder's, whoever has
// copied it.
func (c *Commitment) To(image digest.Digest, salt Salt) digest.Digest {
	return digest.FromString(fmt.Sprintf("%s\n%s\n%s\n%s\n%s\n", commitmentDomain, salt, c.Builder, c.Inputs, image))
}

// Statement returns the commitment. It is read again before it is returned, so what
// [ParseCommitment] would refuse is an error here, a *[StatementError].
func (c *Commitment) Statement() ([]byte, error) {
	raw, err := encode(statement(CommitmentType, c.Recipe, c.Inputs, commitment{
		Builder: builderID{ID: c.Builder, Version: c.Versions}, At: c.At, Plan: c.Plan, Lock: c.Lock, Commitment: c.Digest,
	}))
	if err != nil {
		return nil, &StatementError{CommitmentType, err}
	}
	if _, err := ParseCommitment(raw); err != nil {
		return nil, err
	}
	return raw, nil
}

// ParseCommitment reads a commitment. It refuses anything else with a
// *[StatementError].
func ParseCommitment(statement []byte) (*Commitment, error) {
	c, err := parseCommitment(statement)
	if err != nil {
		return nil, &StatementError{CommitmentType, err}
	}
	return c, nil
}

func parseCommitment(raw []byte) (*Commitment, error) {
	st, err := parse(raw, CommitmentType)
	if err != nil {
		return nil, err
	}
	p, err := exact[commitment](st.predicate)
	if err != nil {
		return nil, err
	}
	if st.name == "" {
		return nil, errors.New("subject has no name")
	}
	for _, d := range []digest.Digest{p.Plan, p.Lock, p.Commitment} {
		if _, err := sha256Digest(string(d)); err != nil {
			return nil, err
		}
	}
	if err := CheckBuilderID(p.Builder.ID); err != nil {
		return nil, err
	}
	c := &Commitment{
		Recipe: st.name, Inputs: st.image, Builder: p.Builder.ID, Versions: p.Builder.Version,
		At: p.At, Plan: p.Plan, Lock: p.Lock, Digest: p.Commitment,
	}
	return c, checkTime(p.At)
}

// A Reveal shows, with the image beside it, what a commitment was to.
type Reveal struct {
	Salt Salt `json:"salt"`
	// Bundle is that of the commitment's statement, as it was signed before the image
	// was public. It is verified by who counts it.
	Bundle []byte `json:"bundle"`
}

// check checks that a summary of an outcome may have the reveal, which may be nil.
func (r *Reveal) check(o Outcome) error {
	switch {
	case r == nil:
		return nil
	case o != Reproduced:
		return fmt.Errorf("the commitment is to this image, but the outcome %q", o)
	case len(r.Bundle) == 0 || len(r.Bundle) > maxReveal:
		return fmt.Errorf("a commitment of %d bytes, want 1 to %d", len(r.Bundle), maxReveal)
	}
	return nil
}
