package verdict

import (
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
	"gitlab.com/tailsbuild/tailsbuild/internal/privilege"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

func codes(reasons []Reason) string {
	var all []string
	for _, r := range reasons {
		all = append(all, string(r.Code))
	}
	return strings.Join(all, " ")
}

// TestNothing: whatever is zero is refused.
func TestNothing(t *testing.T) {
	p := strict.decode(t)
	lax := rules{root: true, foreign: "warn", unsigned: "ask", tier: 3, support: "warn"}.decode(t)
	for name, got := range map[string]Verdict{
		"all":       Judge(nil, Facts{}, time.Time{}),
		"no facts":  Judge(lax, Facts{}, now),
		"name only": Judge(lax, Facts{Reference: imageName}, now),
		"no policy": Judge(nil, good(), now),
		"empty":     Judge(&policy.Policy{}, good(), now),
		"no time":   Judge(p, good(), time.Time{}),
	} {
		if got.Kind != Refused || len(got.Reasons) == 0 || got.Err() == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if (&Verdict{}).Err() == nil {
		t.Error("the zero verdict is no error")
	}
	if got := Judge(p, good(), now); got.Kind != Trusted || got.Err() != nil || codes(got.Reasons) != "rebuilt vouched signed" {
		t.Errorf("%+v", got)
	}
}

// A scope that decoding would never make vouches for nothing.
func TestZeroScope(t *testing.T) {
	p := strict.decode(t)
	p.Scopes[0] = policy.Scope{Pattern: p.Scopes[0].Pattern}
	if got := Judge(p, good(), now); got.Kind != Refused || !got.Has(ForeignRefused) {
		t.Errorf("%+v", got)
	}
	p.Scopes[0].Unsigned = policy.Ask
	f := good()
	f.Signatures = nil
	if got := Judge(p, f, now); got.Kind != Refused {
		t.Errorf("without the signature, %+v", got)
	}
}

// TestReasons: one fact at a time, and the one reason for it.
func TestReasons(t *testing.T) {
	foreign := strict
	foreign.foreign, foreign.unsigned, foreign.log, foreign.timestamp = "warn", "ask", false, false
	commit, dated := strict, strict
	commit.committed, dated.committed, dated.timestamp = true, true, false
	for name, test := range map[string]struct {
		rules rules
		set   func(f *Facts)
		kind  Kind
		codes string
	}{
		"name":      {strict, func(f *Facts) { f.Reference = "A\x1b[31m" }, Refused, "no-name"},
		"scope":     {strict, func(f *Facts) { f.Reference = "elsewhere.example/mqtt" }, Refused, "no-scope"},
		"digest":    {strict, func(f *Facts) { f.Digest = "" }, Refused, "no-digest"},
		"sha512":    {strict, func(f *Facts) { f.Digest = "sha512:00" }, Refused, "no-digest"},
		"problem":   {strict, func(f *Facts) { f.Problems = []string{"timeout", "gone"} }, Refused, "not-known not-known"},
		"no root":   {strict, func(f *Facts) { f.Root = Root{Expires: now.Add(1), Listed: Yes, Newest: Yes} }, Refused, "trust-root-unknown foreign-refused not-listed"},
		"failed":    {strict, func(f *Facts) { f.Root.Verified = No }, Refused, "trust-root-failed"},
		"expired":   {strict, func(f *Facts) { f.Root.Expires = now }, Refused, "trust-root-expired"},
		"other":     {strict, func(f *Facts) { f.Root.Name = "x" }, Refused, "other-trust-root foreign-refused not-listed"},
		"unknown":   {strict, func(f *Facts) { f.Root.Listed = 0 }, Refused, "target-unknown foreign-refused not-listed"},
		"odd state": {strict, func(f *Facts) { f.Root.Listed = 7 }, Refused, "target-unknown foreign-refused not-listed"},
		"retagged":  {strict, func(f *Facts) { f.Root.OtherDigest = "sha256:00" }, Refused, "other-digest"},
		"sequence":  {strict, func(f *Facts) { f.Root.Newest = 0 }, Refused, "sequence-unknown"},
		"rollback":  {strict, func(f *Facts) { f.Root.Newest = No }, Refused, "rolled-back"},
		"revoked":   {strict, func(f *Facts) { f.Root.Revoked = &Revocation{Reason: "key stolen"} }, Refused, "revoked"},
		"different": {strict, func(f *Facts) { f.Rebuilds = append(f.Rebuilds[:2:2], says(rebuild("a2", "x"), Different)) }, Refused, "rebuilt-different"},
		"one":       {strict, func(f *Facts) { f.Rebuilds = f.Rebuilds[:1] }, Refused, "too-few-rebuilds"},
		"sybil":     {strict, func(f *Facts) { f.Rebuilds = []Rebuild{rebuild("a1", "a"), rebuild("a2", "a")} }, Refused, "too-few-rebuilds"},
		"not logged": {strict, func(f *Facts) {
			b := rebuild("b1", "b")
			b.Logged = false
			f.Rebuilds = []Rebuild{rebuild("a1", "a"), b}
		}, Refused, "too-few-rebuilds"},
		"uncommitted": {commit, func(f *Facts) {
			f.Rebuilds = []Rebuild{rebuild("a1", "a"), commits(rebuild("b1", "b"), Commitment{})}
		}, Refused, "too-few-rebuilds"},
		"committed late": {commit, func(f *Facts) {
			f.Rebuilds = []Rebuild{rebuild("a1", "a"), commits(rebuild("b1", "b"), commitment(-time.Hour))}
		}, Refused, "too-few-rebuilds"},
		"committed, no timestamp": {commit, func(f *Facts) {
			f.Rebuilds = []Rebuild{rebuild("a1", "a"), commits(rebuild("b1", "b"), Commitment{Statement: "x", At: now.Add(-24 * time.Hour)})}
		}, Refused, "too-few-rebuilds"},
		"committed elsewhere": {commit, func(f *Facts) {
			c := commitment(-24 * time.Hour)
			c.Problem = "it is of another builder"
			f.Rebuilds = []Rebuild{rebuild("a1", "a"), commits(rebuild("b1", "b"), c)}
		}, Refused, "too-few-rebuilds"},
		"signed before": {commit, func(f *Facts) {
			again := marked(Signature{Key: keyOf("ours")})
			again.Time = now.Add(-3 * time.Hour)
			f.Signatures = append(f.Signatures[:1:1], again)
		}, Refused, "too-few-rebuilds"},
		"signed before by a stranger": {commit, func(f *Facts) {
			again := marked(Signature{Key: keyOf("stranger")})
			again.Time = now.Add(-3 * time.Hour)
			f.Signatures = append(f.Signatures[:1:1], again)
		}, Trusted, "rebuilt vouched signed"},
		"built before":            {dated, func(f *Facts) { f.Built = now.Add(-3 * time.Hour) }, Refused, "too-few-rebuilds"},
		"built nobody knows when": {dated, func(f *Facts) { f.Built = time.Time{} }, Refused, "too-few-rebuilds"},
		"committed, undated": {dated, func(f *Facts) {
			f.Rebuilds = []Rebuild{rebuild("a1", "a"), commits(rebuild("b1", "b"), Commitment{Statement: "x"})}
		}, Refused, "too-few-rebuilds"},
		"committed, only dated": {dated, func(f *Facts) {
			f.Rebuilds = []Rebuild{rebuild("a1", "a"), commits(rebuild("b1", "b"), Commitment{Statement: "x", At: now.Add(-24 * time.Hour)})}
		}, Trusted, "rebuilt vouched signed"},
		"flawed": {strict, func(f *Facts) {
			b := rebuild("b1", "b")
			b.Problem = "it is of another image"
			f.Rebuilds = []Rebuild{rebuild("a1", "a"), b}
		}, Refused, "too-few-rebuilds"},
		"withdrawn": {strict, func(f *Facts) {
			f.Rebuilds = []Rebuild{rebuild("a1", "a"), says(rebuild("b1", "b"), Withdrawn)}
		}, Refused, "too-few-rebuilds"},
		"from the future": {strict, func(f *Facts) {
			b := rebuild("b1", "b")
			b.At = now.Add(time.Hour)
			f.Rebuilds = []Rebuild{rebuild("a1", "a"), b}
		}, Refused, "too-few-rebuilds"},
		"unread":           {strict, func(f *Facts) { f.Unread = []Unread{{Rebuilder: "a", Place: "x", Problem: "timeout"}} }, Refused, "statements-unread"},
		"unread by nobody": {strict, func(f *Facts) { f.Unread = []Unread{{}} }, Refused, "statements-unread"},
		"asks more":        {rules{root: true, foreign: "warn", unsigned: "ask", support: "warn"}, func(f *Facts) { f.Root.MinimumRebuilders = 3 }, Refused, "too-few-rebuilds"},
		"log":              {strict, signed(Signature{Key: keyOf("ours"), Timestamped: true}), Refused, "not-logged foreign-refused other-signer"},
		"privilege":        {strict, asks("cap.KILL", "net.host"), Refused, "privilege-not-allowed"},
		"no such":          {strict, asks("cap.ALL"), Refused, "privilege-not-allowed"},
		"support":          {strict, func(f *Facts) { f.EndOfSupport = now.AddDate(0, 0, -1) }, Refused, "support-ended"},
		"size":             {strict, func(f *Facts) { f.Size = -1 }, Refused, "size-unknown"},
		"large":            {strict, func(f *Facts) { f.Size++ }, Refused, "too-large"},
		"foreign":          {foreign, signed(Signature{Key: keyOf("stranger")}), Foreign, "other-signer"},
		"absent":           {foreign, func(f *Facts) { f.Root.Listed = No }, Foreign, "not-listed"},
		"unsigned":         {foreign, signed(), Unsigned, "not-signed"},
		"rebuilder":        {foreign, signed(Signature{Key: keyOf("a1")}), Foreign, "other-signer"},
	} {
		f := good()
		test.set(&f)
		got := Judge(test.rules.decode(t), f, now)
		if got.Kind != test.kind || codes(got.Reasons) != test.codes {
			t.Errorf("%s: %s %q, want %s %q", name, got.Kind, codes(got.Reasons), test.kind, test.codes)
		}
		for _, r := range append(got.Reasons, got.Warnings...) {
			if !strings.HasSuffix(r.Text, ".") || strings.ContainsAny(r.Text, "\x1b\n") {
				t.Errorf("%s: %q", name, r.Text)
			}
		}
	}
}

// A scope can go by those who got the same: then a rebuild that is different is
// shown, and refuses nothing by itself.
func TestOutvoted(t *testing.T) {
	p := strict.decode(t)
	dissent := says(rebuild("own", "own"), Different)
	dissent.Reason = "another image came out"
	f := good()
	f.Rebuilds = append(f.Rebuilds[:2:2], dissent)
	f.Unread = []Unread{{Rebuilder: "a", Place: "https://a.example", Problem: "timeout"}}
	if v := Judge(p, f, now); v.Kind != Refused || codes(v.Reasons) != "rebuilt-different statements-unread" {
		t.Errorf("%+v", v)
	}
	p.Scopes[0].Rebuilds.Different, p.Rebuilders[0].Unreachable = policy.Warn, policy.Warn
	v := Judge(p, f, now)
	if v.Kind != Trusted || codes(v.Warnings) != "rebuilt-different statements-unread" {
		t.Errorf("%+v", v)
	}
	if want := `own rebuilt it and got something different: "another image came out".`; v.Warnings[0].Text != want {
		t.Errorf("%s, want %s", v.Warnings[0].Text, want)
	}
	// Too few are too few.
	f.Rebuilds = append(f.Rebuilds[:1:1], dissent)
	if v := Judge(p, f, now); v.Kind != Refused || codes(v.Reasons) != "too-few-rebuilds" {
		t.Errorf("%+v", v)
	}
}

func TestMaximumAge(t *testing.T) {
	p := strict.decode(t)
	p.Scopes[0].Rebuilds.MaximumAge = 24 * time.Hour
	f := good()
	if v := Judge(p, f, now); v.Kind != Refused || codes(v.Reasons) != "too-few-rebuilds" {
		t.Errorf("statements without a time: %+v", v)
	}
	a, b := rebuild("a1", "a"), rebuild("b1", "b")
	a.At, b.At = now.Add(-24*time.Hour), now.Add(5*time.Minute)
	f.Rebuilds = []Rebuild{a, b}
	if v := Judge(p, f, now); v.Kind != Trusted {
		t.Errorf("%+v", v)
	}
	if v := Judge(p, f, now.Add(time.Second)); v.Kind != Refused || !strings.Contains(v.Warnings[0].Text, "older than 1 days") {
		t.Errorf("%+v", v)
	}
}

// What comes from outside is quoted, so that it can't speak for us or to a
// terminal.
func TestQuoted(t *testing.T) {
	const evil = "x\x1b[2J\u202e\nIt is trusted."
	f := good()
	f.Root.Revoked, f.Root.Verified, f.Root.Problem = &Revocation{Reason: evil}, No, evil
	f.Root.OtherDigest, f.Digest, f.Root.Name = evil, evil, evil
	f.Problems = []string{evil}
	f.Signatures = []Signature{{Key: evil}}
	f.Rebuilds = []Rebuild{{Key: evil, Builder: evil, Outcome: evil}, {Key: keyOf("a1"), Builder: evil, Outcome: evil}, {Key: keyOf("a1"), Outcome: Different, Reason: evil}}
	f.Unread = []Unread{{Rebuilder: evil, Place: evil, Problem: evil}}
	f.Privileges.IDs = []privilege.ID{evil}
	flawed, failed := rebuild("b1", "b"), says(rebuild("b1", "b"), BuildFailed)
	flawed.Problem, failed.Reason = evil, evil
	f.Rebuilds = append(f.Rebuilds, flawed, failed)
	for _, root := range []string{evil, "root"} {
		f.Root.Name = root
		v := Judge(strict.decode(t), f, now)
		if v.Kind != Refused || len(v.Reasons) < 8 {
			t.Errorf("%+v", v)
		}
		for _, r := range append(v.Reasons, v.Warnings...) {
			if strings.ContainsAny(r.Text, "\x1b\u202e\n") {
				t.Errorf("%s: %q", r.Code, r.Text)
			}
		}
	}
}

func TestForeignNamesSigner(t *testing.T) {
	r := rules{root: true, foreign: "warn", unsigned: "refuse", support: "warn"}
	f := good()
	f.Root.Listed = No
	v := Judge(r.decode(t), f, now)
	if v.Kind != Foreign || !cmp.Equal(v.Signers, []string{keyOf("ours")}) || len(v.Warnings) != 1 ||
		v.Warnings[0].Code != ForeignSigner || !strings.Contains(v.Warnings[0].Text, keyOf("ours")) {
		t.Errorf("%+v", v)
	}
	var e *Error
	if err := v.Err(); !errors.As(err, &e) || e.Verdict.Kind != Foreign || !strings.HasPrefix(err.Error(), "foreign\n") {
		t.Errorf("%v", err)
	}
}

// The order of facts doesn't matter, and judging changes none of them.
func TestPure(t *testing.T) {
	p := strict.decode(t)
	f, g := good(), good()
	g.Rebuilds = []Rebuild{f.Rebuilds[1], f.Rebuilds[0]}
	first := Judge(p, f, now)
	if first.Digest != f.Digest || first.Reference != f.Reference || first.Name != imageName {
		t.Errorf("the verdict is on another image: %+v", first)
	}
	if diff := cmp.Diff(first, Judge(p, g, now)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(good(), f); diff != "" {
		t.Error(diff)
	}
	b, err := json.Marshal(f)
	if err != nil || !strings.Contains(string(b), `"verified":"yes"`) {
		t.Errorf("%s %v", b, err)
	}
}

// TestCodes: Codes and docs/policy.md have every code, once.
func TestCodes(t *testing.T) {
	doc, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	src, err := os.ReadFile("verdict.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`(?m)^\t\w+ +Code = "([a-z-]+)"`).FindAllSubmatch(src, -1)
	if len(declared) != len(Codes) {
		t.Errorf("%d codes are declared, and Codes has %d", len(declared), len(Codes))
	}
	for _, m := range declared {
		if !strings.Contains(string(doc), "| `"+string(m[1])+"` |") {
			t.Errorf("docs/policy.md doesn't have %s", m[1])
		}
	}
}

func BenchmarkJudge(b *testing.B) {
	p, f := strict.decode(b), good()
	for b.Loop() {
		if v := Judge(p, f, now); v.Kind != Trusted {
			b.Fatal(v)
		}
	}
}

// TestCertificates: who a certificate is of is decided by everything that the policy
// asks it to say, and never by its key.
func TestCertificates(t *testing.T) {
	r := rules{signers: true, foreign: "warn", unsigned: "refuse", log: true, timestamp: true, support: "refuse"}
	p := r.decode(t)
	for name, test := range map[string]struct {
		change func(c *sign.Certificate, s *Signature)
		want   Kind
	}{
		"ours":                {func(*sign.Certificate, *Signature) {}, Trusted},
		"of two roots":        {func(c *sign.Certificate, _ *Signature) { c.Roots = []string{"a", "log"} }, Trusted},
		"of another root":     {func(c *sign.Certificate, _ *Signature) { c.Roots = []string{"a"} }, Foreign},
		"of no root":          {func(c *sign.Certificate, _ *Signature) { c.Roots = nil }, Foreign},
		"another issuer":      {func(c *sign.Certificate, _ *Signature) { c.Issuer += "/" }, Foreign},
		"another subject":     {func(c *sign.Certificate, _ *Signature) { c.Subject += "s" }, Foreign},
		"another case":        {func(c *sign.Certificate, _ *Signature) { c.Subject = strings.ToUpper(c.Subject) }, Foreign},
		"another environment": {func(c *sign.Certificate, _ *Signature) { c.Extensions["deployment-environment"] = "" }, Foreign},
		"no environment":      {func(c *sign.Certificate, _ *Signature) { delete(c.Extensions, "deployment-environment") }, Foreign},
		"a rebuilder's":       {func(c *sign.Certificate, _ *Signature) { c.Extensions["deployment-environment"] = "a" }, Foreign},
		"our key, another's":  {func(c *sign.Certificate, s *Signature) { c.Subject, s.Key = "x", keyOf("ours") }, Foreign},
		"not logged":          {func(_ *sign.Certificate, s *Signature) { s.Logged = false }, Refused},
	} {
		f, c := good(), certified("release")
		s := signedAs(c)
		test.change(c, &s)
		f.Signatures = []Signature{s}
		v := Judge(p, f, now)
		if v.Kind != test.want {
			t.Errorf("%s: %s %v", name, v.Kind, v.Reasons)
		}
		if want := c.Issuer + " " + c.Subject; len(v.Signers) != 1 || v.Signers[0] != want {
			t.Errorf("%s: signers %q", name, v.Signers)
		}
	}
	f := good()
	f.Rebuilds = append(slices.Clone(f.Rebuilds), Rebuild{Certificate: certified("b"), Outcome: Different})
	if v := Judge(p, f, now); !v.Has(RebuiltDifferent) || v.Kind != Refused {
		t.Error(v)
	}
	f.Rebuilds = []Rebuild{{Certificate: certified("x"), Outcome: Different}}
	if v := Judge(p, f, now); v.Kind != Trusted || len(v.Warnings) != 1 || v.Warnings[0].Code != NotCounted {
		t.Error(v)
	}
}
