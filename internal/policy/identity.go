package policy

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// A Sigstore is a set of services whose word counts: authorities that certify who
// signs, transparency logs, and authorities that say when.
type Sigstore struct {
	Name string
	// TrustedRoot is the path of the file that has them, see [sign.OpenTrustedRoot].
	// A relative one is meant from the policy's folder.
	TrustedRoot string
	Range       hcl.Range
}

// An Identity is who signs without a key of their own: as whom Issuer knows them,
// and an authority of Sigstore certifies it.
type Identity struct {
	Name string
	// Sigstore is the name of one of the policy's.
	Sigstore        string
	Issuer, Subject string
	// Extensions are what the certificate has to say beside, by the names in
	// [sign.ExtensionNames].
	Extensions map[string]string
	Range      hcl.Range
}

// Is reports whether a certificate is i's.
func (i *Identity) Is(c *sign.Certificate) bool {
	if c == nil || !slices.Contains(c.Roots, i.Sigstore) || c.Issuer != i.Issuer || c.Subject != i.Subject {
		return false
	}
	for name, want := range i.Extensions {
		if got, ok := c.Extensions[name]; !ok || got != want {
			return false
		}
	}
	return true
}

// overlaps reports whether a certificate can be i's and o's.
func (i *Identity) overlaps(o *Identity) bool {
	if i.Issuer != o.Issuer || i.Subject != o.Subject {
		return false
	}
	for name, value := range i.Extensions {
		if other, ok := o.Extensions[name]; ok && other != value {
			return false
		}
	}
	return true
}

// Sigstore returns the one called name, or nil.
func (p *Policy) Sigstore(name string) *Sigstore {
	for i := range p.Sigstores {
		if p.Sigstores[i].Name == name {
			return &p.Sigstores[i]
		}
	}
	return nil
}

// sigstores decodes the blocks, whose names the others use.
func (e *evaluator) sigstores(top *hclschema.Block) []Sigstore {
	e.Labelled(top, "sigstore")
	var all []Sigstore
	for _, b := range top.All("sigstore") {
		all = append(all, Sigstore{Name: b.Labels[0].Text, TrustedRoot: b.Text("trusted_root"), Range: b.Range})
	}
	return all
}

// identities returns those of b. One by which the certificates of another block's
// could be taken for b's, too, is reported: they could be counted for both.
func (e *evaluator) identities(p *Policy, b *hclschema.Block) []Identity {
	e.Labelled(b, "identity")
	var own []Identity
	for _, i := range b.All("identity") {
		e.sigstore(p, i)
		id := Identity{
			Name: i.Labels[0].Text, Sigstore: i.Text("sigstore"), Issuer: i.Text("issuer"), Subject: i.Text("subject"),
			Extensions: i.Table("extensions"), Range: i.Range,
		}
		own = append(own, id)
		if !i.Valid("issuer") || !i.Valid("subject") {
			continue // was reported
		}
		for _, other := range p.identities() {
			if id.overlaps(&other) {
				e.Fail(i.Range, "Identity is there twice", "Certificates of the one on line %d could be its, too. An identity speaks for one signer or rebuilder; ask for different values of an extension to tell two apart.", other.Range.Start.Line)
				break
			}
		}
	}
	return own
}

// identities returns those of all signers and rebuilders.
func (p *Policy) identities() []Identity {
	var all []Identity
	for _, s := range p.Signers {
		all = append(all, s.Identities...)
	}
	for _, r := range p.Rebuilders {
		all = append(all, r.Identities...)
	}
	return all
}

// sigstore checks the name of one in b.
func (e *evaluator) sigstore(p *Policy, b *hclschema.Block) {
	name := b.Text("sigstore")
	if !b.Valid("sigstore") || p.Sigstore(name) != nil {
		return
	}
	var known []string
	for _, s := range p.Sigstores {
		known = append(known, s.Name)
	}
	e.Fail(b.RangeOf("sigstore"), "Unknown sigstore", "The file has no sigstore %s.%s", hclschema.Quote(name), hclschema.Suggest(name, known))
}

// extensions writes what an identity asks for, in a fixed order.
func (i *Identity) extensions() string {
	text := ""
	for _, name := range slices.Sorted(maps.Keys(i.Extensions)) {
		text += ", " + name + " " + hclschema.Quote(i.Extensions[name])
	}
	return text
}
