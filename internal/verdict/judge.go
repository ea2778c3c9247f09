package verdict

import (
	"fmt"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
)

// Judge says what p makes of an image at a time.
//
// It is a pure function, and total: any policy and any facts get a verdict, and
// worse facts never a better one. What is asked beside who vouches for the image,
// rebuilds, privileges, support and size, is asked of foreign and unsigned images
// too.
func Judge(p *policy.Policy, f Facts, now time.Time) Verdict {
	j := &judge{policy: p, facts: &f, now: now}
	if !j.start() {
		return j.verdict(Refused)
	}
	j.identity()
	j.root()
	j.problems()
	j.rebuilds()
	j.unread()
	j.marks()
	j.privileges()
	j.support()
	j.size()
	return j.verdict(j.kind())
}

// A judge collects reasons.
type judge struct {
	policy *policy.Policy
	scope  *policy.Scope
	facts  *Facts
	now    time.Time

	name     string
	against  []Reason // for each of which the image is refused
	without  []Reason // why nobody vouches
	reasons  []Reason // why it is trusted
	warnings []Reason
	rebuilt  []Counted
}

func (j *judge) refuse(code Code, format string, args ...any) {
	j.against = append(j.against, Reason{code, fmt.Sprintf(format, args...)})
}

func (j *judge) miss(code Code, format string, args ...any) {
	j.without = append(j.without, Reason{code, fmt.Sprintf(format, args...)})
}

func (j *judge) praise(code Code, format string, args ...any) {
	j.reasons = append(j.reasons, Reason{code, fmt.Sprintf(format, args...)})
}

func (j *judge) warn(code Code, format string, args ...any) {
	j.warnings = append(j.warnings, Reason{code, fmt.Sprintf(format, args...)})
}

// start finds the scope, without which nothing else can be asked.
func (j *judge) start() bool {
	name, err := policy.ImageName(j.facts.Reference)
	if err != nil {
		j.refuse(NoName, "%q names no image.", j.facts.Reference)
		return false
	}
	j.name = name
	if j.policy == nil {
		j.refuse(NoPolicy, "There is no policy to judge by.")
		return false
	}
	if j.scope = j.policy.Scope(name); j.scope == nil {
		j.refuse(NoScope, "The policy has no scope for images of this name, %q.", name)
		return false
	}
	return true
}

func (j *judge) identity() {
	if j.now.IsZero() {
		j.refuse(NoTime, "It isn't known what time it is, so that nothing can be known to be fresh.")
	}
	if d := j.facts.Digest; d.Validate() != nil || d.Algorithm() != digest.SHA256 {
		j.refuse(NoDigest, "It isn't known which image this is: %q is no sha256 digest.", string(d))
	}
}

// problems come after what is wrong with the trust root, which may be their cause.
func (j *judge) problems() {
	for _, problem := range j.facts.Problems {
		j.refuse(NotKnown, "Something could not be read or verified: %q.", problem)
	}
}

// verdict puts the reasons together.
func (j *judge) verdict(kind Kind) Verdict {
	v := Verdict{
		Kind: kind, Reference: j.facts.Reference, Digest: j.facts.Digest, Name: j.name, Warnings: j.warnings, Rebuilt: j.rebuilt,
	}
	if j.scope != nil {
		v.Scope = j.scope.Pattern.String()
	}
	switch kind {
	case Trusted:
		v.Reasons = j.reasons
	case Foreign, Unsigned:
		v.Reasons = j.without
	default:
		v.Reasons = slices.Concat(j.against, j.without)
	}
	for _, s := range j.facts.Signatures {
		who := s.Key
		if s.Certificate != nil {
			who = s.Certificate.Issuer + " " + s.Certificate.Subject
		}
		if !slices.Contains(v.Signers, who) {
			v.Signers = append(v.Signers, who)
		}
	}
	slices.Sort(v.Signers)
	return v
}

// kind decides, once everything was asked.
func (j *judge) kind() Kind {
	vouched := j.vouched()
	switch {
	case vouched && len(j.against) == 0:
		return Trusted
	case vouched:
		return Refused
	}
	signed := len(j.facts.Signatures) > 0
	if signed {
		j.foreign()
	} else {
		j.unsigned()
	}
	switch {
	case len(j.against) > 0:
		return Refused
	case signed:
		return Foreign
	}
	return Unsigned
}

func (j *judge) foreign() {
	said := map[string]bool{}
	for _, s := range j.facts.Signatures {
		what := "this ID with the one"
		if s.Certificate != nil {
			what = "both, letter by letter, with those"
		}
		text := fmt.Sprintf("It is signed %s. Compare %s that its owner shows elsewhere, on another way than the image came.", by(s.Key, s.Certificate), what)
		if !said[text] {
			said[text] = true
			j.warn(ForeignSigner, "%s", text)
		}
	}
	if j.scope.Foreign != policy.Warn {
		j.refuse(ForeignRefused, "The policy refuses images that others have signed.")
	}
}

func (j *judge) unsigned() {
	// A policy that was decoded never has one without the other; taking away a
	// signature must not help with any.
	if j.scope.Unsigned != policy.Ask || j.scope.Foreign != policy.Warn {
		j.refuse(UnsignedRefused, "The policy refuses images that nobody has signed.")
	}
}
