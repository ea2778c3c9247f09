// Package verdict says whether an image may run: by a policy, from facts about the
// image that others have verified, at a time.
//
// [Judge] is a pure function. What isn't known is never taken as good: the zero
// [Facts] are refused.
package verdict

import (
	"strings"

	"github.com/opencontainers/go-digest"
)

// A Kind is one of the four verdicts.
type Kind string

// The verdicts, from the best to the worst.
const (
	// Trusted images run.
	Trusted Kind = "trusted"
	// Foreign images are signed, but not by whom the policy asks for. They run
	// after a warning, every time.
	Foreign Kind = "foreign"
	// Unsigned images run only when a person accepted them twice, or the machine's
	// administrator did.
	Unsigned Kind = "unsigned"
	// Refused images don't run, and nothing can be done about it.
	Refused Kind = "refused"
)

// A Verdict is what [Judge] found. The zero Verdict is of no kind, and trusts
// nothing.
type Verdict struct {
	Kind Kind `json:"kind"`
	// Reference is how the image was asked for, and Digest which one it is: a
	// verdict is on these bytes alone.
	Reference string        `json:"reference"`
	Digest    digest.Digest `json:"digest"`
	// Name is that of the image, and Scope the pattern of the scope that decided,
	// "" when there is none.
	Name  string `json:"name"`
	Scope string `json:"scope,omitempty"`
	// Reasons are all that led to Kind, in a fixed order.
	Reasons []Reason `json:"reasons"`
	// Warnings are for the person, whatever Kind is.
	Warnings []Reason `json:"warnings,omitempty"`
	// Rebuilt are the rebuilds that count, whatever Kind is: one of each organisation,
	// sorted by it.
	Rebuilt []Counted `json:"rebuilt,omitempty"`
	// Signers are the IDs of the keys that signed the image, whoever has them, and for
	// those that were made for it, who has signed: the issuer, a space, the subject.
	Signers []string `json:"signers,omitempty"`
}

// A Counted is a rebuild that speaks for an image.
type Counted struct {
	Organisation string `json:"organisation"`
	Rebuild
}

// A Reason is part of a verdict: a code that never changes its meaning, and a
// sentence. What comes from outside is quoted in it.
type Reason struct {
	Code Code   `json:"code"`
	Text string `json:"text"`
}

// A Code names a kind of reason. docs/policy.md lists them.
type Code string

// Reasons for trust.
const (
	Vouched Code = "vouched" // listed by the trust root
	Signed  Code = "signed"  // signed by whom the policy asks for
	Rebuilt Code = "rebuilt" // rebuilt by as many as are asked for
)

// Reasons why nobody vouches for an image.
const (
	NotListed   Code = "not-listed"   // the trust root doesn't list it
	NotSigned   Code = "not-signed"   // no signature at all
	OtherSigner Code = "other-signer" // signed by others alone, or not as it has to be
)

// Reasons to refuse an image.
const (
	NoPolicy  Code = "no-policy"
	NoTime    Code = "no-time"
	NoName    Code = "no-name"
	NoDigest  Code = "no-digest"
	NoScope   Code = "no-scope"
	NotKnown  Code = "not-known" // something could not be read or verified
	OtherRoot Code = "other-trust-root"

	RootUnknown Code = "trust-root-unknown"
	RootFailed  Code = "trust-root-failed"
	RootExpired Code = "trust-root-expired"

	TargetUnknown   Code = "target-unknown"
	OtherDigest     Code = "other-digest"
	SequenceUnknown Code = "sequence-unknown"
	RolledBack      Code = "rolled-back"
	Revoked         Code = "revoked"

	RebuiltDifferent Code = "rebuilt-different" // also a warning
	TooFewRebuilds   Code = "too-few-rebuilds"
	OutcomeUnknown   Code = "outcome-unknown"
	StatementsUnread Code = "statements-unread" // also a warning

	OtherSigstore  Code = "other-sigstore"
	NotLogged      Code = "not-logged"
	NotTimestamped Code = "not-timestamped"

	PrivilegesUnknown   Code = "privileges-unknown"
	PrivilegeNotAllowed Code = "privilege-not-allowed"

	SupportUnknown Code = "support-unknown" // also a warning
	SupportEnded   Code = "support-ended"   // also a warning

	SizeUnknown Code = "size-unknown"
	TooLarge    Code = "too-large"

	ForeignRefused  Code = "foreign-refused"
	UnsignedRefused Code = "unsigned-refused"
)

// Reasons that are only warnings.
const (
	ForeignSigner Code = "foreign-signer"
	NotCounted    Code = "rebuild-not-counted"
)

// Codes are all codes, in the order of the documentation.
var Codes = []Code{
	Vouched, Signed, Rebuilt,
	NotListed, NotSigned, OtherSigner,
	NoPolicy, NoTime, NoName, NoDigest, NoScope, NotKnown, OtherRoot,
	RootUnknown, RootFailed, RootExpired,
	TargetUnknown, OtherDigest, SequenceUnknown, RolledBack, Revoked,
	RebuiltDifferent, TooFewRebuilds, OutcomeUnknown, StatementsUnread, OtherSigstore, NotLogged, NotTimestamped,
	PrivilegesUnknown, PrivilegeNotAllowed, SupportUnknown, SupportEnded, SizeUnknown, TooLarge,
	ForeignRefused, UnsignedRefused,
	ForeignSigner, NotCounted,
}

// Has reports whether code is among the reasons.
func (v *Verdict) Has(code Code) bool {
	for _, r := range v.Reasons {
		if r.Code == code {
			return true
		}
	}
	return false
}

// An Error reports a verdict other than trusted.
type Error struct{ Verdict Verdict }

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(string(e.Verdict.Kind))
	for _, r := range e.Verdict.Reasons {
		b.WriteString("\n" + r.Text)
	}
	return b.String()
}

// Err returns nil when the image is trusted, and an *[Error] otherwise.
func (v *Verdict) Err() error {
	if v.Kind == Trusted {
		return nil
	}
	return &Error{*v}
}
