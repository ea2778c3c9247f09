package policy

import (
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
	"gitlab.com/tailsbuild/tailsbuild/internal/privilege"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// Decode decodes src, the content of the policy file called filename.
//
// It doesn't read filename, which only appears in source ranges. It reports every
// problem it finds, in source order. The policy is nil when there is one: half a
// policy is none.
func Decode(filename string, src []byte) (*Policy, hcl.Diagnostics) {
	body, diags := hclschema.Parse(policyLanguage, filename, src)
	if body == nil {
		return nil, diags
	}
	e := &evaluator{hclschema.NewEvaluator(policyLanguage, nil)}
	top := &hclschema.Block{Type: policyType, Range: hclschema.StartOf(filename)}
	e.Body(top, body)
	p := e.policy(top)
	if diags := hclschema.Sorted(e.Diags); diags.HasErrors() {
		return nil, diags
	}
	return p, nil
}

type evaluator struct{ *hclschema.Evaluator }

func (e *evaluator) policy(top *hclschema.Block) *Policy {
	for _, name := range []string{"trust_root", "signer", "rebuilder", "scope"} {
		e.Labelled(top, name)
	}
	p := &Policy{}
	for _, b := range top.All("trust_root") {
		e.Distinct(b.Items("sources"), "Source is there twice")
		p.TrustRoots = append(p.TrustRoots, TrustRoot{
			Name: b.Labels[0].Text, Organisation: b.Text("organisation"), Root: b.Text("root"), Sources: b.Texts("sources"), Range: b.Range,
		})
	}
	p.Sigstores = e.sigstores(top)
	keys := map[string]hcl.Range{}
	for _, b := range top.All("signer") {
		p.Signers = append(p.Signers, Signer{
			Name: b.Labels[0].Text, Organisation: b.Text("organisation"),
			Keys: e.keys(b, keys), Identities: e.identities(p, b), Range: b.Range,
		})
	}
	builders := map[string]string{}
	for _, b := range top.All("rebuilder") {
		name := b.Labels[0].Text
		if other, again := builders[b.Text("builder")]; again && b.Valid("builder") {
			e.Fail(b.RangeOf("builder"), "Builder is there twice", "The rebuilder %s has this id already. Put the keys of one builder into one block.", hclschema.Quote(other))
		}
		builders[b.Text("builder")] = name
		e.Distinct(b.Items("statements"), "Place is there twice")
		p.Rebuilders = append(p.Rebuilders, Rebuilder{
			Name: name, Organisation: b.Text("organisation"), Builder: b.Text("builder"),
			Keys: e.keys(b, keys), Identities: e.identities(p, b),
			Statements: b.Texts("statements"), Unreachable: Answer(b.Text("unreachable")), Range: b.Range,
		})
	}
	for _, b := range top.All("scope") {
		p.Scopes = append(p.Scopes, e.scope(p, b))
	}
	if len(p.Scopes) == 0 && len(e.Diags) == 0 {
		e.Fail(top.Range, "No scope", "Without one, every image is refused. Write scope \"PATTERN\" { ... }, with ** as the pattern for all images.")
	}
	return p
}

// keys returns the keys of b. Those that seen has already are reported: a key
// that speaks for two could be counted for both.
func (e *evaluator) keys(b *hclschema.Block, seen map[string]hcl.Range) []Key {
	e.Labelled(b, "key")
	blocks := b.All("key")
	if len(blocks)+len(b.All("identity")) == 0 {
		e.Fail(b.Range, "No key and no identity", "Nothing could be verified without one. Add key \"NAME\" { public = ... }, or an identity.")
	}
	var keys []Key
	for _, k := range blocks {
		public, err := sign.OpenPublicKey([]byte(k.Text("public")))
		if err != nil {
			continue // was reported
		}
		id := public.ID()
		if first, again := seen[id]; again {
			e.Fail(k.RangeOf("public"), "Key is there twice", "It is on line %d already. A key speaks for one signer or rebuilder.", first.Start.Line)
			continue
		}
		seen[id] = k.RangeOf("public")
		keys = append(keys, Key{Name: k.Labels[0].Text, ID: id, Public: public, Range: k.Range})
	}
	return keys
}

func (e *evaluator) scope(p *Policy, b *hclschema.Block) Scope {
	size, _ := hclschema.ParseSize(b.Text("size"))
	s := Scope{
		Pattern:   newPattern(b.Labels[0].Text),
		TrustRoot: b.Text("trust_root"), Signers: b.Texts("signers"),
		Foreign: Answer(b.Text("foreign")), Unsigned: Answer(b.Text("unsigned")),
		Log: b.Text("transparency_log") != "optional", Timestamp: b.Text("timestamp") != "optional",
		Sigstore:          b.Text("sigstore"),
		RefuseUnsupported: b.Text("end_of_support") != "warn",
		Size:              size, Range: b.Range,
	}
	e.Distinct(b.Items("signers"), "Signer is there twice")
	e.vouching(p, b)
	e.sigstore(p, b)
	if s.Unsigned == Ask && s.Foreign != Warn {
		e.Fail(b.RangeOf("unsigned"), "Unsigned is looser than foreign", "Whoever takes the signature away from a foreign image would get further than with it. Write foreign = \"warn\", or unsigned = \"refuse\".")
	}
	if r := b.One("rebuilders"); r != nil {
		s.Rebuilds = e.rebuilds(p, &s, r)
	}
	if r := b.One("privileges"); r != nil {
		s.Privileges = e.privileges(r)
	}
	return s
}

// vouching checks the names of who vouches for a scope's images.
func (e *evaluator) vouching(p *Policy, b *hclschema.Block) {
	if !b.Has("trust_root") && !b.Has("signers") {
		e.Fail(b.Range, "Nobody vouches for the images", "Write trust_root = \"NAME\", or signers = [\"NAME\"], or both.")
	}
	if name := b.Text("trust_root"); b.Valid("trust_root") && p.TrustRoot(name) == nil {
		var known []string
		for _, t := range p.TrustRoots {
			known = append(known, t.Name)
		}
		e.Fail(b.RangeOf("trust_root"), "Unknown trust root", "The file has no trust_root %s.%s", hclschema.Quote(name), hclschema.Suggest(name, known))
	}
	for _, it := range b.Items("signers") {
		if p.Signer(it.Text) != nil {
			continue
		}
		var known []string
		for _, s := range p.Signers {
			known = append(known, s.Name)
		}
		e.Fail(it.Range, "Unknown signer", "The file has no signer %s.%s", hclschema.Quote(it.Text), hclschema.Suggest(it.Text, known))
	}
}

func (e *evaluator) rebuilds(p *Policy, s *Scope, b *hclschema.Block) Rebuilds {
	e.Distinct(b.Items("organisations"), "Organisation is there twice")
	known, others := p.rebuilding(), p.Others(s)
	r := Rebuilds{
		Minimum: int(b.Number("minimum")), Organisations: others, Different: Answer(b.Text("different")),
		MaximumAge: time.Duration(b.Number("maximum_age")) * 24 * time.Hour,
		Committed:  b.Text("committed") == "true", Range: b.Range,
	}
	if b.Has("organisations") {
		r.Organisations = slices.DeleteFunc(others, func(name string) bool { return !slices.Contains(b.Texts("organisations"), name) })
	}
	for _, it := range b.Items("organisations") {
		if !slices.Contains(known, it.Text) {
			e.Fail(it.Range, "Unknown organisation", "The file has no rebuilder of %s.%s", hclschema.Quote(it.Text), hclschema.Suggest(it.Text, known))
		}
	}
	if b.Valid("minimum") && r.Minimum > len(r.Organisations) {
		e.Fail(b.RangeOf("minimum"), "Too few rebuilders", "No more than %d can count here, so that nothing would ever be trusted. Add rebuilders of others than those that vouch for the images, or ask for fewer.", len(r.Organisations))
	}
	return r
}

// rebuilding returns the organisations that the policy has rebuilders of, sorted.
func (p *Policy) rebuilding() []string {
	var names []string
	for _, r := range p.Rebuilders {
		names = append(names, r.Organisation)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Others returns the organisations that the policy has rebuilders of and that
// don't vouch for the images of s themselves, sorted.
func (p *Policy) Others(s *Scope) []string {
	own := p.organisations(s)
	return slices.DeleteFunc(p.rebuilding(), func(name string) bool { return slices.Contains(own, name) })
}

// organisations are those that vouch for the images of a scope, so that their
// rebuilds are no other opinion.
func (p *Policy) organisations(s *Scope) []string {
	var own []string
	if t := p.TrustRoot(s.TrustRoot); t != nil {
		own = append(own, t.Organisation)
	}
	for _, name := range s.Signers {
		if signer := p.Signer(name); signer != nil {
			own = append(own, signer.Organisation)
		}
	}
	return own
}

func (e *evaluator) privileges(b *hclschema.Block) Privileges {
	e.Distinct(b.Items("allowed"), "Privilege is there twice")
	p := Privileges{Highest: privilege.Tier(b.Number("highest_tier")), Any: !b.Has("allowed"), Range: b.Range}
	for _, it := range b.Items("allowed") {
		id, err := privilege.Parse(it.Text)
		if err != nil {
			continue // was reported
		}
		p.Allowed = append(p.Allowed, id)
		if tier := id.Tier(); b.Valid("highest_tier") && tier > p.Highest {
			e.Fail(it.Range, "Privilege is above the highest tier", "It is of tier %d, %s, so that it would be refused all the same. Remove it, or raise highest_tier.", tier, tier.Describe())
		}
	}
	return p
}
