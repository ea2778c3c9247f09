package policy

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
	"gitlab.com/tailsbuild/tailsbuild/internal/privilege"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// A Case is one test of a policy: an image, all that is known about it, and the
// verdict that is expected. Package verdict runs it.
type Case struct {
	Name  string
	Image string // a reference
	// Expect is "trusted", "foreign", "unsigned" or "refused".
	Expect string
	// Reasons are codes that have to be among the verdict's reasons.
	Reasons []string
	Now     time.Time

	TrustRoot  string // "fresh", "expired" or "failed"
	Target     string // "listed", "absent" or "other"
	Revoked    string // the reason, or ""
	RolledBack bool
	// MinimumRebuilders is what the release itself asks for.
	MinimumRebuilders int
	Signatures        []CaseSignature
	Rebuilds          []CaseRebuild
	// Unread are the names of rebuilders whose statements can't be read.
	Unread       []string
	Privileges   []privilege.ID
	EndOfSupport time.Time // zero when it isn't known
	Size         int64
	Range        hcl.Range
}

// Stranger is who signs in a case without being in the policy.
const Stranger = "stranger"

// A CaseSignature is a signature of the image.
type CaseSignature struct {
	By CaseSigner
	// Listed is whether the trust root names it.
	Listed, Logged, Timestamped bool
}

// A CaseRebuild is a rebuilder's statement.
type CaseRebuild struct {
	By                  CaseSigner
	Builder, Outcome    string
	Age                 time.Duration
	Logged, Timestamped bool
	// Committed is when the image was committed to: "before" it was signed, "after"
	// that, or "never".
	Committed string
}

// A CaseSigner is who signs in a case: by a key's ID, or by a certificate.
type CaseSigner struct {
	Key         string
	Certificate *sign.Certificate
}

// Outcomes are what rebuilders' statements can say.
var Outcomes = []string{"reproduced", "different", "build-failed", "inputs-missing", "toolchain-mismatch", "withdrawn"}

// DecodeCases decodes src, the content of the file of tests called filename, for
// the policy p. All else is as with [Decode].
func DecodeCases(filename string, src []byte, p *Policy) ([]Case, hcl.Diagnostics) {
	body, diags := hclschema.Parse(casesLanguage, filename, src)
	if body == nil {
		return nil, diags
	}
	e := &evaluator{hclschema.NewEvaluator(casesLanguage, nil)}
	top := &hclschema.Block{Type: casesType, Range: hclschema.StartOf(filename)}
	e.Body(top, body)
	e.Labelled(top, "test")
	var cases []Case
	for _, b := range top.All("test") {
		cases = append(cases, e.testCase(p, b))
	}
	if len(cases) == 0 && len(e.Diags) == 0 {
		e.Fail(top.Range, "No test", "Write test \"NAME\" { image = ..., expect = ... }.")
	}
	if diags := hclschema.Sorted(e.Diags); diags.HasErrors() {
		return nil, diags
	}
	return cases, nil
}

func (e *evaluator) testCase(p *Policy, b *hclschema.Block) Case {
	size, _ := hclschema.ParseSize(b.Text("size"))
	c := Case{
		Name: b.Labels[0].Text, Image: b.Text("image"), Expect: b.Text("expect"), Reasons: b.Texts("reasons"),
		Now:       date(b.Text("now")),
		TrustRoot: b.Text("trust_root"), Target: b.Text("target"), Revoked: b.Text("revoked"),
		RolledBack:        b.Text("rolled_back") == "true",
		MinimumRebuilders: int(b.Number("minimum_rebuilders")),
		EndOfSupport:      date(b.Text("end_of_support")), Size: size, Range: b.Range,
	}
	for _, s := range b.Texts("privileges") {
		if id, err := privilege.Parse(s); err == nil {
			c.Privileges = append(c.Privileges, id)
		}
	}
	for _, s := range b.All("signature") {
		c.Signatures = append(c.Signatures, CaseSignature{
			By: e.caseSigner(s, p.signing()), Listed: s.Text("listed") == "true",
			Logged: s.Text("logged") == "true", Timestamped: s.Text("timestamped") == "true",
		})
	}
	for _, s := range b.All("rebuild") {
		c.Rebuilds = append(c.Rebuilds, e.caseRebuild(p, s))
	}
	for _, it := range b.Items("unread") {
		if p.Rebuilder(it.Text) == nil {
			var known []string
			for _, r := range p.Rebuilders {
				known = append(known, r.Name)
			}
			e.Fail(it.Range, "Unknown rebuilder", "The policy has no rebuilder %s.%s", hclschema.Quote(it.Text), hclschema.Suggest(it.Text, known))
		}
		c.Unread = append(c.Unread, it.Text)
	}
	return c
}

func (e *evaluator) caseRebuild(p *Policy, b *hclschema.Block) CaseRebuild {
	who, builder := map[string]owner{}, b.Text("builder")
	for _, r := range p.Rebuilders {
		who[r.Name] = owner{r.Keys, r.Identities}
		if r.Name == b.Labels[0].Text && !b.Has("builder") {
			builder = r.Builder
		}
	}
	return CaseRebuild{
		By: e.caseSigner(b, who), Builder: builder, Outcome: b.Text("outcome"),
		Age:    time.Duration(b.Number("age")) * 24 * time.Hour,
		Logged: b.Text("logged") == "true", Timestamped: b.Text("timestamped") == "true",
		Committed: b.Text("committed"),
	}
}

// An owner has the keys and identities of a signer or rebuilder.
type owner struct {
	keys       []Key
	identities []Identity
}

func (p *Policy) signing() map[string]owner {
	who := map[string]owner{}
	for _, s := range p.Signers {
		who[s.Name] = owner{s.Keys, s.Identities}
	}
	return who
}

// caseSigner returns who the block says has signed: by the key or identity that it
// names, by the first of who its label names, or a stranger.
func (e *evaluator) caseSigner(b *hclschema.Block, known map[string]owner) CaseSigner {
	who := b.Labels[0]
	o, ok := known[who.Text]
	switch {
	case who.Text == Stranger:
		return CaseSigner{Key: Stranger}
	case !ok:
		names := append(hclschema.SortedKeys(known), Stranger)
		e.Fail(who.Range, "Unknown name", "The policy has nobody of this name for a %s; it has %s.%s", b.Name, hclschema.Choices(names), hclschema.Suggest(who.Text, names))
		return CaseSigner{}
	case b.Has("identity") || len(o.keys) == 0:
		return e.caseIdentity(b, who.Text, o.identities)
	}
	i := e.caseName(b, "key", who.Text, len(o.keys), func(i int) string { return o.keys[i].Name })
	if i < 0 {
		return CaseSigner{}
	}
	return CaseSigner{Key: o.keys[i].ID}
}

// caseIdentity returns a certificate of the identity that the block names, with
// what it has to say, but for the extensions of which the block says otherwise.
func (e *evaluator) caseIdentity(b *hclschema.Block, who string, identities []Identity) CaseSigner {
	i := e.caseName(b, "identity", who, len(identities), func(i int) string { return identities[i].Name })
	if i < 0 {
		return CaseSigner{}
	}
	id := &identities[i]
	c := &sign.Certificate{Roots: []string{id.Sigstore}, Issuer: id.Issuer, Subject: id.Subject, Extensions: map[string]string{}}
	maps.Copy(c.Extensions, id.Extensions)
	maps.Copy(c.Extensions, b.Table("extensions"))
	return CaseSigner{Certificate: c}
}

// caseName returns the index of what an attribute of the block names among the
// count things of who, the first if it isn't there, and -1 after reporting that
// there is none.
func (e *evaluator) caseName(b *hclschema.Block, attribute, who string, count int, name func(i int) string) int {
	if !b.Has(attribute) {
		return min(0, count-1)
	}
	var names []string
	for i := range count {
		names = append(names, name(i))
	}
	i := slices.Index(names, b.Text(attribute))
	if i < 0 {
		e.Fail(b.RangeOf(attribute), "Unknown "+attribute, "%s has no %s %s; it has %s.", hclschema.Quote(who), attribute, hclschema.Quote(b.Text(attribute)), cmp.Or(hclschema.Choices(names), "none"))
	}
	return i
}

// date returns the start of a day that was checked, or the zero time.
func date(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return time.Time{}
	}
	return t
}
