package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
)

var (
	salt         = Salt{1, 2, 3}
	inputsDigest = digest.FromString("sealed inputs")
)

func committed(t testing.TB) *Commitment {
	t.Helper()
	b := build(t)
	c := &Commitment{
		Recipe: "mqtt", Inputs: inputsDigest, Builder: rebuilder, Versions: map[string]string{"buildkit": "v0.34.2", "tailsbuild": "0.1.0"},
		At: time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC), Plan: b.Parameters.Plan, Lock: b.Parameters.Lock,
	}
	c.Digest = c.To(imageDigest, salt)
	return c
}

// revealed is [reproduced] by somebody who has committed to it. What the bundle has is
// for others to verify.
func revealed(t testing.TB) *Summary {
	t.Helper()
	s := reproduced(t)
	s.Reveal = &Reveal{Salt: salt, Bundle: []byte("a bundle")}
	return s
}

func TestCommitment(t *testing.T) {
	want := committed(t)
	raw, err := want.Statement()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "commitment.json", raw)
	got, err := ParseCommitment(raw)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	if strings.Contains(string(raw), imageDigest.Encoded()) {
		t.Errorf("it shows the image: %s", raw)
	}
	edits := map[string][2]string{
		"unknown field":        {`"predicate":{`, `"predicate":{"more":1,`},
		"no commitment":        {`,"commitment":"` + string(want.Digest) + `"`, ``},
		"sha512":               {`"commitment":"sha256:`, `"commitment":"sha512:`},
		"no lock":              {`"lock":"` + string(want.Lock) + `",`, ``},
		"short plan":           {`"plan":"sha256:`, `"plan":"sha256:0`},
		"our own builder":      {`"id":"` + rebuilder, `"id":"` + BuilderPrefix + "a"},
		"no time":              {`"committedOn":"2026-11-21T08:00:00Z",`, ``},
		"time with a zone":     {`08:00:00Z`, `08:00:00+01:00`},
		"another type":         {"#commitment-v1", "#commitment-v2"},
		"no name":              {`"name":"mqtt",`, ``},
		"two subjects":         {`"subject":[`, `"subject":[{},`},
		"a field twice":        {`"lock":`, `"lock":"x","lock":`},
		"a field in uppercase": {`"lock":`, `"Lock":`},
	}
	refusals(t, raw, func(b []byte) error { _, err := ParseCommitment(b); return err }, edits)
}

// TestCommitmentTo: a commitment is to one image of one builder's, by one salt, and
// what it is made of is what docs/audit.md says.
func TestCommitmentTo(t *testing.T) {
	c := committed(t)
	lines := []string{"tailsbuild commitment v1", salt.String(), rebuilder, string(inputsDigest), string(imageDigest), ""}
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	if got := "sha256:" + hex.EncodeToString(sum[:]); got != string(c.Digest) {
		t.Errorf("got %s, want %s", c.Digest, got)
	}
	copied, elsewhere := *c, *c
	copied.Builder, elsewhere.Inputs = "https://other.example/v1", digest.FromString("others")
	for name, other := range map[string]digest.Digest{
		"another image":   c.To(digest.FromString("another"), salt),
		"another salt":    c.To(imageDigest, Salt{1, 2, 4}),
		"another builder": copied.To(imageDigest, salt),
		"other inputs":    elsewhere.To(imageDigest, salt),
	} {
		if other == c.Digest {
			t.Errorf("%s: the same commitment", name)
		}
	}
}

func TestSalt(t *testing.T) {
	var s Salt
	if err := s.UnmarshalText([]byte(salt.String())); err != nil || s != salt {
		t.Errorf("%s, %v", s, err)
	}
	good := salt.String()
	for _, bad := range []string{"", good[2:], good + "00", "x" + good[1:], "AB" + good[2:]} {
		if err := s.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

func TestReveal(t *testing.T) {
	want := revealed(t)
	raw, err := want.Statement()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "summary-revealed.json", raw)
	got, err := ParseSummary(raw)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	isVSA(t, raw)
	refusals(t, raw, func(b []byte) error { _, err := ParseSummary(b); return err }, map[string][2]string{
		"no salt":          {`"salt":"` + salt.String() + `",`, ``},
		"short salt":       {salt.String(), salt.String()[2:]},
		"upper-case salt":  {salt.String(), "AB" + salt.String()[2:]},
		"no bundle":        {`,"bundle":"YSBidW5kbGU="`, ``},
		"empty bundle":     {`"YSBidW5kbGU="`, `""`},
		"bundle in lines":  {`"YSBidW5kbGU="`, `"YSBi\ndW5kbGU="`},
		"large bundle":     {`"YSBidW5kbGU="`, `"` + strings.Repeat("YSBi", maxReveal/3+1) + `"`},
		"unknown field":    {`"salt"`, `"more":1,"salt"`},
		"nothing revealed": {`{"salt":"` + salt.String() + `","bundle":"YSBidW5kbGU="}`, `null`},
	})
	// Who got something else, or takes it back, has nothing to reveal.
	for _, s := range []*Summary{different(t), failedWith(t, Withdrawn, "x")} {
		s.Reveal = want.Reveal
		if raw, err := s.Statement(); err == nil {
			t.Errorf("%s", raw)
		}
	}
}
