package verdict

import (
	"time"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/privilege"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// Facts are what was verified about one image before it is judged. What somebody
// merely says of themselves is not among them: keys are known by their ID, and who
// has them, or is in a certificate, is for the policy to say.
//
// The zero value of every field means that it isn't known.
type Facts struct {
	// Reference is how the image was asked for. [policy.ImageName] makes the name
	// that scopes match of it.
	Reference string `json:"reference"`
	// Digest is that of the image's manifest or index, and Size its compressed
	// size in bytes.
	Digest digest.Digest `json:"digest"`
	Size   int64         `json:"size"`
	Root   Root          `json:"root"`
	// Sigstore is the name of the one whose logs and timestamp authorities were asked
	// about the signatures and statements, "" when none was.
	Sigstore string `json:"sigstore,omitempty"`
	// Built is when the image was known at the latest, as those say who made it: when the
	// first of its builds was finished, or the trust root had it.
	Built time.Time `json:"built,omitzero"`
	// Signatures are valid signatures of Digest.
	Signatures []Signature `json:"signatures,omitempty"`
	// Incomplete says that there may be more signatures and statements, since not all
	// that refers to the image was read.
	Incomplete bool `json:"incomplete,omitempty"`
	// Rebuilds are statements about Digest whose signatures are valid.
	Rebuilds []Rebuild `json:"rebuilds,omitempty"`
	// Unread are places of rebuilders' statements that could not be read, and Ignored
	// what is in those that could and is by nobody whom the policy has, or no statement
	// about Digest.
	Unread     []Unread   `json:"unread,omitempty"`
	Ignored    []Unread   `json:"ignored,omitempty"`
	Privileges Privileges `json:"privileges"`
	// EndOfSupport is when the support of the base ends.
	EndOfSupport time.Time `json:"endOfSupport,omitzero"`
	// Problems are what could not be read or verified and might have changed the
	// verdict. One of them is enough to refuse.
	Problems []string `json:"problems,omitempty"`
}

// A State says what is known of something.
type State int

// States. Which is good depends on the question.
const (
	Unknown State = iota
	Yes
	No
)

func (s State) String() string {
	switch s {
	case Yes:
		return "yes"
	case No:
		return "no"
	}
	return "unknown"
}

// MarshalText returns "yes", "no" or "unknown", for JSON.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Root is what the trust root called Name says about the image.
type Root struct {
	Name string `json:"name,omitempty"`
	// Verified is whether all of its metadata was verified; Problem says why not.
	Verified State  `json:"verified"`
	Problem  string `json:"problem,omitempty"`
	// Expires is when the first of the metadata expires.
	Expires time.Time `json:"expires,omitzero"`
	// Listed is Yes when the target of the image's name and version has Digest,
	// and No when there is no such target. OtherDigest is the target's when it has
	// another one; Listed doesn't matter then.
	Listed      State         `json:"listed"`
	OtherDigest digest.Digest `json:"otherDigest,omitempty"`
	// Newest is Yes when no later release of the image was ever seen, or it was
	// revoked since.
	Newest State `json:"newest"`
	// Revoked is set when the release, or who signed it, was revoked.
	Revoked *Revocation `json:"revoked,omitempty"`
	// MinimumRebuilders is what the target asks for.
	MinimumRebuilders int `json:"minimumRebuilders,omitempty"`
}

// A Revocation says why and when something was revoked.
type Revocation struct {
	Reason string    `json:"reason"`
	At     time.Time `json:"at,omitzero"`
}

// A Signature is one of the image that is valid.
type Signature struct {
	// Key is the ID of the key, see [sign.PublicKey.ID].
	Key string `json:"key"`
	// Certificate says who has the key. When it is there, the key was made for this
	// signature alone, and says nothing.
	Certificate *sign.Certificate `json:"certificate,omitempty"`
	// Listed is whether the trust root's target names the bundle by its digest.
	Listed bool `json:"listed,omitempty"`
	// Logged and Timestamped are whether an entry in a transparency log of Sigstore,
	// and a timestamp by an authority of it, were verified with it.
	Logged      bool `json:"logged,omitempty"`
	Timestamped bool `json:"timestamped,omitempty"`
	// Time is the earliest timestamp.
	Time time.Time `json:"time,omitzero"`
}

// An Outcome is what a rebuilder found.
type Outcome string

// The outcomes. Only Reproduced speaks for an image.
const (
	Reproduced        Outcome = "reproduced"
	Different         Outcome = "different"
	BuildFailed       Outcome = "build-failed"
	InputsMissing     Outcome = "inputs-missing"
	ToolchainMismatch Outcome = "toolchain-mismatch"
	Withdrawn         Outcome = "withdrawn"
)

// A Rebuild is a signed statement about a rebuild of the image.
type Rebuild struct {
	Key         string            `json:"key"` // as in a Signature, and so on
	Certificate *sign.Certificate `json:"certificate,omitempty"`
	Builder     string            `json:"builder"` // the id that the statement names
	Outcome     Outcome           `json:"outcome"`
	// Statement is the digest of the statement, and Resource the image by the name
	// that it says it is about.
	Statement digest.Digest `json:"statement,omitempty"`
	Resource  string        `json:"resource,omitempty"`
	// At is when it says that it was found out; not known when it is zero.
	At time.Time `json:"at,omitzero"`
	// Reason is what it gives for another outcome than Reproduced.
	Reason string `json:"reason,omitempty"`
	// Problem says what is wrong with it, so that it doesn't speak for the image; ""
	// if nothing is.
	Problem string `json:"problem,omitempty"`

	Logged      bool `json:"logged,omitempty"`
	Timestamped bool `json:"timestamped,omitempty"`
	// Commitment is what was said before the image was known; it is zero when nothing
	// was.
	Commitment Commitment `json:"commitment,omitzero"`
}

// A Commitment is a statement from before an image was known, of which the rebuild's
// shows that it is about this one.
type Commitment struct {
	// Statement is its digest.
	Statement digest.Digest `json:"statement"`
	// At is when it says that it was made, and Time the earliest timestamp of it by an
	// authority of Sigstore, zero when there is none.
	At   time.Time `json:"at,omitzero"`
	Time time.Time `json:"time,omitzero"`
	// Problem says why it isn't about this image, or nobody's who counts; "" if it is.
	Problem string `json:"problem,omitempty"`
}

// An Unread is a place of statements of the rebuilder called Rebuilder that could not
// be read, or one of them there, and why.
type Unread struct {
	Rebuilder string `json:"rebuilder"`
	Place     string `json:"place"`
	Problem   string `json:"problem"`
}

// Privileges are what the image asks for. An image that declares none is known to
// have none: it gets none.
type Privileges struct {
	Known bool           `json:"known"`
	IDs   []privilege.ID `json:"ids,omitempty"`
}
