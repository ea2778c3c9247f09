package policy

import (
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
	"gitlab.com/tailsbuild/tailsbuild/internal/privilege"
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
	Key string // a key's ID
	// Listed is whether the trust root names it.
	Listed, Logged, Timestamped bool
}

// A CaseRebuild is a rebuilder's statement.
type CaseRebuild struct {
	Key, Builder, Outcome string
	Age                   time.Duration
	Logged, Timestamped   bool
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
			Key: e.caseKey(s, p.signerKeys()), Listed: s.Text("listed") == "true",
			Logged: s.Text("logged") == "true", Timestamped: s.Text("timestamped") == "true",
		})
	}
	for _, s := range b.All("rebuild") {
		c.Rebuilds = append(c.Rebuilds, e.caseRebuild(p, s))
	}
	for _, it := range b.Items("unread") {
		if known := slices.Sorted(maps.Keys(p.rebuilderKeys())); p.Rebuilder(it.Text) == nil {
			e.Fail(it.Range, "Unknown rebuilder", "The policy has no rebuilder %s.%s", hclschema.Quote(it.Text), hclschema.Suggest(it.Text, known))
		}
		c.Unread = append(c.Unread, it.Text)
	}
	return c
}

func (e *evaluator) caseRebuild(p *Policy, b *hclschema.Block) CaseRebuild {
	r := CaseRebuild{
		Key: e.caseKey(b, p.rebuilderKeys()), Builder: b.Text("builder"), Outcome: b.Text("outcome"),
		Age:    time.Duration(b.Number("age")) * 24 * time.Hour,
		Logged: b.Text("logged") == "true", Timestamped: b.Text("timestamped") == "true",
	}
	if rebuilder := p.RebuilderOf(r.Key); rebuilder != nil && !b.Has("builder") {
		r.Builder = rebuilder.Builder
	}
	return r
}

// caseKey returns the ID of the key that the block names: that of its key
// attribute, the first of who its label names, or a stranger's.
func (e *evaluator) caseKey(b *hclschema.Block, known map[string][]Key) string {
	who := b.Labels[0]
	keys, ok := known[who.Text]
	switch {
	case who.Text == Stranger:
		return Stranger
	case !ok:
		names := append(hclschema.SortedKeys(known), Stranger)
		e.Fail(who.Range, "Unknown name", "The policy has nobody of this name for a %s; it has %s.%s", b.Name, hclschema.Choices(names), hclschema.Suggest(who.Text, names))
		return ""
	case !b.Has("key"):
		return keys[0].ID
	}
	name := b.Text("key")
	i := slices.IndexFunc(keys, func(k Key) bool { return k.Name == name })
	if i < 0 {
		var names []string
		for _, k := range keys {
			names = append(names, k.Name)
		}
		e.Fail(b.RangeOf("key"), "Unknown key", "%s has no key %s; it has %s.", hclschema.Quote(who.Text), hclschema.Quote(name), hclschema.Choices(names))
		return ""
	}
	return keys[i].ID
}

func (p *Policy) signerKeys() map[string][]Key {
	known := map[string][]Key{}
	for _, s := range p.Signers {
		known[s.Name] = s.Keys
	}
	return known
}

func (p *Policy) rebuilderKeys() map[string][]Key {
	known := map[string][]Key{}
	for _, r := range p.Rebuilders {
		known[r.Name] = r.Keys
	}
	return known
}

// date returns the start of a day that was checked, or the zero time.
func date(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return time.Time{}
	}
	return t
}
