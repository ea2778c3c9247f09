package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	slsa "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"github.com/opencontainers/go-digest"
	"google.golang.org/protobuf/encoding/protojson"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

var update = flag.Bool("update", false, "write the golden files")

const sumNet = "h1:Khu2En+0gcYPZ2kuIihfswbzxv/mIHXgzPZ018Oty48="

var (
	imageDigest = digest.FromString("image")
	output      = Output{Compatibility: 1, BuildKit: "v0.34.2", BuildKitCompatibility: 30, Compression: "gzip"}
)

func inputs() []lock.Input {
	return []lock.Input{
		{
			Kind: lock.KindGoModule, Name: "mochi", Module: "github.com/Mochi-mqtt/server/v2", Version: "v2.7.9+incompatible",
			Sum: sumNet, Size: 10, SHA256: digest.FromString("closure").Encoded(),
			Modules: []lock.Module{
				{Path: "golang.org/x/net", Version: "v0.30.0", Sum: sumNet, GoModSum: sumNet},
				{Path: "golang.org/x/text", Version: "v0.19.0", GoModSum: sumNet},
			},
		},
		{
			Kind: lock.KindRootfs, Name: "alpine-3.19", Arch: "x86_64", URL: "https://dl-cdn.alpinelinux.org/rootfs.tar.gz?a=1&b=<2>",
			Size: 0, SHA256: digest.FromString("rootfs").Encoded(), DiffID: digest.FromString("tar").Encoded(),
		},
		{
			Kind: lock.KindToolchain, Name: "go", Arch: "x86_64", Module: "golang.org/toolchain", Version: "v0.0.1-go1.26.8.linux-amd64",
			Sum: sumNet, Size: 30, SHA256: digest.FromString("go").Encoded(),
		},
	}
}

func build(t testing.TB) *Build {
	t.Helper()
	deps, err := Dependencies(inputs())
	if err != nil {
		t.Fatal(err)
	}
	deps = append([]Dependency{{Kind: KindRecipe, Name: "mqtt/recipe.hcl", SHA256: digest.FromString("hcl").Encoded(), Size: 3}}, deps...)
	return &Build{
		Image: imageDigest,
		Parameters: Parameters{
			Recipe: "mqtt", Kind: "service", Version: "2.7.9", Arch: "x86_64", Epoch: 1714521600,
			Plan: digest.FromString("plan"), Lock: digest.FromString("lock"),
		},
		Output: output, Dependencies: deps,
		Run: Run{
			Builder: BuilderPrefix + "a", Versions: map[string]string{"buildkit": "v0.34.2", "tailsbuild": "0.1.0"},
			Invocation: strings.Repeat("0a", 16),
			Started:    time.Date(2026, 11, 22, 10, 0, 0, 123456789, time.FixedZone("", 3600)),
			Finished:   time.Date(2026, 11, 22, 10, 0, 9, 0, time.UTC),
			Variation:  map[string]string{"umask": "0022", "hostname": "a"},
		},
	}
}

func comparisonOf() *Comparison {
	return &Comparison{
		Recipe: "mqtt", Plan: digest.FromString("plan"), Lock: digest.FromString("lock"), Output: output,
		Image: imageDigest, Compressed: 1000, Unpacked: 3000,
		Builds: [2]Compared{
			{Builder: BuilderPrefix + "a", Invocation: strings.Repeat("0a", 16), Digest: imageDigest},
			{Builder: BuilderPrefix + "b", Invocation: strings.Repeat("0b", 16), Digest: imageDigest},
		},
		Varied: Variation(
			map[string]string{"umask": "0022", "hostname": "a", "same": "x"},
			map[string]string{"umask": "0077", "same": "x", "timezone": "Pacific/Kiritimati"}),
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, got, "", "  "); err != nil {
		t.Fatal(err)
	}
	pretty.WriteByte('\n')
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, pretty.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), pretty.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestProvenance(t *testing.T) {
	want := build(t)
	raw, err := want.Statement()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "provenance.json", raw)
	got, err := ParseBuild(raw)
	if err != nil {
		t.Fatal(err)
	}
	want.Run.Started = want.Run.Started.UTC()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

// TestProvenanceIsSLSA reads our provenance with the types of the specification,
// which refuse a field that SLSA doesn't have.
func TestProvenanceIsSLSA(t *testing.T) {
	raw, err := build(t).Statement()
	if err != nil {
		t.Fatal(err)
	}
	var st intoto.Statement
	if err := protojson.Unmarshal(raw, &st); err != nil {
		t.Fatal(err)
	}
	if err := st.Validate(); err != nil {
		t.Fatal(err)
	}
	predicate, err := protojson.Marshal(st.GetPredicate())
	if err != nil {
		t.Fatal(err)
	}
	var p slsa.Provenance
	if err := protojson.Unmarshal(predicate, &p); err != nil {
		t.Fatal(err)
	}
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	if got := p.GetBuildDefinition().GetResolvedDependencies()[1].GetUri(); got != "pkg:golang/github.com/mochi-mqtt/server/v2@v2.7.9%2Bincompatible" {
		t.Errorf("package URL %s", got)
	}
}

func TestComparison(t *testing.T) {
	want := comparisonOf()
	raw, err := want.Statement()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "comparison.json", raw)
	got, err := ParseComparison(raw)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

func TestSignature(t *testing.T) {
	raw, err := Signature(imageDigest)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "signature.json", raw)
	if got, err := ParseSignature(raw); err != nil || got != imageDigest {
		t.Errorf("got %s, %v", got, err)
	}
	if _, err := Signature("sha256:abc"); err == nil {
		t.Error("a short digest was accepted")
	}
}

func TestSameBytes(t *testing.T) {
	first, err := build(t).Statement()
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if again, err := build(t).Statement(); err != nil || !bytes.Equal(first, again) {
			t.Fatalf("other bytes, error %v", err)
		}
	}
}

// refusals edits a good statement and wants an error that names the place.
func refusals(t *testing.T, good []byte, parse func([]byte) error, edits map[string][2]string) {
	t.Helper()
	if err := parse(good); err != nil {
		t.Fatal(err)
	}
	for name, edit := range edits {
		bad := strings.Replace(string(good), edit[0], edit[1], 1)
		if bad == string(good) {
			t.Errorf("%s: %q is not in the statement", name, edit[0])
			continue
		}
		var want *StatementError
		if err := parse([]byte(bad)); !errors.As(err, &want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// outside are edits that no statement survives.
var outside = map[string][2]string{
	"statement v0.1":     {"Statement/v1", "Statement/v0.1"},
	"other type":         {`"predicateType":"https://`, `"predicateType":"http://`},
	"type twice":         {`"predicateType"`, `"predicateType":"x","predicateType"`},
	"type in upper case": {`"predicateType"`, `"PredicateType"`},
	"two subjects":       {`"subject":[`, `"subject":[{"name":"x","digest":{"sha256":"` + strings.Repeat("0", 64) + `"}},`},
	"no subject":         {`"subject":[{`, `"subject":[],"x":[{`},
	"two digests":        {`"digest":{`, `"digest":{"sha512":"` + strings.Repeat("0", 128) + `",`},
	"other digest":       {`"digest":{"sha256":"`, `"digest":{"gitCommit":"`},
	"short digest":       {`"digest":{"sha256":"61`, `"digest":{"sha256":"`},
	"trailing":           {`{"_type"`, `{}{"_type"`},
}

func TestParseSignatureRefuses(t *testing.T) {
	good, err := Signature(imageDigest)
	if err != nil {
		t.Fatal(err)
	}
	parse := func(b []byte) error { _, err := ParseSignature(b); return err }
	edits := map[string][2]string{
		"predicate":    {`"predicate":{}`, `"predicate":{"result":"FAILED"}`},
		"no predicate": {`,"predicate":{}`, ``},
	}
	for k, v := range outside {
		edits[k] = v
	}
	edits["short digest"] = [2]string{imageDigest.Encoded(), imageDigest.Encoded()[2:]}
	refusals(t, good, parse, edits)
}

func TestParseBuildRefuses(t *testing.T) {
	good, err := build(t).Statement()
	if err != nil {
		t.Fatal(err)
	}
	parse := func(b []byte) error { _, err := ParseBuild(b); return err }
	edits := map[string][2]string{
		"build type":          {"#build-v1", "#build-v2"},
		"unknown parameter":   {`"externalParameters":{`, `"externalParameters":{"force":true,`},
		"parameter twice":     {`"version":"2.7.9"`, `"version":"2.7.9","version":"2.7.8"`},
		"parameter's case":    {`"version":"2.7.9"`, `"Version":"2.7.9"`},
		"no plan":             {`"plan":"sha256:`, `"plan":"`},
		"lock of sha512":      {`"lock":"sha256:`, `"lock":"sha512:`},
		"no version":          {`"version":"2.7.9"`, `"version":""`},
		"half an epoch":       {`"epoch":1714521600`, `"epoch":1714521600.5`},
		"epoch as text":       {`"epoch":1714521600`, `"epoch":"1714521600"`},
		"other recipe":        {`"recipe":"mqtt"`, `"recipe":"sftp"`},
		"internal parameter":  {`"internalParameters":{`, `"internalParameters":{"more":1,`},
		"variation's value":   {`"umask":"0022"`, `"umask":22`},
		"dependency's digest": {digest.FromString("go").Encoded(), digest.FromString("go").Encoded()[:62]},
		"no dependency size":  {`,"size":30`, ``},
		"no dependency kind":  {`"kind":"toolchain"`, `"kind":""`},
		"no builder":          {`"id":"https://gitlab.com/tailsbuild/tailsbuild/builder/embedded-a"`, `"id":""`},
		"short invocation":    {strings.Repeat("0a", 16), "0a0a"},
		"no invocation":       {`"invocationId":"` + strings.Repeat("0a", 16) + `",`, ``},
		"time":                {`"startedOn":"2026-11-22T09:00:00`, `"startedOn":"2026-11-22 09:00:00`},
		"ends before":         {`"finishedOn":"2026-11-22T10:00:09Z"`, `"finishedOn":"2026-11-22T08:00:09Z"`},
		"no end":              {`,"finishedOn":"2026-11-22T10:00:09Z"`, ``},
	}
	for k, v := range outside {
		edits[k] = v
	}
	edits["short digest"] = [2]string{imageDigest.Encoded(), imageDigest.Encoded()[2:]}
	refusals(t, good, parse, edits)
}

// TestUnknownFields shows that a field which a later SLSA adds is ignored.
func TestUnknownFields(t *testing.T) {
	good, err := build(t).Statement()
	if err != nil {
		t.Fatal(err)
	}
	more := strings.Replace(string(good), `"runDetails":{`, `"runDetails":{"more":1,`, 1)
	if _, err := ParseBuild([]byte(more)); err != nil {
		t.Error(err)
	}
}

func TestParseComparisonRefuses(t *testing.T) {
	good, err := comparisonOf().Statement()
	if err != nil {
		t.Fatal(err)
	}
	parse := func(b []byte) error { _, err := ParseComparison(b); return err }
	a := `"invocationId":"` + strings.Repeat("0a", 16) + `"`
	edits := map[string][2]string{
		"result":         {`"result":"identical"`, `"result":"different"`},
		"no result":      {`"result":"identical",`, ``},
		"unknown field":  {`"result"`, `"note":"x","result"`},
		"other recipe":   {`"recipe":"mqtt"`, `"recipe":"sftp"`},
		"same builder":   {"embedded-b", "embedded-a"},
		"same run":       {strings.Repeat("0b", 16), strings.Repeat("0a", 16)},
		"no run":         {a, `"invocationId":""`},
		"other digest":   {`"digest":"` + imageDigest.String() + `"`, `"digest":"` + digest.FromString("x").String() + `"`},
		"third build":    {`"builds":[`, `"builds":[{"builder":"c","invocationId":"c","digest":"` + imageDigest.String() + `"},`},
		"not sorted":     {`"name":"hostname"`, `"name":"zoo"`},
		"no plan":        {`"plan":"sha256:`, `"plan":"x`},
		"one value":      {`"values":["a",""]`, `"values":["a"]`},
		"varied is null": {`"varied":[`, `"varied":null,"x":[`},
	}
	for k, v := range outside {
		edits[k] = v
	}
	edits["short digest"] = [2]string{imageDigest.Encoded(), imageDigest.Encoded()[2:]}
	refusals(t, good, parse, edits)
}

func TestLimits(t *testing.T) {
	var limit *LimitError
	if _, err := ParseBuild(make([]byte, MaxStatement+1)); !errors.As(err, &limit) {
		t.Errorf("size: %v", err)
	}
	good, err := comparisonOf().Statement()
	if err != nil {
		t.Fatal(err)
	}
	deep := strings.Replace(string(good), `"result"`, `"x":`+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)+`,"result"`, 1)
	if _, err := ParseComparison([]byte(deep)); err == nil {
		t.Error("100,000 nested lists were accepted")
	}
}

func TestDependenciesRefuse(t *testing.T) {
	for _, sum := range []string{"h2:" + sumNet[3:], "h1:", "h1:AAAA", sumNet[3:], "h1:!"} {
		in := inputs()
		in[0].Sum = sum
		if _, err := Dependencies(in); err == nil {
			t.Errorf("sum %q was accepted", sum)
		}
	}
}

func TestStatementRefuses(t *testing.T) {
	for name, change := range map[string]func(*Build){
		"image":      func(b *Build) { b.Image = "sha256:x" },
		"plan":       func(b *Build) { b.Parameters.Plan = "" },
		"invocation": func(b *Build) { b.Run.Invocation = "nothex" },
		"times":      func(b *Build) { b.Run.Started, b.Run.Finished = b.Run.Finished, b.Run.Started.Add(-time.Hour) },
		"dependency": func(b *Build) { b.Dependencies[0].SHA256 = "" },
		"builder":    func(b *Build) { b.Run.Builder = "" },
	} {
		b := build(t)
		change(b)
		if raw, err := b.Statement(); err == nil {
			t.Errorf("%s: %s", name, raw)
		}
	}
	c := comparisonOf()
	c.Builds[1] = c.Builds[0]
	if raw, err := c.Statement(); err == nil {
		t.Errorf("one build twice: %s", raw)
	}
}

func FuzzParse(f *testing.F) {
	b, err := build(f).Statement()
	if err != nil {
		f.Fatal(err)
	}
	c, err := comparisonOf().Statement()
	if err != nil {
		f.Fatal(err)
	}
	s, err := Signature(imageDigest)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(c)
	f.Add(s)
	f.Fuzz(func(t *testing.T, raw []byte) {
		// What was read can be written, and is then read as the same.
		if b, err := ParseBuild(raw); err == nil {
			again, err := b.Statement()
			if err != nil {
				t.Fatal(err)
			}
			b2, err := ParseBuild(again)
			if err != nil || cmp.Diff(b, b2) != "" {
				t.Fatalf("%v\n%s", err, cmp.Diff(b, b2))
			}
		}
		if c, err := ParseComparison(raw); err == nil {
			again, err := c.Statement()
			if err != nil {
				t.Fatal(err)
			}
			c2, err := ParseComparison(again)
			if err != nil || cmp.Diff(c, c2) != "" {
				t.Fatalf("%v\n%s", err, cmp.Diff(c, c2))
			}
		}
		_, _ = ParseSignature(raw)
	})
}
