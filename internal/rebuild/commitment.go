package rebuild

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// An Unpublished is sealed inputs that say nowhere which image comes out of them.
type Unpublished struct {
	Recipe string
	// Inputs describes their manifest, and Lock is the digest of the lock in them.
	Inputs ocispec.Descriptor
	Lock   digest.Digest
	// Output is the toolchain record that they were built for.
	Output lock.Output
}

// A Commitment is to the image that came out of sealed inputs. Only [Commit] makes
// one, and only its method sign signs; gate_test.go of package release holds the
// source to both.
type Commitment struct {
	of    Unpublished
	built *builder.Result
	salt  evidence.Salt
}

// Commit returns a commitment to what was built of sealed inputs. The salt is random,
// and never used again.
func Commit(of Unpublished, built *builder.Result, salt evidence.Salt) (*Commitment, error) {
	if built == nil || built.Invocation == "" || salt == (evidence.Salt{}) {
		return nil, errors.New("rebuild: no build or no salt to commit with")
	}
	return &Commitment{of, built, salt}, nil
}

// State commits who to the image. The statement shows nothing of it, and the secret is
// what shows it later.
func (c *Commitment) State(ctx context.Context, key *sign.Key, who Auditor) (Statement, *Secret, error) {
	if key == nil {
		return Statement{}, nil, errors.New("rebuild: no key to sign with")
	}
	s := evidence.Commitment{
		Recipe: c.of.Recipe, Inputs: c.of.Inputs.Digest, Plan: c.built.Plan, Lock: c.of.Lock,
		Builder: who.Builder, Versions: map[string]string{"buildkit": c.of.Output.BuildKit},
		At: who.At.UTC().Truncate(time.Millisecond),
	}
	if who.Version != "" {
		s.Versions["tailsbuild"] = who.Version
	}
	s.Digest = s.To(c.built.Image.Digest, c.salt)
	body, err := s.Statement()
	if err != nil {
		return Statement{}, nil, err
	}
	bundle, err := c.sign(ctx, key, body)
	if err != nil {
		return Statement{}, nil, err
	}
	secret := &Secret{
		Version: secretVersion, Recipe: s.Recipe, Inputs: s.Inputs, Image: c.built.Image.Digest,
		Builder: s.Builder, Key: key.Public().ID(), Salt: c.salt, Bundle: bundle,
	}
	return newStatement(evidence.CommitmentType, body, bundle, c.of.Inputs, key.Public(), s.At), secret, nil
}

// sign signs the statement of a commitment.
func (c *Commitment) sign(ctx context.Context, key *sign.Key, statement []byte) ([]byte, error) {
	return key.SignRebuild(ctx, statement)
}

const (
	secretVersion = 1
	// MaxSecret is the size, in bytes, of the largest file with a secret.
	MaxSecret = 1 << 20
)

// A Secret is what a rebuilder keeps until the image that it has committed to is
// public: until then it shows which image that is.
type Secret struct {
	Version int    `json:"version"`
	Recipe  string `json:"recipe"`
	// Inputs is the manifest of the blind sealed inputs, and Image what came out.
	Inputs digest.Digest `json:"inputs"`
	Image  digest.Digest `json:"image"`
	// Builder and Key are the ids of who committed to it.
	Builder string `json:"builder"`
	Key     string `json:"key"`
	// Salt and Bundle are for the reveal.
	Salt   evidence.Salt `json:"salt"`
	Bundle []byte        `json:"bundle"`
}

// Encode returns the file of s.
func (s *Secret) Encode() ([]byte, error) {
	b, err := json.MarshalIndent(s, "", "  ")
	return append(b, '\n'), err
}

// OpenSecret reads a file that [Secret.Encode] has made, which errors call name.
func OpenSecret(name string, file []byte) (*Secret, error) {
	var s Secret
	if err := oci.UnmarshalJSON(name, file, &s, "version", "recipe", "inputs", "image", "builder", "key", "salt", "bundle"); err != nil {
		return nil, err
	}
	if s.Version != secretVersion {
		return nil, &oci.FormatError{What: name, Detail: fmt.Sprintf("version %d, want %d", s.Version, secretVersion)}
	}
	for _, d := range []digest.Digest{s.Inputs, s.Image} {
		if d.Validate() != nil {
			return nil, &oci.FormatError{What: name, Detail: fmt.Sprintf("%q is no digest", string(d))}
		}
	}
	return &s, nil
}

// An OtherCommitmentError reports a commitment that can't be revealed in an audit:
// What, "sealed inputs", "builder" or "key", is another than that which it is of.
type OtherCommitmentError struct{ What, Committed, Audited string }

func (e *OtherCommitmentError) Error() string {
	return fmt.Sprintf("the commitment has the %s %s, and this audit %s", e.What, e.Committed, e.Audited)
}

// Check returns an *[OtherCommitmentError] when s isn't of these blind sealed inputs,
// or by another builder or key. The image is no reason not to reveal: another one than
// the published is an outcome.
func (s *Secret) Check(inputs digest.Digest, builder string, key *sign.PublicKey) error {
	switch {
	case s.Inputs != inputs:
		return &OtherCommitmentError{"sealed inputs", s.Inputs.String(), inputs.String()}
	case s.Builder != builder:
		return &OtherCommitmentError{"builder", s.Builder, builder}
	case s.Key != key.ID():
		return &OtherCommitmentError{"key", s.Key, key.ID()}
	}
	return nil
}

// Statement returns the statement that [Commitment.State] made with s, again, to the
// byte. inputs describes the manifest that it is about, and key has signed it.
func (s *Secret) Statement(inputs ocispec.Descriptor, key *sign.PublicKey) (Statement, error) {
	v, err := key.Verify(s.Bundle, inputs.Digest)
	if err != nil {
		return Statement{}, err
	}
	c, err := evidence.ParseCommitment(v.Statement)
	if err != nil {
		return Statement{}, err
	}
	return newStatement(evidence.CommitmentType, v.Statement, s.Bundle, inputs, key, c.At), nil
}

// against says what s has against the published image, if anything.
func (s *Secret) against(published digest.Digest) []string {
	if s == nil || s.Image == published {
		return nil
	}
	return []string{fmt.Sprintf("before it was published, %s came out and was committed to, and not %s", s.Image, published)}
}

// reveal returns what shows that the image was committed to, nil when it wasn't.
func (s *Secret) reveal(o evidence.Outcome) *evidence.Reveal {
	if s == nil || o != evidence.Reproduced {
		return nil
	}
	return &evidence.Reveal{Salt: s.Salt, Bundle: s.Bundle}
}
