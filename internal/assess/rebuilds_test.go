package assess_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/assess"
	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/rebuild"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
	"gitlab.com/tailsbuild/tailsbuild/internal/verdict"
)

// The keys of the rebuilders; key 0 signs releases.
var rebuilderKeys [4]*sign.Key

func rebuilderKey(t testing.TB, n int) *sign.Key {
	t.Helper()
	if rebuilderKeys[n] == nil {
		private, _, err := sign.GenerateKey(nil)
		check(t, err)
		rebuilderKeys[n] = must[*sign.Key](t)(sign.OpenKey(private, nil))
	}
	return rebuilderKeys[n]
}

const (
	one = iota
	two
	three
	oneAgain // one's second key
)

var names = []string{"one", "two", "three", "one"}

// rebuildPolicy asks for n rebuilds of three organisations'. The places are those of
// the statements of one and two, and more goes into the block that says how many.
func rebuildPolicy(t testing.TB, n int, more string, places ...string) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "signer \"me\" {\n organisation = \"me\"\n key \"k\" {\n public = <<-EOT\n%sEOT\n}\n}\n", key(t, 0).Public().PEM())
	for i, name := range names[:3] {
		fmt.Fprintf(&b, "rebuilder %q {\n organisation = %q\n builder = \"https://%s.example/v1\"\n", name, name, name)
		if i < len(places) && places[i] != "" {
			fmt.Fprintf(&b, " statements = [%s]\n", places[i])
		}
		fmt.Fprintf(&b, " key \"a\" {\n public = <<-EOT\n%sEOT\n}\n", rebuilderKey(t, i).Public().PEM())
		if i == one {
			fmt.Fprintf(&b, " key \"b\" {\n public = <<-EOT\n%sEOT\n}\n", rebuilderKey(t, oneAgain).Public().PEM())
		}
		b.WriteString("}\n")
	}
	fmt.Fprintf(&b, "scope \"**\" {\n signers = [\"me\"]\n foreign = \"warn\"\n rebuilders {\n minimum = %d\n%s\n }\n", n, more)
	return b.String() + rules[1:]
}

// A said is what one rebuilder says, and how it differs from what it should.
type said struct {
	who     int
	outcome evidence.Outcome // Reproduced if it is ""
	at      time.Duration    // since now
	builder string
	change  func(*evidence.Rebuild, *evidence.Summary)
	without bool // no provenance
}

// statements returns the provenance and the summary of a rebuild of m, signed.
func (s said) statements(t testing.TB, m made) []rebuild.Statement {
	t.Helper()
	k := rebuilderKey(t, s.who)
	v := must[*release.Verification](t)(release.Verify(ctx, m.dir, key(t, 0).Public()))
	builder := "https://" + names[s.who] + ".example/v1"
	if s.builder != "" {
		builder = s.builder
	}
	r := &evidence.Rebuild{Published: m.image.Digest, Build: evidence.Build{
		Image: m.image.Digest, Parameters: v.Parameters, Output: v.Output, Dependencies: v.Dependencies,
		Run: evidence.Run{Builder: builder, Invocation: strings.Repeat("0c", 16), Started: now, Finished: now},
	}}
	sum := &evidence.Summary{
		Builder: builder, At: now.Add(s.at), Outcome: evidence.Reproduced, Rebuilt: m.image.Digest,
		Resource: must[evidence.Resource](t)(evidence.NewResource(v.Name, m.image.Digest)),
	}
	if s.outcome != "" && s.outcome != evidence.Reproduced {
		sum.Outcome, sum.Reason, sum.Rebuilt = s.outcome, "as the test says", ""
	}
	if s.change != nil {
		s.change(r, sum)
	}
	var all []rebuild.Statement
	add := func(predicateType string, body []byte, err error) []byte {
		check(t, err)
		bundle := must[[]byte](t)(k.SignRebuild(ctx, body))
		all = append(all, rebuild.Statement{
			PredicateType: predicateType, Body: body, Bundle: bundle,
			Attachment: release.Attachment{Subject: m.image, PredicateType: predicateType, Body: bundle, Signed: true, Key: k.Public(), Created: now},
		})
		return body
	}
	if sum.Rebuilt != "" {
		body, err := r.Statement()
		sum.Provenance = digest.FromBytes(add(evidence.ProvenanceType, body, err))
	}
	body, err := sum.Statement()
	add(evidence.SummaryType, body, err)
	if s.without {
		return all[len(all)-1:]
	}
	return all
}

// attachAll returns a copy of the release with statements beside the image.
func attachAll(t testing.TB, m made, all ...rebuild.Statement) made {
	t.Helper()
	l := must[*oci.Layout](t)(oci.OpenLayout(m.dir))
	defer l.Close()
	m.dir = filepath.Join(t.TempDir(), "copy")
	w := must[*oci.Writer](t)(oci.Create(m.dir))
	index := must[[]ocispec.Descriptor](t)(l.Images())
	for _, desc := range index {
		manifest, raw, err := l.ReadManifest(desc)
		check(t, err)
		for _, d := range append([]ocispec.Descriptor{manifest.Config}, manifest.Layers...) {
			must[ocispec.Descriptor](t)(w.AddBytes(d.MediaType, must[[]byte](t)(l.ReadBlob(d, 1<<20))))
		}
		must[ocispec.Descriptor](t)(w.AddBytes(desc.MediaType, raw))
	}
	for _, st := range all {
		desc, blobs, err := st.Attachment.Manifest()
		check(t, err)
		for _, b := range blobs {
			must[ocispec.Descriptor](t)(w.AddBytes(b.MediaType, b.Data))
		}
		if !slices.ContainsFunc(index, func(d ocispec.Descriptor) bool { return d.Digest == desc.Digest }) {
			index = append(index, desc)
		}
	}
	check(t, w.Commit(index))
	return m
}

// TestThreshold: who counts, and who doesn't, with the statements beside the image.
func TestThreshold(t *testing.T) {
	m := makeRelease(t, "1.0", key(t, 0), none)
	other := makeRelease(t, "1.1", key(t, 0), none)
	const h = time.Hour
	different := said{who: three, outcome: evidence.Different, at: -h}
	for name, test := range map[string]struct {
		said []said
		want verdict.Kind
		code verdict.Code
		warn string
	}{
		"nobody":                         {nil, verdict.Refused, verdict.TooFewRebuilds, ""},
		"one":                            {[]said{{who: one}}, verdict.Refused, verdict.TooFewRebuilds, ""},
		"one with two keys":              {[]said{{who: one}, {who: oneAgain, at: -h}}, verdict.Refused, verdict.TooFewRebuilds, ""},
		"two":                            {[]said{{who: one}, {who: two}}, verdict.Trusted, verdict.Rebuilt, ""},
		"one claims to be two":           {[]said{{who: one}, {who: one, builder: "https://two.example/v1"}}, verdict.Refused, verdict.TooFewRebuilds, ""},
		"one different":                  {[]said{{who: one}, {who: two}, different}, verdict.Refused, verdict.RebuiltDifferent, ""},
		"different by another builder":   {[]said{{who: one}, {who: two}, {who: three, outcome: evidence.Different, builder: "https://x.example"}}, verdict.Refused, verdict.RebuiltDifferent, ""},
		"different, taken back":          {[]said{{who: one}, {who: two}, different, {who: three, outcome: evidence.Withdrawn}}, verdict.Trusted, verdict.Rebuilt, `withdrawn, "as the test says"`},
		"different, then the same":       {[]said{{who: one}, different, {who: three}}, verdict.Trusted, verdict.Rebuilt, ""},
		"the same, then different":       {[]said{{who: one}, {who: two}, {who: three, at: -2 * h}, different}, verdict.Refused, verdict.RebuiltDifferent, ""},
		"the same and different at once": {[]said{{who: one}, {who: two}, {who: three, at: -h}, different}, verdict.Refused, verdict.RebuiltDifferent, ""},
		"taken back":                     {[]said{{who: one}, {who: two, at: -h}, {who: two, outcome: evidence.Withdrawn}}, verdict.Refused, verdict.TooFewRebuilds, "withdrawn"},
		"build failed":                   {[]said{{who: one}, {who: two, outcome: evidence.BuildFailed}}, verdict.Refused, verdict.TooFewRebuilds, "build-failed"},
		"from the future":                {[]said{{who: one}, {who: two, at: h}}, verdict.Refused, verdict.TooFewRebuilds, "from the future"},
		"without provenance":             {[]said{{who: one}, {who: two, without: true}}, verdict.Refused, verdict.TooFewRebuilds, "the provenance that it names is not there"},
		"of another lock": {[]said{{who: one}, {who: two, change: func(r *evidence.Rebuild, _ *evidence.Summary) {
			r.Parameters.Lock = digest.FromString("another")
		}}}, verdict.Refused, verdict.TooFewRebuilds, "another lock or input"},
		"of other inputs": {[]said{{who: one}, {who: two, change: func(r *evidence.Rebuild, _ *evidence.Summary) {
			r.Dependencies = r.Dependencies[:1]
		}}}, verdict.Refused, verdict.TooFewRebuilds, "another lock or input"},
		"provenance of another builder": {[]said{{who: one}, {who: two, change: func(r *evidence.Rebuild, _ *evidence.Summary) {
			r.Run.Builder = "https://three.example/v1"
		}}}, verdict.Refused, verdict.TooFewRebuilds, "of something else"},
		"provenance of another image": {[]said{{who: one}, {who: two, change: func(r *evidence.Rebuild, _ *evidence.Summary) {
			r.Published = other.image.Digest
		}}}, verdict.Refused, verdict.TooFewRebuilds, "of something else"},
		"about another name": {[]said{{who: one}, {who: two, change: func(_ *evidence.Rebuild, s *evidence.Summary) {
			s.Resource.Name = "sftp"
		}}}, verdict.Refused, verdict.TooFewRebuilds, "it is about sftp:1.0-r0"},
		"about another version": {[]said{{who: one}, {who: two, change: func(_ *evidence.Rebuild, s *evidence.Summary) {
			s.Resource.Tag = "1.1-r0"
		}}}, verdict.Refused, verdict.TooFewRebuilds, "it is about mqtt:1.1-r0"},
	} {
		t.Run(name, func(t *testing.T) {
			var all []rebuild.Statement
			for _, s := range test.said {
				all = append(all, s.statements(t, m)...)
			}
			w := newWorld(t, rebuildPolicy(t, 2, ""))
			for range 2 { // in either order
				s := w.want(attachAll(t, m, all...), "registry.example/mqtt:1.0-r0", test.want, test.code)
				warned := slices.ContainsFunc(s.Verdict.Warnings, func(r verdict.Reason) bool { return strings.Contains(r.Text, test.warn) })
				if test.warn != "" && !warned {
					t.Errorf("%+v", s.Verdict.Warnings)
				}
				slices.Reverse(all)
			}
			// What was said of this image says nothing of another.
			w.want(attachAll(t, other, all...), "mqtt:1.1-r0", verdict.Refused, verdict.TooFewRebuilds)
		})
	}
}

// TestOthersSummaries: what isn't understood is no yes and may be a no, and what is
// something else is neither.
func TestOthersSummaries(t *testing.T) {
	m := makeRelease(t, "1.0", key(t, 0), none)
	w := newWorld(t, rebuildPolicy(t, 1, ""))
	yes := said{who: one}.statements(t, m)
	edited := func(who int, old, new string) []rebuild.Statement {
		all := said{who: who}.statements(t, m)
		st := &all[1]
		st.Body = []byte(strings.Replace(string(st.Body), old, new, 1))
		st.Bundle = must[[]byte](t)(rebuilderKey(t, who).SignRebuild(ctx, st.Body))
		st.Attachment.Body = st.Bundle
		return all
	}
	w.want(attachAll(t, m, yes...), "mqtt", verdict.Trusted, verdict.Rebuilt)
	w.want(attachAll(t, m, append(yes, edited(two, `"reproduced"`, `"odd"`)...)...), "mqtt", verdict.Refused, verdict.OutcomeUnknown)
	w.want(attachAll(t, m, append(yes, edited(two, evidence.RebuildPolicy, "https://example.org/policy")...)...), "mqtt", verdict.Trusted, verdict.Rebuilt)
	w.want(attachAll(t, m, edited(two, evidence.RebuildPolicy, "https://example.org/policy")...), "mqtt", verdict.Refused, verdict.TooFewRebuilds)
}

// TestPlaces: statements are read where the policy says, and a place that can't be
// read may hide one.
func TestPlaces(t *testing.T) {
	m := makeRelease(t, "1.0", key(t, 0), none)
	served := filepath.Join(t.TempDir(), "statements")
	check(t, rebuild.Publish(served, said{who: two}.statements(t, m)))
	down := false
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		http.FileServer(http.Dir(served)).ServeHTTP(w, r)
	}))
	defer server.Close()

	w := newWorld(t, "")
	folder := filepath.Join(w.folder, "statements")
	check(t, rebuild.Publish(folder, said{who: one}.statements(t, m)))
	w.policy = rebuildPolicy(t, 2, "", `"statements"`, fmt.Sprintf("%q", served))
	w.want(m, "mqtt:1.0-r0", verdict.Trusted, verdict.Rebuilt)
	// One's statements in two's place are nobody's.
	check(t, rebuild.Publish(folder, said{who: three, outcome: evidence.Different}.statements(t, m)))
	w.want(m, "mqtt:1.0-r0", verdict.Trusted, verdict.Rebuilt)
	check(t, rebuild.Publish(served, said{who: two, outcome: evidence.Different, at: time.Second}.statements(t, m)))
	w.want(m, "mqtt:1.0-r0", verdict.Refused, verdict.RebuiltDifferent)

	// A stranger's count for nothing, and are seen.
	check(t, rebuild.Publish(served, said{who: two, at: 2 * time.Second}.statements(t, m)))
	w.want(m, "mqtt:1.0-r0", verdict.Trusted, verdict.Rebuilt)
	stranger := said{who: two, outcome: evidence.Different, at: time.Hour}.statements(t, m)
	for i := range stranger {
		st := &stranger[i]
		st.Bundle = must[[]byte](t)(key(t, 1).SignRebuild(ctx, st.Body))
		st.Attachment.Body, st.Attachment.Key = st.Bundle, key(t, 1).Public()
	}
	check(t, rebuild.Publish(served, stranger))
	s := w.want(m, "mqtt:1.0-r0", verdict.Trusted, verdict.Rebuilt)
	const why = "statement by the key %q, which isn't known: %s"
	want := fmt.Sprintf(`What is in the place %q of "two" doesn't count: %q.`, served, fmt.Sprintf(why, key(t, 1).Public().ID(), evidence.SummaryType))
	if !slices.Contains(s.Verdict.Warnings, verdict.Reason{Code: verdict.NotCounted, Text: want}) || len(s.Facts.Ignored) != len(stranger) {
		t.Errorf("%+v\n%+v", s.Verdict.Warnings, s.Facts.Ignored)
	}

	// Not there, with enough votes beside the image.
	both := attachAll(t, m, append(said{who: one}.statements(t, m), said{who: two}.statements(t, m)...)...)
	w.policy = rebuildPolicy(t, 2, "", `"nowhere"`)
	s = w.want(both, "mqtt:1.0-r0", verdict.Refused, verdict.StatementsUnread)
	if len(s.Facts.Unread) != 1 || s.Facts.Unread[0].Rebuilder != "one" || s.Facts.Unread[0].Place != "nowhere" || len(s.Facts.Rebuilds) != 2 {
		t.Errorf("%+v", s.Facts)
	}
	w.policy = strings.Replace(w.policy, `["nowhere"]`, `["nowhere"]`+"\n unreachable = \"warn\"", 1)
	w.want(both, "mqtt:1.0-r0", verdict.Trusted, verdict.Rebuilt)
	w.want(m, "mqtt:1.0-r0", verdict.Refused, verdict.TooFewRebuilds)

	// Served by whom nobody knows, or not at all.
	w.policy = rebuildPolicy(t, 2, "", fmt.Sprintf("%q", server.URL))
	w.want(both, "mqtt:1.0-r0", verdict.Refused, verdict.StatementsUnread)
	down = true
	w.want(both, "mqtt:1.0-r0", verdict.Refused, verdict.StatementsUnread)
	check(t, os.RemoveAll(served))
}

// TestDissent: by the policy's choice, one who got something different is outvoted.
func TestDissent(t *testing.T) {
	m := makeRelease(t, "1.0", key(t, 0), none)
	all := append(said{who: one}.statements(t, m), said{who: two}.statements(t, m)...)
	all = append(all, said{who: three, outcome: evidence.Different}.statements(t, m)...)
	m = attachAll(t, m, all...)
	newWorld(t, rebuildPolicy(t, 2, "")).want(m, "mqtt", verdict.Refused, verdict.RebuiltDifferent)
	newWorld(t, rebuildPolicy(t, 2, `different = "warn"`)).want(m, "mqtt", verdict.Trusted, verdict.Rebuilt)
	newWorld(t, rebuildPolicy(t, 3, `different = "warn"`)).want(m, "mqtt", verdict.Refused, verdict.TooFewRebuilds)
}

// TestAge: a statement that is too old doesn't count.
func TestAge(t *testing.T) {
	m := makeRelease(t, "1.0", key(t, 0), none)
	m = attachAll(t, m, said{who: one, at: -25 * time.Hour}.statements(t, m)...)
	newWorld(t, rebuildPolicy(t, 1, "maximum_age = 1")).want(m, "mqtt", verdict.Refused, verdict.TooFewRebuilds)
	newWorld(t, rebuildPolicy(t, 1, "maximum_age = 2")).want(m, "mqtt", verdict.Trusted, verdict.Rebuilt)
}

func withoutRebuilds(t *testing.T, w *world, dir string) (*assess.Assessment, error) {
	t.Helper()
	a := w.assessor()
	return a.JudgeWithoutRebuilds(ctx, must[*release.Contents](t)(a.Read(ctx, dir, release.VerifyOptions{})), "mqtt")
}

// TestJudgeWithoutRebuilds: who is about to rebuild asks for no rebuild.
func TestJudgeWithoutRebuilds(t *testing.T) {
	m := makeRelease(t, "1.0", key(t, 0), none)
	m = attachAll(t, m, said{who: three, outcome: evidence.Different}.statements(t, m)...)
	w := newWorld(t, rebuildPolicy(t, 2, "", `"nowhere"`))
	s, err := withoutRebuilds(t, w, m.dir)
	if err != nil || s.Verdict.Kind != verdict.Trusted {
		t.Errorf("%+v, %v", s, err)
	}
	s, err = withoutRebuilds(t, w, makeRelease(t, "1.0", key(t, 1), none).dir)
	if err != nil || s.Verdict.Kind != verdict.Foreign {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestAgreement: two who are independent make an image reproduced, and nobody else.
func TestAgreement(t *testing.T) {
	m := makeRelease(t, "1.0", key(t, 0), none)
	all := append(said{who: one}.statements(t, m), said{who: two}.statements(t, m)...)
	all = append(all, said{who: oneAgain, at: -time.Hour}.statements(t, m)...)
	both := attachAll(t, m, all...)
	s := newWorld(t, rebuildPolicy(t, 2, "")).want(both, "mqtt:1.0-r0", verdict.Trusted, verdict.Rebuilt)
	agreement := must[*rebuild.Agreement](t)(s.Agreement(s.Contents.Dir, digest.FromString("policy")))
	who := rebuild.Auditor{Builder: "https://verify.example/v1", Version: "0.1.0", At: now}
	st := must[rebuild.Statement](t)(agreement.State(ctx, key(t, 1), who, nil))
	must[*sign.Verified](t)(key(t, 1).Public().Verify(st.Bundle, m.image.Digest))
	got := must[*evidence.Agreement](t)(evidence.ParseAgreement(st.Body))
	if len(got.Rebuilders) != 2 || got.Rebuilders[0].Organisation != "one" || got.Rebuilders[1].Builder != "https://two.example/v1" ||
		got.Rebuilders[1].Summary != digest.FromBytes(all[3].Body) || got.Resource.Tag != "1.0-r0" || got.Verifier != who.Builder {
		t.Errorf("%+v", got)
	}
	var releases *rebuild.ReleaseKeyError
	if _, err := agreement.State(ctx, key(t, 0), who, nil); !errors.As(err, &releases) {
		t.Errorf("signed with the release's key: %v", err)
	}
	if _, err := agreement.State(ctx, key(t, 1), who, []string{key(t, 1).Public().ID()}); !errors.As(err, &releases) {
		t.Errorf("signed with a signer's key: %v", err)
	}
	// It is no vote.
	newWorld(t, rebuildPolicy(t, 3, "")).want(attachAll(t, both, st), "mqtt:1.0-r0", verdict.Refused, verdict.TooFewRebuilds)

	// One alone, however many keys it has, and an image that isn't trusted.
	var few *assess.TooFewError
	s = newWorld(t, rebuildPolicy(t, 1, "")).want(attachAll(t, m, append(all[:2:2], all[4:]...)...), "mqtt:1.0-r0", verdict.Trusted, verdict.Rebuilt)
	if _, err := s.Agreement(s.Contents.Dir, digest.FromString("policy")); !errors.As(err, &few) || few.Rebuilt != 1 {
		t.Errorf("one organisation: %v", err)
	}
	all = append(all, said{who: three, outcome: evidence.Different}.statements(t, m)...)
	s = newWorld(t, rebuildPolicy(t, 2, "")).want(attachAll(t, m, all...), "mqtt:1.0-r0", verdict.Refused, verdict.RebuiltDifferent)
	var refused *verdict.Error
	if _, err := s.Agreement(s.Contents.Dir, digest.FromString("policy")); !errors.As(err, &refused) {
		t.Errorf("refused: %v", err)
	}
}
