package verdict

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// root asks whether the trust root can be relied on, and has nothing against the
// image.
func (j *judge) root() {
	r := &j.facts.Root
	if r.Revoked != nil {
		j.refuse(Revoked, "It was revoked: %q.", r.Revoked.Reason)
	}
	if r.Newest == No {
		j.refuse(RolledBack, "A newer release than this one was seen already.")
	}
	if r.OtherDigest != "" {
		j.refuse(OtherDigest, "The trust root lists another image by this name and version: %q.", string(r.OtherDigest))
	}
	if j.scope.TrustRoot == "" {
		return
	}
	switch {
	case r.Name != j.scope.TrustRoot && r.Name != "":
		j.refuse(OtherRoot, "The trust root %q was asked, and the policy wants %q.", r.Name, j.scope.TrustRoot)
	case r.Name == "" || r.Verified == Unknown:
		j.refuse(RootUnknown, "The trust root %q was not asked.", j.scope.TrustRoot)
	case r.Verified != Yes:
		j.refuse(RootFailed, "The trust root %q could not be verified: %q.", j.scope.TrustRoot, r.Problem)
	}
	if known := r.Verified == Yes || !r.Expires.IsZero(); known && !j.now.Before(r.Expires) {
		j.refuse(RootExpired, "What is known of the trust root %q has expired, so that it may hide that the image was revoked or replaced. Get newer metadata, or set the clock right.", j.scope.TrustRoot)
	}
	if r.Listed != Yes && r.Listed != No {
		j.refuse(TargetUnknown, "It isn't known whether the trust root %q lists the image.", j.scope.TrustRoot)
	}
	if r.Newest != Yes && r.Newest != No {
		j.refuse(SequenceUnknown, "It isn't known whether a newer release was seen already.")
	}
}

// vouched reports whether those vouch for the image whom the scope asks for, and
// says why or why not.
func (j *judge) vouched() bool {
	ok := j.scope.TrustRoot != "" || len(j.scope.Signers) > 0
	if name := j.scope.TrustRoot; name != "" {
		if j.facts.Root.Name == name && j.facts.Root.Listed == Yes {
			j.praise(Vouched, "The trust root %q lists it.", name)
		} else {
			j.miss(NotListed, "The trust root %q isn't known to list it.", name)
			ok = false
		}
	}
	if !j.needsSignature() {
		return ok
	}
	i := slices.IndexFunc(j.facts.Signatures, j.qualifies)
	switch {
	case i >= 0:
		j.praise(Signed, "It is %s.", j.signature(j.facts.Signatures[i]))
		return ok
	case len(j.facts.Signatures) == 0:
		j.miss(NotSigned, "Nobody has signed it%s.", j.unreadRest())
	default:
		j.miss(OtherSigner, "None of its signatures is %s%s.", j.wanted(), j.unreadRest())
	}
	return false
}

// unreadRest says that there may be signatures that were not read.
func (j *judge) unreadRest() string {
	if !j.facts.Incomplete {
		return ""
	}
	return ", as far as could be read: more refers to the image than is read, which can hide signatures"
}

// needsSignature reports whether the scope asks for a signature beside the trust
// root's own.
func (j *judge) needsSignature() bool {
	return len(j.scope.Signers) > 0 || j.scope.Log || j.scope.Timestamp
}

// qualifies reports whether a signature is by whom the scope asks for, and is
// logged and timestamped as it asks.
func (j *judge) qualifies(s Signature) bool {
	if j.scope.Log && !s.Logged || j.scope.Timestamp && !s.Timestamped {
		return false
	}
	if len(j.scope.Signers) == 0 {
		return s.Listed
	}
	signer := j.policy.SignerOf(s.Key, s.Certificate)
	return signer != nil && slices.Contains(j.scope.Signers, signer.Name)
}

func (j *judge) wanted() string {
	var b strings.Builder
	if len(j.scope.Signers) > 0 {
		b.WriteString("by " + strings.Join(j.scope.Signers, " or "))
	} else {
		b.WriteString("one that the trust root names")
	}
	if j.scope.Log {
		b.WriteString(", in a transparency log")
	}
	if j.scope.Timestamp {
		b.WriteString(", with a timestamp")
	}
	return b.String()
}

// signature says how something was signed, by whom, and who has seen it.
func (j *judge) signature(s Signature) string {
	text := "signed " + by(s.Key, s.Certificate)
	if signer := j.policy.SignerOf(s.Key, s.Certificate); signer != nil {
		of := " of %q"
		if s.Certificate != nil {
			of = ", which is %q"
		}
		text += fmt.Sprintf(of, signer.Name)
	}
	switch {
	case s.Logged && s.Timestamped:
		text += ", in a transparency log and with a timestamp"
	case s.Logged:
		text += ", in a transparency log"
	case s.Timestamped:
		text += ", with a timestamp"
	}
	return text
}

// by says by whom something is signed.
func by(key string, c *sign.Certificate) string {
	if c == nil {
		return fmt.Sprintf("with the key %q", key)
	}
	return fmt.Sprintf("as %q of the issuer %q", c.Subject, c.Issuer)
}

// marks asks that some signature, by whomever, has what the scope asks signatures
// to have.
func (j *judge) marks() {
	switch asked := j.scope.Log || j.scope.Timestamp; {
	case asked && j.scope.Sigstore == "":
		j.refuse(OtherSigstore, "The policy names no sigstore whose transparency logs and timestamp authorities count.")
	case asked && j.facts.Sigstore != j.scope.Sigstore:
		j.refuse(OtherSigstore, "The transparency logs and timestamp authorities of the sigstore %q were asked, and the policy wants those of %q.", j.facts.Sigstore, j.scope.Sigstore)
	}
	if j.scope.Log && !slices.ContainsFunc(j.facts.Signatures, func(s Signature) bool { return s.Logged }) {
		j.refuse(NotLogged, "No signature of it is in a transparency log.")
	}
	if j.scope.Timestamp && !slices.ContainsFunc(j.facts.Signatures, func(s Signature) bool { return s.Timestamped }) {
		j.refuse(NotTimestamped, "No signature of it has a timestamp.")
	}
}

// rebuilds counts the organisations that got the same image, and asks that nobody
// got another.
func (j *judge) rebuilds() {
	agree := map[string]Rebuild{}
	for _, s := range j.facts.Rebuilds {
		r := j.policy.RebuilderOf(s.Key, s.Certificate)
		switch {
		case r == nil:
			j.warn(NotCounted, "A statement about a rebuild is signed %s, which the policy doesn't have.", by(s.Key, s.Certificate))
		case s.Outcome == Different:
			// Whatever else is wrong with it: who has the key says no.
			j.different(r, s)
		case j.counts(r, s):
			// Of two of one organisation's, always the same one.
			if first, ok := agree[r.Organisation]; !ok || s.Builder < first.Builder {
				agree[r.Organisation] = s
			}
		}
	}
	names := slices.Sorted(maps.Keys(agree))
	for _, name := range names {
		j.rebuilt = append(j.rebuilt, Counted{name, agree[name]})
	}
	need := max(j.scope.Rebuilds.Minimum, j.facts.Root.MinimumRebuilders)
	switch {
	case len(agree) < need:
		j.refuse(TooFewRebuilds, "Rebuilt bit for bit by %d of the %d organisations that have to.", len(agree), need)
	case len(agree) > 0:
		j.praise(Rebuilt, "Rebuilt bit for bit by %s.", strings.Join(names, ", "))
	}
}

// different says that a rebuilder got something different. Where the scope goes by
// the others, too few of them still refuse the image.
func (j *judge) different(r *policy.Rebuilder, s Rebuild) {
	say := j.refuse
	if j.scope.Rebuilds.Different == policy.Warn {
		say = j.warn
	}
	if s.Reason == "" {
		say(RebuiltDifferent, "%s rebuilt it and got something different.", r.Name)
		return
	}
	say(RebuiltDifferent, "%s rebuilt it and got something different: %q.", r.Name, s.Reason)
}

// unread says whose statements could not be read. What they would say for the image
// is missing already; what they would say against it is why this matters. What is by
// somebody else says nothing, and is to be seen: a rebuilder may have a new key.
func (j *judge) unread() {
	for _, u := range j.facts.Ignored {
		j.warn(NotCounted, "What is in the place %q of %q doesn't count: %q.", u.Place, u.Rebuilder, u.Problem)
	}
	for _, u := range j.facts.Unread {
		say := j.refuse
		if r := j.policy.Rebuilder(u.Rebuilder); r != nil && r.Unreachable == policy.Warn {
			say = j.warn
		}
		say(StatementsUnread, "The statements of %q in %q could not be read, and may be that it got something different: %q.", u.Rebuilder, u.Place, u.Problem)
	}
}

// counts reports whether a statement speaks for the image, and warns if not.
func (j *judge) counts(r *policy.Rebuilder, s Rebuild) bool {
	why := ""
	switch {
	case s.Outcome != Reproduced && !slices.Contains(policy.Outcomes, string(s.Outcome)):
		j.refuse(OutcomeUnknown, "%s says of its rebuild what isn't understood: %q.", r.Name, string(s.Outcome))
		return false
	case s.Outcome != Reproduced:
		why = "its outcome is " + string(s.Outcome)
		if s.Reason != "" {
			why += fmt.Sprintf(", %q", s.Reason)
		}
	case s.Builder != r.Builder:
		why = "it names another builder than the policy"
	case s.Problem != "":
		why = fmt.Sprintf("%q", s.Problem)
	case s.At.After(j.now.Add(maxSkew)):
		why = "it says that it is from the future"
	case j.tooOld(s):
		why = fmt.Sprintf("it is older than %d days", int(j.scope.Rebuilds.MaximumAge.Hours())/24)
	case j.scope.Log && !s.Logged:
		why = "it is in no transparency log"
	case j.scope.Timestamp && !s.Timestamped:
		why = "it has no timestamp"
	case !slices.Contains(j.organisations(), r.Organisation):
		why = "the policy doesn't ask for one by " + r.Organisation
	default:
		if why = j.uncommitted(s.Commitment); why == "" {
			return true
		}
	}
	j.warn(NotCounted, "A rebuild by %s doesn't count: %s.", r.Name, why)
	return false
}

// maxSkew is how much another machine's clock may be ahead of this one's.
const maxSkew = 10 * time.Minute

// tooOld reports whether a statement is older than the scope allows, or doesn't say.
func (j *judge) tooOld(s Rebuild) bool {
	limit := j.scope.Rebuilds.MaximumAge
	return limit > 0 && (s.At.IsZero() || j.now.Sub(s.At) > limit)
}

// organisations are those whose rebuilds count. Where the scope asks for none, a
// release can still do so itself, and any organisation counts that doesn't vouch
// for the image.
func (j *judge) organisations() []string {
	if j.scope.Rebuilds.Minimum > 0 {
		return j.scope.Rebuilds.Organisations
	}
	return j.policy.Others(j.scope)
}
