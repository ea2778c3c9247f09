package policy

import (
	"slices"

	"github.com/hashicorp/hcl/v2"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
	"gitlab.com/tailsbuild/tailsbuild/internal/privilege"
)

// Warnings returns what is allowed in a policy and worth a second look: what can
// never matter, and what lets images run that nobody vouches for, in source order.
func (p *Policy) Warnings() hcl.Diagnostics {
	w := &warner{p: p}
	for i := range p.Scopes {
		w.shadowed(i)
		w.open(&p.Scopes[i])
		w.useless(&p.Scopes[i])
	}
	w.unused()
	return hclschema.Sorted(w.diags)
}

type warner struct {
	p     *Policy
	diags hcl.Diagnostics
}

func (w *warner) warn(rng hcl.Range, summary, format string, args ...any) {
	d := hclschema.Failure(rng, summary, format, args...)
	d.Severity = hcl.DiagWarning
	w.diags = append(w.diags, d)
}

// shadowed warns of a scope that comes after one that matches all of its names.
func (w *warner) shadowed(i int) {
	s := &w.p.Scopes[i]
	for j := range i {
		if first := &w.p.Scopes[j]; first.Pattern.Covers(s.Pattern) {
			w.warn(s.Range, "Scope never matches", "The scope %s on line %d comes first and matches all that this one does. Put the more particular scope above it.", hclschema.Quote(first.Pattern.String()), first.Range.Start.Line)
			return
		}
	}
}

// open warns of what fails open.
func (w *warner) open(s *Scope) {
	if s.TrustRoot == "" {
		w.warn(s.Range, "No trust root", "A signature alone doesn't expire and can't be taken back: an old version with known faults, and one signed with a stolen key, are trusted. Ask for a trust_root.")
	}
	if s.Foreign == Warn {
		w.warn(s.Range, "Foreign images can run", "Anyone who can sign can get an image past this scope with one warning.")
	}
	if s.Unsigned == Ask {
		w.warn(s.Range, "Unsigned images can run", "Anyone can get an image past this scope when the person accepts it.")
	}
	if s.Rebuilds.Minimum == 0 {
		w.warn(s.Range, "No rebuild is asked for", "Whoever has the key, or is on the machine that signs, can have anything trusted. Ask for rebuilders.")
	}
	if s.Privileges.Highest == privilege.Host {
		w.warn(s.Privileges.Range, "Images can be root on the host", "Tier 3 is what equals root on the host: no other rule can then hold an image back. Keep highest_tier below 3.")
	}
	if s.Privileges.Highest == privilege.Asked && s.Privileges.Any {
		w.warn(s.Privileges.Range, "Every privilege of tier 2 is allowed", "Among them are the microphone, the camera and connections past Tor. Name those that are meant in allowed.")
	}
}

// useless warns of what can't matter in a scope.
func (w *warner) useless(s *Scope) {
	if s.Unsigned == Ask && (s.Log || s.Timestamp || s.RefuseUnsupported || s.Rebuilds.Minimum > 0) {
		w.warn(s.Range, "Unsigned images are never asked about", "What the scope asks for, a log, a timestamp, rebuilds or the end of support, an unsigned image doesn't have. Put unsigned images into a scope of their own, or refuse them.")
	}
	switch asked := s.Log || s.Timestamp; {
	case asked && s.Sigstore == "":
		w.warn(s.Range, "No sigstore", "No transparency log and no timestamp counts, so that every image is refused. Write sigstore = \"NAME\", or transparency_log = \"optional\" and timestamp = \"optional\".")
	case !asked && s.Sigstore != "":
		w.warn(s.Range, "Sigstore is not asked", "Both log entries and timestamps are optional in the scope. Ask for one, or remove its sigstore.")
	}
	if s.Rebuilds.Committed && !s.Timestamp {
		w.warn(s.Rebuilds.Range, "Commitments can be dated back", "Without timestamps, a commitment is as old as the rebuilder says. Write timestamp = \"required\" in the scope.")
	}
	own := w.p.organisations(s)
	for _, r := range w.p.Rebuilders {
		if s.Rebuilds.Minimum > 0 && slices.Contains(own, r.Organisation) {
			w.warn(s.Rebuilds.Range, "Rebuilder doesn't count", "%s is of %s, which vouches for the images itself.", hclschema.Quote(r.Name), hclschema.Quote(r.Organisation))
		}
	}
}

// unused warns of what no scope names.
func (w *warner) unused() {
	for _, t := range w.p.TrustRoots {
		if !slices.ContainsFunc(w.p.Scopes, func(s Scope) bool { return s.TrustRoot == t.Name }) {
			w.warn(t.Range, "Trust root is not used", "No scope asks for it. Remove it, or name it in a scope's trust_root.")
		}
	}
	for _, s := range w.p.Sigstores {
		if !w.p.asks(s.Name) {
			w.warn(s.Range, "Sigstore is not used", "No scope and no identity asks for it, and without its file every image is refused. Remove it, or name it.")
		}
	}
	for _, signer := range w.p.Signers {
		if !slices.ContainsFunc(w.p.Scopes, func(s Scope) bool { return slices.Contains(s.Signers, signer.Name) }) {
			w.warn(signer.Range, "Signer is not used", "No scope asks for it. Remove it, or name it in a scope's signers.")
		}
	}
	for _, r := range w.p.Rebuilders {
		if !slices.ContainsFunc(w.p.Scopes, func(s Scope) bool { return slices.Contains(s.Rebuilds.Organisations, r.Organisation) }) {
			w.warn(r.Range, "Rebuilder is not asked for", "No scope asks for a rebuild by %s. What it finds different is refused all the same.", hclschema.Quote(r.Organisation))
		}
	}
}

// asks reports whether a scope or an identity has a sigstore.
func (p *Policy) asks(sigstore string) bool {
	return slices.ContainsFunc(p.Scopes, func(s Scope) bool { return s.Sigstore == sigstore }) ||
		slices.ContainsFunc(p.identities(), func(i Identity) bool { return i.Sigstore == sigstore })
}
