package verdict

import (
	"slices"
	"time"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
)

// A Result is what became of a test of a policy.
type Result struct {
	Name    string  `json:"name"`
	Expect  Kind    `json:"expect"`
	Passed  bool    `json:"passed"`
	Verdict Verdict `json:"verdict"`
	// Missing are the codes that the test expects and the verdict doesn't have.
	Missing []Code `json:"missing,omitempty"`
}

// Test judges the image of a test of p.
func Test(p *policy.Policy, c policy.Case) Result {
	r := Result{Name: c.Name, Expect: Kind(c.Expect), Verdict: Judge(p, factsOf(p, c), c.Now)}
	for _, code := range c.Reasons {
		has := func(reason Reason) bool { return reason.Code == Code(code) }
		if !slices.ContainsFunc(r.Verdict.Reasons, has) && !slices.ContainsFunc(r.Verdict.Warnings, has) {
			r.Missing = append(r.Missing, Code(code))
		}
	}
	r.Passed = r.Verdict.Kind == r.Expect && len(r.Missing) == 0
	return r
}

// factsOf makes facts of a test.
func factsOf(p *policy.Policy, c policy.Case) Facts {
	f := Facts{
		Reference: c.Image, Digest: digest.FromString(c.Image), Size: c.Size,
		Root:         rootOf(p, c),
		Privileges:   Privileges{Known: true, IDs: c.Privileges},
		EndOfSupport: c.EndOfSupport, Built: signedOf(c),
	}
	if s := scopeOf(p, c); s != nil {
		f.Sigstore = s.Sigstore
	}
	for _, s := range c.Signatures {
		f.Signatures = append(f.Signatures, Signature{
			Key: s.By.Key, Certificate: s.By.Certificate, Listed: s.Listed, Logged: s.Logged, Timestamped: s.Timestamped, Time: signedOf(c),
		})
	}
	for _, r := range c.Rebuilds {
		f.Rebuilds = append(f.Rebuilds, Rebuild{
			Key: r.By.Key, Certificate: r.By.Certificate, Builder: r.Builder, Outcome: Outcome(r.Outcome), At: c.Now.Add(-r.Age), Logged: r.Logged, Timestamped: r.Timestamped,
			Commitment: committedOf(c, r),
		})
	}
	for _, name := range c.Unread {
		f.Unread = append(f.Unread, Unread{Rebuilder: name, Place: "its place", Problem: "not read in this test"})
	}
	return f
}

// signedOf returns when the image of a test was built and signed: before all else.
func signedOf(c policy.Case) time.Time { return c.Now.AddDate(-101, 0, 0) }

// committedOf returns the commitment of a rebuilder.
func committedOf(c policy.Case, r policy.CaseRebuild) Commitment {
	at := signedOf(c)
	switch r.Committed {
	case "before":
		at = at.Add(-time.Hour)
	case "after":
		at = at.Add(time.Hour)
	default:
		return Commitment{}
	}
	return Commitment{Statement: digest.FromString("commitment"), At: at, Time: at}
}

func rootOf(p *policy.Policy, c policy.Case) Root {
	r := Root{Verified: Yes, Listed: Yes, Newest: Yes, Expires: c.Now.Add(24 * time.Hour), MinimumRebuilders: c.MinimumRebuilders}
	if s := scopeOf(p, c); s != nil {
		r.Name = s.TrustRoot
	}
	switch c.TrustRoot {
	case "expired":
		r.Expires = c.Now
	case "failed":
		r.Verified, r.Problem = No, "not enough signatures"
	}
	switch c.Target {
	case "absent":
		r.Listed = No
	case "other":
		r.OtherDigest = digest.FromString("another image")
	}
	if c.RolledBack {
		r.Newest = No
	}
	if c.Revoked != "" {
		r.Revoked = &Revocation{Reason: c.Revoked, At: c.Now}
	}
	return r
}

func scopeOf(p *policy.Policy, c policy.Case) *policy.Scope {
	name, err := policy.ImageName(c.Image)
	if err != nil {
		return nil
	}
	return p.Scope(name)
}
