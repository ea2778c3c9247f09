package rebuild

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// An Auditor is who speaks.
type Auditor struct {
	// Builder is the id of the auditor's own builder, a URI.
	Builder string
	// Version is tailsbuild's own, for the evidence.
	Version string
	// At is the time of the statement.
	At time.Time
}

// A Statement is one of an auditor's.
type Statement struct {
	PredicateType string
	// Body is the in-toto statement, and Bundle the sigstore bundle of it.
	Body, Bundle []byte
	// Attachment is the manifest that refers to the statement's subject, and what
	// goes with it.
	Attachment release.Attachment
}

// A ReleaseKeyError reports that Key, which was to sign an auditor's statement,
// signs releases: what it says would count for the release.
type ReleaseKeyError struct{ Key, Why string }

func (e *ReleaseKeyError) Error() string {
	return fmt.Sprintf("the key %s signs releases: %s; an audit is signed with another", e.Key, e.Why)
}

// State says what came of the attempt: the provenance of what was built, if anything
// was, and a summary. The key must be none that signs releases: neither this one, nor
// those that who asks has as signers, by their IDs. That is a *[ReleaseKeyError].
func (a *Attempt) State(ctx context.Context, key *sign.Key, who Auditor, signers []string) ([]Statement, error) {
	if a.published == nil {
		return nil, errors.New("rebuild: no attempt")
	}
	if key == nil {
		return nil, errors.New("rebuild: no key to sign with")
	}
	if err := a.published.CheckKey(key.Public(), signers); err != nil {
		return nil, err
	}
	s := a.summary(who)
	var all []Statement
	if a.built != nil {
		body, err := a.provenance(who).Statement()
		if err != nil {
			return nil, err
		}
		st, err := a.attach(ctx, key, who, evidence.ProvenanceType, body, a.built.Image)
		if err != nil {
			return nil, err
		}
		all = append(all, st)
		s.Provenance, s.Rebuilt = digest.FromBytes(body), a.built.Image.Digest
	}
	if a.comparison != nil && !a.comparison.Identical() {
		raw, err := a.ComparisonJSON()
		if err != nil {
			return nil, err
		}
		s.Comparison = digest.FromBytes(raw)
	}
	body, err := s.Statement()
	if err != nil {
		return nil, err
	}
	st, err := a.attach(ctx, key, who, evidence.SummaryType, body, a.published.Image)
	if err != nil {
		return nil, err
	}
	return append(all, st), nil
}

// ComparisonJSON returns the comparison as its digest in a summary is over it.
func (a *Attempt) ComparisonJSON() ([]byte, error) {
	var b bytes.Buffer
	err := diffoscope.WriteJSON(&b, a.comparison)
	return b.Bytes(), err
}

// CheckKey returns a *[ReleaseKeyError] for a key that signs releases: this one, or
// one of the IDs signers.
func (p *Published) CheckKey(key *sign.PublicKey, signers []string) error {
	if key.ID() == p.Key {
		return &ReleaseKeyError{Key: p.Key, Why: "it has signed this one"}
	}
	return checkKey(p.Dir, key, signers)
}

func checkKey(dir string, key *sign.PublicKey, signers []string) error {
	if slices.Contains(signers, key.ID()) {
		return &ReleaseKeyError{Key: key.ID(), Why: "it is a signer's"}
	}
	signed, err := release.IsReleaseKey(dir, key)
	if err != nil {
		return err
	}
	if signed {
		return &ReleaseKeyError{Key: key.ID(), Why: "it has signed this one, too"}
	}
	return nil
}

func (a *Attempt) summary(who Auditor) *evidence.Summary {
	s := &evidence.Summary{
		Builder: who.Builder, Versions: a.versions(who), At: who.At.UTC().Truncate(time.Millisecond),
		Outcome: a.outcome, Reason: a.reason, Reveal: a.committed.reveal(a.outcome),
	}
	// A name that can't be one is an error of the statement.
	s.Resource, _ = evidence.NewResource(a.published.Name, a.published.Image.Digest)
	return s
}

func (a *Attempt) versions(who Auditor) map[string]string {
	v := map[string]string{}
	if who.Version != "" {
		v["tailsbuild"] = who.Version
	}
	if a.built != nil {
		v["buildkit"] = a.output.BuildKit
	}
	return v
}

func (a *Attempt) provenance(who Auditor) *evidence.Rebuild {
	b := a.built
	return &evidence.Rebuild{Published: a.published.Image.Digest, Build: evidence.Build{
		Image: b.Image.Digest, Parameters: a.parameters, Output: evidence.NewOutput(a.output),
		Dependencies: a.dependencies,
		Run: evidence.Run{
			Builder: who.Builder, Versions: a.versions(who), Invocation: b.Invocation,
			Started: b.Started, Finished: b.Finished, Variation: b.Variation,
		},
	}}
}

func (a *Attempt) attach(ctx context.Context, key *sign.Key, who Auditor, predicateType string, body []byte, subject ocispec.Descriptor) (Statement, error) {
	bundle, err := a.sign(ctx, key, body)
	if err != nil {
		return Statement{}, err
	}
	return newStatement(predicateType, body, bundle, subject, key.Public(), who.At), nil
}

func newStatement(predicateType string, body, bundle []byte, subject ocispec.Descriptor, key *sign.PublicKey, at time.Time) Statement {
	return Statement{
		PredicateType: predicateType, Body: body, Bundle: bundle,
		Attachment: release.Attachment{Subject: subject, PredicateType: predicateType, Body: bundle, Signed: true, Key: key, Created: at},
	}
}

// sign signs a statement about what came of the attempt.
func (a *Attempt) sign(ctx context.Context, key *sign.Key, statement []byte) ([]byte, error) {
	return key.SignRebuild(ctx, statement)
}
