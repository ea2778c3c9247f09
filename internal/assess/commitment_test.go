package assess_test

import (
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/rebuild"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
	"gitlab.com/tailsbuild/tailsbuild/internal/verdict"
)

var salt = evidence.Salt{9}

// A commits is what a rebuilder says before there is an image, and how that differs
// from what it should be.
type commits struct {
	who    int
	at     time.Duration // since now, a second before the release's builds are finished
	salt   evidence.Salt // [salt] if it is zero
	change func(*evidence.Commitment)
}

// reveal returns what shows it, in the outcome for m.
func (c commits) reveal(t testing.TB, m made) *evidence.Reveal {
	t.Helper()
	st := &evidence.Commitment{
		Recipe: "mqtt", Inputs: digest.FromString("sealed inputs"), Builder: "https://" + names[c.who] + ".example/v1",
		At: now.Add(c.at), Plan: digest.FromString("plan"), Lock: digest.FromString("lock"),
	}
	st.Digest = st.To(m.image.Digest, salt)
	if c.change != nil {
		c.change(st)
	}
	body := must[[]byte](t)(st.Statement())
	r := &evidence.Reveal{Salt: salt, Bundle: must[[]byte](t)(rebuilderKey(t, c.who).SignRebuild(ctx, body))}
	if c.salt != (evidence.Salt{}) {
		r.Salt = c.salt
	}
	return r
}

// TestCommitted: with committed, only who has built the image before it was known
// counts, and of whoever hasn't it is said why.
func TestCommitted(t *testing.T) {
	m := makeRelease(t, "1.0", key(t, 0), none)
	mine := func(c commits) func(*evidence.Rebuild, *evidence.Summary) {
		return func(_ *evidence.Rebuild, s *evidence.Summary) { s.Reveal = c.reveal(t, m) }
	}
	edited := func(change func(*evidence.Commitment)) func(*evidence.Rebuild, *evidence.Summary) {
		return mine(commits{who: two, change: change})
	}
	for name, test := range map[string]struct {
		two  said
		warn string // "" when it counts
	}{
		"before":            {said{change: mine(commits{who: two})}, ""},
		"long before":       {said{change: mine(commits{who: two, at: -1000 * time.Hour})}, ""},
		"never":             {said{}, "it was not committed to before the image was signed"},
		"when it was built": {said{change: mine(commits{who: two, at: time.Second})}, "it was committed to at 2026-11-22T12:00:01Z, and the image built at 2026-11-22T12:00:01Z"},
		"when it was there": {said{change: mine(commits{who: two, at: time.Hour})}, "it was committed to at 2026-11-22T13:00:00Z"},
		"another salt":      {said{change: mine(commits{who: two, salt: evidence.Salt{8}})}, "to another image, or by another salt"},
		"another's":         {said{change: mine(commits{who: one})}, "it is by somebody else"},
		"another's, signed": {said{change: edited(func(c *evidence.Commitment) { c.Builder = "https://one.example/v1" })}, "of another builder, https://one.example/v1"},
		"another's hash":    {said{change: edited(copied(t, m))}, "to another image, or by another salt"},
		"to another image":  {said{change: edited(func(c *evidence.Commitment) { c.Digest = c.To(digest.FromString("x"), salt) })}, "to another image, or by another salt"},
		"to another plan":   {said{change: edited(func(c *evidence.Commitment) { c.Plan = digest.FromString("x") })}, "another plan or lock"},
		"to another lock":   {said{change: edited(func(c *evidence.Commitment) { c.Lock = digest.FromString("x") })}, "another plan or lock"},
		"to another recipe": {said{change: edited(func(c *evidence.Commitment) { c.Recipe = "sftp" })}, "another plan or lock"},
		"no bundle": {said{change: func(_ *evidence.Rebuild, s *evidence.Summary) {
			s.Reveal = &evidence.Reveal{Salt: salt, Bundle: []byte("{}")}
		}}, "its commitment doesn't count"},
		"a bundle of no such":  {said{change: func(_ *evidence.Rebuild, s *evidence.Summary) { s.Reveal = ownSummary(t, m) }}, "it is no commitment"},
		"without a provenance": {said{change: mine(commits{who: two}), without: true}, "the provenance that it names is not there"},
	} {
		t.Run(name, func(t *testing.T) {
			test.two.who = two
			all := said{who: one, change: mine(commits{who: one})}.statements(t, m)
			all = append(all, test.two.statements(t, m)...)
			both := attachAll(t, m, all...)
			w := newWorld(t, rebuildPolicy(t, 2, "committed = true"))
			if test.warn == "" {
				w.want(both, "mqtt", verdict.Trusted, verdict.Rebuilt)
				return
			}
			s := w.want(both, "mqtt", verdict.Refused, verdict.TooFewRebuilds)
			if len(s.Verdict.Warnings) == 0 || !strings.Contains(s.Verdict.Warnings[0].Text, test.warn) {
				t.Errorf("%+v, want %q", s.Verdict.Warnings, test.warn)
			}
			// Who doesn't ask for it has two who agree, when there is nothing else.
			if !test.two.without {
				newWorld(t, rebuildPolicy(t, 2, "")).want(both, "mqtt", verdict.Trusted, verdict.Rebuilt)
			}
		})
	}
}

// copied returns the commitment of somebody who has no image and takes the hash of
// another rebuilder's.
func copied(t testing.TB, m made) func(*evidence.Commitment) {
	return func(c *evidence.Commitment) {
		other := *c
		other.Builder = "https://one.example/v1"
		c.Digest = other.To(m.image.Digest, salt)
	}
}

// ownSummary is a bundle of two's that commits to nothing.
func ownSummary(t testing.TB, m made) *evidence.Reveal {
	t.Helper()
	all := said{who: two}.statements(t, m)
	return &evidence.Reveal{Salt: salt, Bundle: all[len(all)-1].Bundle}
}

// TestCommittedByRoot: where nobody's builds are known, the image is as old as the
// trust root says; and when nobody says, nothing counts.
func TestCommittedByRoot(t *testing.T) {
	m := makeRelease(t, "1.0", key(t, 0), none)
	for at, want := range map[time.Duration]verdict.Kind{-time.Second: verdict.Trusted, 0: verdict.Refused} {
		var all []rebuild.Statement
		for _, who := range []int{one, two} {
			all = append(all, said{who: who, change: func(_ *evidence.Rebuild, s *evidence.Summary) {
				s.Reveal = commits{who: who, at: at}.reveal(t, m)
			}}.statements(t, m)...)
		}
		both := attachAll(t, m, all...)
		p := strings.Replace(rebuildPolicy(t, 2, "committed = true"), `signers = ["me"]`, `trust_root = "tails"`, 1)
		p = strings.Replace(p, `signer "me"`, `signer "nobody"`, 1)
		p = strings.Replace(p, string(key(t, 0).Public().PEM()), string(key(t, 1).Public().PEM()), 1)
		w := newWorld(t, rootPolicy+p)
		w.list(both, 1, func(target *trust.Target) { target.Released = now })
		s := w.assess(both.dir, "mqtt:1.0-r0")
		if s.Verdict.Kind != want || !s.Facts.Built.Equal(now) {
			t.Errorf("%s: %+v, built %s", at, s.Verdict, s.Facts.Built)
		}
	}
}
