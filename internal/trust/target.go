package trust

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"
	"unicode"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// TargetVersion is the version of the JSON of a [Target] and of revocations.
const TargetVersion = 1

const (
	maxCustom     = 64 << 10
	maxPlatforms  = 32
	maxBundles    = 256
	maxRebuilders = 100
	maxReason     = 500 // bytes
)

// A Target is what the trust root says of a release beside the digest and length
// of its manifest: the custom JSON of its TUF target.
type Target struct {
	// Version is [TargetVersion].
	Version int `json:"version"`
	// Platforms has the digest of the manifest of each platform, by name, as
	// "linux/amd64". An image without an index has one, with its own digest.
	Platforms map[string]digest.Digest `json:"platforms"`
	// MinimumRebuilders is how many rebuilders of distinct organisations the
	// publisher asks for; a policy may ask for more.
	MinimumRebuilders int `json:"minimumRebuilders"`
	// Bundles are the digests of the release's bundles, sorted.
	Bundles []digest.Digest `json:"bundles"`
	// Released is when the release was added, in UTC and whole seconds.
	Released time.Time `json:"released"`
	// Sequence grows with each release of one name, from 1. A client that has
	// seen one refuses lower ones.
	Sequence int64 `json:"sequence"`
	// Revoked says why the release must not be used, nil when it may. A revoked
	// release stays listed, so that users see the reason.
	Revoked *Revocation `json:"revoked,omitempty"`
}

// A Revocation says why something is trusted no more, in the words of who revoked
// it, and since when.
type Revocation struct {
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// targetKeys are all members of a Target's JSON. Decoders that ignore case would
// take others for them.
var targetKeys = []string{
	"version", "platforms", "minimumRebuilders", "bundles", "released", "sequence",
	"revoked", "reason", "at",
}

// targetMembers is how many of targetKeys, from the first, a target must have.
const targetMembers = 6

var platformPattern = lazyregexp.New(`^[a-z0-9]+/[a-z0-9_]+(/[a-z0-9._-]+)?$`)

// DecodeTarget reads the custom JSON of a target, strictly: unknown, duplicate and
// missing members are a *[FormatError], too many of something a *[LimitError].
func DecodeTarget(b []byte) (*Target, error) {
	const what = "release's description"
	if len(b) > maxCustom {
		return nil, &LimitError{What: what, Limit: maxCustom}
	}
	var t Target
	if err := decodeStrict(what, b, &t, targetKeys); err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil {
		return nil, &FormatError{What: what, Problem: err.Error()}
	}
	for _, key := range targetKeys[:targetMembers] {
		if _, ok := members[key]; !ok {
			return nil, &FormatError{What: what, Problem: fmt.Sprintf("no member %q", key)}
		}
	}
	if err := t.Check(); err != nil {
		return nil, err
	}
	return &t, nil
}

// Encode returns t as its custom JSON: compact, in the order of the fields, the
// platforms sorted. It is a *[FormatError] when t could not be decoded again.
func (t *Target) Encode() ([]byte, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	c := *t
	if c.Bundles == nil {
		c.Bundles = []digest.Digest{} // not null
	}
	return json.Marshal(&c)
}

// Check returns a *[FormatError] or *[LimitError] when t breaks its format.
func (t *Target) Check() error {
	const what = "release's description"
	bad := func(format string, args ...any) error {
		return &FormatError{What: what, Problem: fmt.Sprintf(format, args...)}
	}
	switch {
	case t.Version != TargetVersion:
		return &VersionError{What: what, Got: t.Version, Want: TargetVersion}
	case len(t.Platforms) == 0:
		return bad("no platform")
	case len(t.Platforms) > maxPlatforms:
		return &LimitError{What: "platforms of a release", Limit: maxPlatforms}
	case len(t.Bundles) > maxBundles:
		return &LimitError{What: "bundles of a release", Limit: maxBundles}
	case t.MinimumRebuilders < 0 || t.MinimumRebuilders > maxRebuilders:
		return bad("minimumRebuilders is %d", t.MinimumRebuilders)
	case t.Sequence < 1:
		return bad("sequence is %d", t.Sequence)
	}
	for platform, d := range t.Platforms {
		if !platformPattern.MatchString(platform) || len(platform) > maxName {
			return bad("%q is no platform", platform)
		}
		if err := checkDigest(d); err != nil {
			return bad("platform %s: %v", platform, err)
		}
	}
	for i, d := range t.Bundles {
		if err := checkDigest(d); err != nil {
			return bad("bundle %d: %v", i, err)
		}
	}
	if !slices.IsSorted(t.Bundles) || len(slices.Compact(slices.Clone(t.Bundles))) != len(t.Bundles) {
		return bad("bundles are not sorted, or are listed twice")
	}
	if err := checkTime(t.Released); err != nil {
		return bad("released: %v", err)
	}
	if t.Revoked != nil {
		return t.Revoked.Check()
	}
	return nil
}

// Check returns a *[FormatError] when r has no reason, or one that could mislead
// who reads it on a terminal, or no time.
func (r *Revocation) Check() error {
	if err := checkReason(r.Reason); err != nil {
		return &FormatError{What: "revocation", Problem: err.Error()}
	}
	if err := checkTime(r.At); err != nil {
		return &FormatError{What: "revocation", Problem: err.Error()}
	}
	return nil
}

func checkReason(s string) error {
	if s == "" || len(s) > maxReason {
		return fmt.Errorf("a reason of %d bytes, want 1 to %d", len(s), maxReason)
	}
	for _, r := range s {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return fmt.Errorf("reason %q has a character that can't be printed", s)
		}
	}
	return nil
}

// checkTime accepts times that are written in one way only.
func checkTime(t time.Time) error {
	if t.Year() < 2000 || t.Year() > 9999 || t.Location() != time.UTC || t.Nanosecond() != 0 {
		return fmt.Errorf("%s is not a time in UTC and whole seconds", t.Format(time.RFC3339Nano))
	}
	return nil
}

func checkDigest(d digest.Digest) error {
	if err := d.Validate(); err != nil || d.Algorithm() != digest.SHA256 {
		return fmt.Errorf("%.100q is no sha256 digest", string(d))
	}
	return nil
}

// decodeStrict decodes src into v. It refuses what two parsers could read in two
// ways, and members that v doesn't have or that differ from keys by case alone.
func decodeStrict(what string, src []byte, v any, keys []string) error {
	if err := oci.UnmarshalLongJSON(what, src, new(any), keys...); err != nil {
		return formatError(what, err)
	}
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return &FormatError{What: what, Problem: err.Error()}
	}
	return nil
}
