// Package policy decodes policy.hcl: which images may run, by their names, and
// what is asked of them. docs/policy.md is the reference.
//
// Decoding is strict, and pure: the same bytes always give the same policy or the
// same diagnostics, in source order. Package verdict judges by it.
package policy

import (
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"

	"gitlab.com/tailsbuild/tailsbuild/internal/privilege"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// A Policy says what is asked of images. The zero Policy has no scope, and so
// refuses everything.
//
// Slices keep the order of the source. Every Range points into the file that the
// policy was decoded from.
type Policy struct {
	TrustRoots []TrustRoot
	Sigstores  []Sigstore
	Signers    []Signer
	Rebuilders []Rebuilder
	// Scopes are tried in order, and the first that matches decides.
	Scopes []Scope
}

// A TrustRoot is TUF metadata that names releases.
type TrustRoot struct {
	Name string
	// Organisation holds the offline keys. What it rebuilds itself is no second
	// opinion.
	Organisation string
	// Root is the path of the pinned root.json. A relative one is meant from the
	// policy's folder.
	Root string
	// Sources are where newer metadata comes from, in the order in which they are
	// tried: URLs, and folders as Root.
	Sources []string
	Range   hcl.Range
}

// A Signer signs releases with keys, or as identities, that the policy itself names.
type Signer struct {
	Name         string
	Organisation string
	Keys         []Key
	Identities   []Identity
	Range        hcl.Range
}

// A Rebuilder builds releases again and signs what came out.
type Rebuilder struct {
	Name         string
	Organisation string
	// Builder is the id that its statements have to name.
	Builder    string
	Keys       []Key
	Identities []Identity
	// Statements are where its statements are read, beside those that come with a
	// release: URLs, repositories in registries as oci:HOST/NAME, and folders as
	// those of a trust root.
	Statements []string
	// Unreachable says what happens when one of Statements can't be read: Refuse or
	// Warn.
	Unreachable Answer
	Range       hcl.Range
}

// A Key is a public key that the policy names.
type Key struct {
	Name string
	// ID is [sign.PublicKey.ID].
	ID     string
	Public *sign.PublicKey
	Range  hcl.Range
}

// An Answer says what happens with an image that nobody vouches for.
type Answer string

// The answers.
const (
	Refuse Answer = "refuse"
	// Warn lets a foreign image run after a warning, every time.
	Warn Answer = "warn"
	// Ask lets an unsigned image run after a person accepted it twice.
	Ask Answer = "ask"
)

// A Scope is what is asked of the images whose names match Pattern.
type Scope struct {
	Pattern Pattern
	// TrustRoot is the name of the trust root that has to list the image, or "".
	TrustRoot string
	// Signers are the names of signers, one of which has to have signed. When it is
	// empty, TrustRoot isn't.
	Signers  []string
	Foreign  Answer // Refuse or Warn
	Unsigned Answer // Refuse or Ask
	// Log and Timestamp are whether signatures and rebuilders' statements without
	// an entry in a transparency log, or without a signed timestamp, count.
	Log, Timestamp bool
	// Sigstore is the name of the one whose logs and timestamp authorities count for
	// that, or "": nothing counts then.
	Sigstore   string
	Rebuilds   Rebuilds
	Privileges Privileges
	// RefuseUnsupported is whether a base past its end of support, or with an
	// unknown one, is refused rather than warned of.
	RefuseUnsupported bool
	// Size is that of the largest compressed image, in bytes; 0 is no limit.
	Size  int64
	Range hcl.Range
}

// Rebuilds are the independent rebuilds that a scope asks for.
type Rebuilds struct {
	// Minimum counts organisations, not statements, keys or builders.
	Minimum int
	// Organisations are those that count, sorted. The scope's own trust root's and
	// signers' are not among them.
	Organisations []string
	// Different says what happens when a rebuilder got something different, and as
	// many as have to got the same: Refuse or Warn. "" is Refuse.
	Different Answer
	// MaximumAge is that of a statement that counts; 0 is any.
	MaximumAge time.Duration
	// Committed says that only those count that were committed to before the image was
	// signed.
	Committed bool
	Range     hcl.Range
}

// Privileges are what an image may ask for.
type Privileges struct {
	// Highest is the highest tier.
	Highest privilege.Tier
	// Allowed has the identifiers that are allowed, when Any isn't set.
	Allowed []privilege.ID
	Any     bool
	Range   hcl.Range
}

// Allows reports whether the scope lets an image have the privilege.
func (p *Privileges) Allows(id privilege.ID) bool {
	return id.Tier() <= p.Highest && (p.Any || id.Tier() == privilege.Silent || slices.Contains(p.Allowed, id))
}

// Scope returns the first scope that matches the name of an image as
// [ImageName] gives it, or nil.
func (p *Policy) Scope(name string) *Scope {
	for i := range p.Scopes {
		if p.Scopes[i].Pattern.Match(name) {
			return &p.Scopes[i]
		}
	}
	return nil
}

// TrustRoot returns the trust root called name, or nil.
func (p *Policy) TrustRoot(name string) *TrustRoot {
	for i := range p.TrustRoots {
		if p.TrustRoots[i].Name == name {
			return &p.TrustRoots[i]
		}
	}
	return nil
}

// Files returns the files that the policy names and that all else is verified by, as
// it has them: pinned roots, then sigstore's. What trust roots' sources have is
// verified, so that they are not among them.
func (p *Policy) Files() []string {
	var files []string
	for _, t := range p.TrustRoots {
		files = append(files, t.Root)
	}
	for _, s := range p.Sigstores {
		files = append(files, s.TrustedRoot)
	}
	return files
}

// Signer returns the signer called name, or nil.
func (p *Policy) Signer(name string) *Signer {
	for i := range p.Signers {
		if p.Signers[i].Name == name {
			return &p.Signers[i]
		}
	}
	return nil
}

// RebuilderOf returns the rebuilder that has the key with an ID, or nil. With a
// certificate, the key was made for one signature, and it is who that names.
func (p *Policy) RebuilderOf(id string, c *sign.Certificate) *Rebuilder {
	for i := range p.Rebuilders {
		if signs(p.Rebuilders[i].Keys, p.Rebuilders[i].Identities, id, c) {
			return &p.Rebuilders[i]
		}
	}
	return nil
}

// Rebuilder returns the rebuilder called name, or nil.
func (p *Policy) Rebuilder(name string) *Rebuilder {
	for i := range p.Rebuilders {
		if p.Rebuilders[i].Name == name {
			return &p.Rebuilders[i]
		}
	}
	return nil
}

// SignerOf is [Policy.RebuilderOf] for signers.
func (p *Policy) SignerOf(id string, c *sign.Certificate) *Signer {
	for i := range p.Signers {
		if signs(p.Signers[i].Keys, p.Signers[i].Identities, id, c) {
			return &p.Signers[i]
		}
	}
	return nil
}

func signs(keys []Key, identities []Identity, id string, c *sign.Certificate) bool {
	if c != nil {
		return slices.ContainsFunc(identities, func(i Identity) bool { return i.Is(c) })
	}
	return slices.ContainsFunc(keys, func(k Key) bool { return k.ID == id })
}
