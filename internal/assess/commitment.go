package assess

import (
	"errors"
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/verdict"
)

// commitment returns what a summary of a rebuilder's reveals of an earlier statement,
// which is read and verified here. It is zero when it reveals nothing.
func (v *votes) commitment(rebuilder *policy.Rebuilder, s *evidence.Summary) verdict.Commitment {
	if s.Reveal == nil {
		return verdict.Commitment{}
	}
	st, err := release.ReadCommitment(s.Reveal.Bundle, v.trusted)
	if err != nil {
		return verdict.Commitment{Statement: digest.FromBytes(s.Reveal.Bundle), Problem: err.Error()}
	}
	out := verdict.Commitment{Statement: digest.FromBytes(st.Body)}
	c, err := evidence.ParseCommitment(st.Body)
	if err == nil {
		m := marks(st, v.assessment.Facts.Sigstore)
		out.At, out.Time = c.At, m.Time
		err = v.checkCommitment(rebuilder, s, st, c)
	}
	if err != nil {
		out.Problem = err.Error()
	}
	return out
}

// checkCommitment returns an error for a commitment that is not the rebuilder's to this
// image, built from what its rebuild was.
func (v *votes) checkCommitment(rebuilder *policy.Rebuilder, s *evidence.Summary, st *release.Statement, c *evidence.Commitment) error {
	r := v.provenance[signedDigest{rebuilder, s.Provenance}]
	switch {
	case v.rebuilder(st) != rebuilder:
		return errors.New("it is by somebody else")
	case c.Builder != s.Builder:
		return fmt.Errorf("it is of another builder, %s", c.Builder)
	case c.Digest != c.To(s.Rebuilt, s.Reveal.Salt):
		return errors.New("it is to another image, or by another salt")
	case r == nil:
		return nil // which is a problem of the summary itself
	case c.Recipe != r.Parameters.Recipe || c.Lock != r.Parameters.Lock || c.Plan != r.Parameters.Plan:
		return errors.New("it is to what comes out of another plan or lock")
	}
	return nil
}

// built returns when the image was known at the latest, as those say who made it: the
// signers of the policy, of their builds, and the trust root. It is zero when neither
// says so.
func (s *Assessment) built(own []*release.Verification) time.Time {
	var first time.Time
	add := func(t time.Time) {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t.UTC()
		}
	}
	for _, v := range own {
		for _, r := range v.Reproductions {
			add(r.Builders[0].Finished)
			add(r.Builders[1].Finished)
		}
	}
	if s.Listed != nil {
		add(s.Listed.Target.Released)
	}
	return first
}
