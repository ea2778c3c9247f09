package evidence

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	vsa "github.com/in-toto/attestation/go/predicates/vsa/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"github.com/opencontainers/go-digest"
	"google.golang.org/protobuf/encoding/protojson"
)

const rebuilder = "https://rebuild.example/v1"

func rebuild(t testing.TB) *Rebuild {
	t.Helper()
	r := &Rebuild{Build: *build(t), Published: imageDigest}
	r.Run.Builder = rebuilder
	r.Run.Started = r.Run.Started.UTC()
	return r
}

func reproduced(t testing.TB) *Summary {
	t.Helper()
	raw, err := rebuild(t).Statement()
	if err != nil {
		t.Fatal(err)
	}
	return &Summary{
		Builder: rebuilder, Versions: map[string]string{"buildkit": "v0.34.2", "tailsbuild": "0.1.0"},
		At:       time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC),
		Resource: Resource{Name: "mqtt", Tag: "2.7.9-r0", Image: imageDigest}, Outcome: Reproduced,
		Provenance: digest.FromBytes(raw), Rebuilt: imageDigest,
	}
}

func different(t testing.TB) *Summary {
	t.Helper()
	s := reproduced(t)
	s.Outcome, s.Rebuilt, s.Comparison = Different, digest.FromString("another image"), digest.FromString("comparison")
	s.Reason = "another image came out"
	return s
}

func failedWith(t testing.TB, o Outcome, reason string) *Summary {
	t.Helper()
	s := reproduced(t)
	s.Outcome, s.Reason, s.Provenance, s.Rebuilt = o, reason, "", ""
	return s
}

func TestRebuild(t *testing.T) {
	want := rebuild(t)
	raw, err := want.Statement()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "rebuild.json", raw)
	got, err := ParseRebuild(raw)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	// Neither is taken for the other.
	if _, err := ParseBuild(raw); err == nil {
		t.Error("a rebuild is read as a release's build")
	}
	build, err := build(t).Statement()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseRebuild(build); err == nil {
		t.Error("a release's build is read as a rebuild")
	}
}

func TestParseRebuildRefuses(t *testing.T) {
	good, err := rebuild(t).Statement()
	if err != nil {
		t.Fatal(err)
	}
	edits := map[string][2]string{
		"build type":        {"#rebuild-v1", "#rebuild-v2"},
		"unknown parameter": {`"externalParameters":{`, `"externalParameters":{"force":true,`},
		"no published":      {`,"published":"` + string(imageDigest) + `"`, ``},
		"published sha512":  {`"published":"sha256:`, `"published":"sha512:`},
		"other recipe":      {`"recipe":"mqtt"`, `"recipe":"sftp"`},
		"our own builder":   {`"id":"` + rebuilder, `"id":"` + BuilderPrefix + "a"},
		"builder no URI":    {`"id":"` + rebuilder, `"id":"rebuilder`},
		"builder in spaces": {`"id":"` + rebuilder, `"id":"https://a b`},
	}
	for k, v := range outside {
		edits[k] = v
	}
	edits["short digest"] = [2]string{imageDigest.Encoded(), imageDigest.Encoded()[2:]}
	refusals(t, good, func(b []byte) error { _, err := ParseRebuild(b); return err }, edits)
}

func TestSummary(t *testing.T) {
	for name, want := range map[string]*Summary{
		"reproduced":         reproduced(t),
		"different":          different(t),
		"build-failed":       failedWith(t, BuildFailed, `step "build" failed with exit code 2`),
		"inputs-missing":     failedWith(t, InputsMissing, "the release has no sealed inputs"),
		"toolchain-mismatch": failedWith(t, ToolchainMismatch, "output version 2, this tailsbuild makes 1"),
		"withdrawn":          failedWith(t, Withdrawn, "the machine was broken into"),
	} {
		raw, err := want.Statement()
		if err != nil {
			t.Fatal(name, err)
		}
		golden(t, "summary-"+name+".json", raw)
		got, err := ParseSummary(raw)
		if err != nil {
			t.Fatal(name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s read back (-want +got):\n%s", name, diff)
		}
		isVSA(t, raw)
	}
}

// isVSA reads a summary with the types of the specification.
func isVSA(t *testing.T, raw []byte) {
	t.Helper()
	var st intoto.Statement
	if err := protojson.Unmarshal(raw, &st); err != nil {
		t.Fatal(err)
	}
	predicate, err := protojson.Marshal(st.GetPredicate())
	if err != nil {
		t.Fatal(err)
	}
	var s vsa.VerificationSummary
	// Extensions are not in the types, and verifier.version is newer than they are.
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(predicate, &s); err != nil {
		t.Fatal(err)
	}
	if s.GetVerifier().GetId() == "" || s.GetTimeVerified() == nil || s.GetResourceUri() == "" ||
		s.GetPolicy().GetUri() == "" || s.GetVerificationResult() == "" || len(s.GetVerifiedLevels()) != 1 {
		t.Errorf("not all that SLSA asks for: %s", raw)
	}
	for _, level := range s.GetVerifiedLevels() {
		if strings.HasPrefix(level, "SLSA_") {
			t.Errorf("one rebuilder claims %s", level)
		}
	}
}

func TestParseSummaryRefuses(t *testing.T) {
	good, err := reproduced(t).Statement()
	if err != nil {
		t.Fatal(err)
	}
	const extension = `"https://gitlab.com/tailsbuild/tailsbuild/docs/audit.md#outcome-v1":`
	other := digest.FromString("another image")
	edits := map[string][2]string{
		"failed, but reproduced":   {`"verificationResult":"PASSED"`, `"verificationResult":"FAILED"`},
		"different, but passed":    {`"outcome":"reproduced"`, `"outcome":"different","reason":"x"`},
		"unknown outcome":          {`"outcome":"reproduced"`, `"outcome":"REPRODUCED"`},
		"no outcome":               {`,` + extension + `{"outcome":"reproduced","rebuilt":"` + string(imageDigest) + `"}`, ``},
		"extension of other name":  {extension, `"https://example.org/outcome":`},
		"unknown field":            {`"slsaVersion"`, `"more":1,"slsaVersion"`},
		"more in the extension":    {`{"outcome"`, `{"more":1,"outcome"`},
		"a level of SLSA's":        {LevelRebuilt, "SLSA_BUILD_REPRODUCED"},
		"two levels":               {`"` + LevelRebuilt + `"`, `"` + LevelRebuilt + `","SLSA_BUILD_REPRODUCED"`},
		"no level":                 {`"` + LevelRebuilt + `"`, ``},
		"other policy":             {RebuildPolicy, "https://example.org/policy"},
		"policy with a digest":     {`"policy":{`, `"policy":{"digest":{"sha256":"` + strings.Repeat("0", 64) + `"},`},
		"other version of SLSA":    {`"1.2"`, `"1.0"`},
		"our own builder":          {`"id":"` + rebuilder, `"id":"` + BuilderPrefix + "a"},
		"no builder":               {rebuilder, ""},
		"no time":                  {`"timeVerified":"2026-11-23T08:00:00Z",`, ``},
		"time with a zone":         {`08:00:00Z`, `08:00:00+01:00`},
		"too fine a time":          {`08:00:00Z`, `08:00:00.0005Z`},
		"time in another form":     {`08:00:00Z`, `08:00:00.0Z`},
		"year 1":                   {`2026-11-23`, `0001-11-23`},
		"resource of another name": {`pkg:oci/mqtt@`, `pkg:oci/sftp@`},
		"resource of another":      {`@sha256%3A` + imageDigest.Encoded(), `@sha256%3A` + other.Encoded()},
		"resource in other form":   {`sha256%3A`, `sha256:`},
		"resource without tag":     {`?tag=2.7.9-r0`, ``},
		"resource with more":       {`?tag=2.7.9-r0`, `?tag=2.7.9-r0&arch=amd64`},
		"rebuilt another":          {`"rebuilt":"` + string(imageDigest), `"rebuilt":"` + string(other)},
		"rebuilt nothing":          {`,"rebuilt":"` + string(imageDigest) + `"`, ``},
		"no provenance":            {`"inputAttestations"`, `"inputAttestation"`},
		"provenance with a URI":    {`"inputAttestations":[{`, `"inputAttestations":[{"uri":"x:y",`},
		"a reason for success":     {`{"outcome"`, `{"reason":"fine","outcome"`},
		"a comparison":             {`{"outcome"`, `{"comparison":"` + string(other) + `","outcome"`},
	}
	for k, v := range outside {
		edits[k] = v
	}
	edits["short digest"] = [2]string{imageDigest.Encoded(), imageDigest.Encoded()[2:]}
	parse := func(b []byte) error { _, err := ParseSummary(b); return err }
	refusals(t, good, parse, edits)

	if good, err = different(t).Statement(); err != nil {
		t.Fatal(err)
	}
	refusals(t, good, parse, map[string][2]string{
		"no reason":        {`"reason":"another image came out",`, ``},
		"reason in lines":  {`another image`, `another\nimage`},
		"reason backwards": {`another image`, "another\u202eimage"},
		"long reason":      {`another image`, strings.Repeat("x", maxReason)},
		"sha1 comparison":  {`"comparison":"sha256:`, `"comparison":"sha1:`},
		"passed":           {`FAILED","verifiedLevels":["FAILED"]`, `PASSED","verifiedLevels":["` + LevelRebuilt + `"]`},
	})
	// What came out cannot be the image when another was expected, too.
	s := different(t)
	s.Rebuilt, s.Comparison, s.Reason = imageDigest, "", "another image was expected"
	if _, err := s.Statement(); err != nil {
		t.Error(err)
	}
}

func agreed(t testing.TB) *Agreement {
	t.Helper()
	s := reproduced(t)
	return &Agreement{
		Verifier: "https://verify.example/v1", Versions: map[string]string{"tailsbuild": "0.1.0"}, At: s.At, Resource: s.Resource,
		Policy: digest.FromString("policy"),
		Rebuilders: []Agreed{
			{"debian", "urn:debian", digest.FromString("debian's")},
			{"riseup", rebuilder, digest.FromString("riseup's")},
		},
	}
}

func TestAgreement(t *testing.T) {
	want := agreed(t)
	raw, err := want.Statement()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "agreement.json", raw)
	got, err := ParseAgreement(raw)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	if IsRebuildSummary(raw) {
		t.Error("an agreement is taken for a rebuilder's own")
	}
	if _, err := ParseSummary(raw); err == nil {
		t.Error("an agreement is read as a rebuilder's own")
	}
	edits := map[string][2]string{
		"one of them":            {`,{"organisation":"riseup","builder":"` + rebuilder + `","summary":"` + string(digest.FromString("riseup's")) + `"}`, ``},
		"one organisation twice": {`"debian","builder"`, `"riseup","builder"`},
		"one builder twice":      {`"builder":"urn:debian"`, `"builder":"` + rebuilder + `"`},
		"not sorted":             {`"organisation":"debian"`, `"organisation":"z"`},
		"no organisation":        {`"organisation":"debian"`, `"organisation":""`},
		"our own builder":        {`"builder":"urn:debian"`, `"builder":"` + BuilderPrefix + `a"`},
		"failed":                 {`"PASSED"`, `"FAILED"`},
		"another level":          {LevelReproduced, LevelRebuilt},
		"two levels":             {`"` + LevelReproduced + `"`, `"` + LevelReproduced + `","SLSA_BUILD_LEVEL_3"`},
		"another input":          {`[{"digest":{"sha256":"` + digest.FromString("debian's").Encoded(), `[{"digest":{"sha256":"` + digest.FromString("another").Encoded()},
		"no policy's digest":     {`,"digest":{"sha256":"` + digest.FromString("policy").Encoded() + `"}`, ``},
		"a rebuilder's policy":   {AgreementPolicy, RebuildPolicy},
		"another resource":       {`pkg:oci/mqtt@`, `pkg:oci/sftp@`},
		"unknown field":          {`"slsaVersion"`, `"more":1,"slsaVersion"`},
	}
	for k, v := range outside {
		edits[k] = v
	}
	edits["short digest"] = [2]string{imageDigest.Encoded(), imageDigest.Encoded()[2:]}
	refusals(t, raw, func(b []byte) error { _, err := ParseAgreement(b); return err }, edits)
	for name, change := range map[string]func(a *Agreement){
		"nobody": func(a *Agreement) { a.Rebuilders = nil },
		"one":    func(a *Agreement) { a.Rebuilders = a.Rebuilders[:1] },
		"twice":  func(a *Agreement) { a.Rebuilders[1] = a.Rebuilders[0] },
	} {
		a := agreed(t)
		change(a)
		if raw, err := a.Statement(); err == nil {
			t.Errorf("%s: %s", name, raw)
		}
	}
}

func TestResource(t *testing.T) {
	r, err := NewResource("mqtt:2.7.9-r0", imageDigest)
	if err != nil {
		t.Fatal(err)
	}
	if want := "pkg:oci/mqtt@sha256%3A" + imageDigest.Encoded() + "?tag=2.7.9-r0"; r.String() != want {
		t.Errorf("got %s, want %s", r, want)
	}
	for _, name := range []string{"", "mqtt", "mqtt:", ":1", "Mqtt:1", "a/b:1", "mqtt:1:2", "mqtt:1 ", "mqtt@x:1", "mqtt:" + strings.Repeat("1", 129)} {
		if r, err := NewResource(name, imageDigest); err == nil {
			t.Errorf("%q is %s", name, r)
		}
	}
	if _, err := NewResource("mqtt:1", "sha256:1"); err == nil {
		t.Error("a short digest")
	}
}

func TestCheckBuilderID(t *testing.T) {
	for _, id := range []string{"", "x", "x:", "https://a b", "https://ä.example", BuilderPrefix + "c", "https://" + strings.Repeat("x", 500)} {
		if CheckBuilderID(id) == nil {
			t.Errorf("%q is taken", id)
		}
	}
	if err := errors.Join(CheckBuilderID(rebuilder), CheckBuilderID("urn:riseup:rebuilder")); err != nil {
		t.Error(err)
	}
}

func FuzzParseRebuild(f *testing.F) {
	r, err := rebuild(f).Statement()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(r)
	a, err := agreed(f).Statement()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(a)
	for _, s := range []*Summary{reproduced(f), revealed(f), different(f), failedWith(f, Withdrawn, "x")} {
		raw, err := s.Statement()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	c, err := committed(f).Statement()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(c)
	f.Fuzz(func(t *testing.T, raw []byte) {
		// What was read can be written, and is then read as the same.
		if r, err := ParseRebuild(raw); err == nil {
			again, err := r.Statement()
			if err != nil {
				t.Fatal(err)
			}
			r2, err := ParseRebuild(again)
			if err != nil || cmp.Diff(r, r2) != "" {
				t.Fatalf("%v\n%s", err, cmp.Diff(r, r2))
			}
		}
		if s, err := ParseSummary(raw); err == nil {
			again, err := s.Statement()
			if err != nil {
				t.Fatal(err)
			}
			s2, err := ParseSummary(again)
			if err != nil || cmp.Diff(s, s2) != "" {
				t.Fatalf("%v\n%s", err, cmp.Diff(s, s2))
			}
		}
		if a, err := ParseAgreement(raw); err == nil {
			again, err := a.Statement()
			if err != nil {
				t.Fatal(err)
			}
			a2, err := ParseAgreement(again)
			if err != nil || cmp.Diff(a, a2) != "" {
				t.Fatalf("%v\n%s", err, cmp.Diff(a, a2))
			}
		}
		if c, err := ParseCommitment(raw); err == nil {
			again, err := c.Statement()
			if err != nil {
				t.Fatal(err)
			}
			c2, err := ParseCommitment(again)
			if err != nil || cmp.Diff(c, c2) != "" {
				t.Fatalf("%v\n%s", err, cmp.Diff(c, c2))
			}
		}
	})
}
