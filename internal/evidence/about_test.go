package evidence

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	testresult "github.com/in-toto/attestation/go/predicates/test_result/v0"
	intoto "github.com/in-toto/attestation/go/v1"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"gitlab.com/tailsbuild/tailsbuild/internal/apk"
	"gitlab.com/tailsbuild/tailsbuild/internal/declared"
	"gitlab.com/tailsbuild/tailsbuild/internal/inventory"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

// apkInputs are packages of Alpine's and of somebody else's, and their indexes.
func apkInputs() []lock.Input {
	return []lock.Input{
		{
			Kind: lock.KindPackage, Name: "libstdc++", Arch: "x86_64", Repository: "main", Version: "13.2.1_git20231014-r0",
			URL:  "https://dl-cdn.alpinelinux.org/alpine/v3.19/main/x86_64/libstdc++-13.2.1_git20231014-r0.apk",
			Size: 5, SHA256: digest.FromString("apk").Encoded(),
		},
		{
			Kind: lock.KindPackage, Name: "tool", Arch: "x86_64", Repository: "Ours", Version: "1-r0",
			URL: "https://example.org/x86_64/tool-1-r0.apk", Size: 6, SHA256: digest.FromString("tool").Encoded(),
		},
		{
			Kind: lock.KindIndex, Name: "Ours", Arch: "x86_64", URL: "https://example.org/x86_64/APKINDEX.tar.gz",
			Size: 7, SHA256: digest.FromString("index").Encoded(), KeySHA256: digest.FromString("key").Encoded(),
		},
		{
			Kind: lock.KindIndex, Name: "main", Arch: "x86_64", URL: "https://dl-cdn.alpinelinux.org/alpine/v3.19/main/x86_64/APKINDEX.tar.gz",
			Size: 8, SHA256: digest.FromString("main").Encoded(),
		},
		{
			Kind: lock.KindHTTP, Name: "source", URL: "https://example.org/source.tar.gz", Size: 9, SHA256: digest.FromString("source").Encoded(),
		},
	}
}

func bill(t testing.TB) *Bill {
	t.Helper()
	b := build(t)
	more, err := Dependencies(apkInputs())
	if err != nil {
		t.Fatal(err)
	}
	const sum = "h1:Khu2En+0gcYPZ2kuIihfswbzxv/mIHXgzPZ018Oty48="
	return &Bill{
		Image: imageDigest, Parameters: b.Parameters, Dependencies: append(b.Dependencies, more...),
		Annotations: map[string]string{
			ocispec.AnnotationLicenses: "MIT", ocispec.AnnotationURL: "https://example.org/", ocispec.AnnotationDescription: "A <broker>",
		},
		Inventory: &inventory.Inventory{
			System: inventory.System{ID: "alpine", Version: "3.19.4"},
			Packages: []apk.Package{
				{
					Name: "libstdc++", Version: "13.2.1_git20231014-r0", Arch: "x86_64", License: "GPL-2.0-or-later AND custom",
					Origin: "gcc", Commit: strings.Repeat("0a", 20), Maintainer: "Ariadne <ariadne@example.org>",
					Description: "GNU C++", URL: "https://gcc.gnu.org",
				},
				{Name: "musl", Version: "1.2.4-r2", Arch: "x86_64", License: "mit", Maintainer: "nobody", URL: "musl.libc.org"},
				{Name: "tool", Version: "1-r0", Arch: "x86_64", License: "GPL LGPL"},
			},
			Programs: []inventory.Program{
				{
					Path: "/usr/bin/mqtt", SHA256: digest.FromString("program").Encoded(), Go: "go1.26.8 X:none",
					Package: "github.com/mochi-mqtt/server/v2/cmd", Main: inventory.Module{Path: "github.com/mochi-mqtt/server/v2", Version: "(devel)"},
					Modules: []inventory.Module{{Path: "golang.org/x/net", Version: "v0.30.0", Sum: sum}},
				},
				{
					Path: "/usr/bin/other", SHA256: digest.FromString("other").Encoded(), Go: "go1.26.8",
					Main:    inventory.Module{Path: "example.org/other", Version: "(devel)"},
					Modules: []inventory.Module{{Path: "golang.org/x/net", Version: "v0.30.0"}},
				},
			},
		},
	}
}

func testsOf(t testing.TB) *Tests {
	t.Helper()
	inputs, err := Dependencies(apkInputs())
	if err != nil {
		t.Fatal(err)
	}
	return &Tests{
		Recipe: "mqtt", Image: imageDigest, Plan: digest.FromString("plan"), Lock: digest.FromString("lock"),
		Configuration: append(build(t).Dependencies[:1:1], inputs[0]),
		Passed:        []string{"answers", "refuses"},
	}
}

func declarationOf(t testing.TB) *Declaration {
	t.Helper()
	return &Declaration{
		Image: imageDigest, Parameters: build(t).Parameters, Architectures: []string{"aarch64", "x86_64"},
		Base:  Base{Name: "alpine-3.19", Version: "3.19.4", EndOfSupport: "2025-11-01"},
		About: About{Summary: "A broker", Homepage: "https://example.org/", License: "MIT", Documentation: "https://example.org/doc", Client: "mqttx", Connect: "mqttx ADDRESS"},
		Service: declared.Service{
			Privileges: []declared.Privilege{
				{Kind: "capability", Name: "SYS_CHROOT", Reason: "locks itself in"},
				{Kind: "network", Name: "outbound", Reason: "asks its peers"},
			},
			Limits:  &declared.Limits{Size: 16 << 20, Memory: 64 << 20},
			Ports:   []declared.Port{{Name: "mqtt", Number: 1883, Protocol: "tcp", Onion: 1883}, {Name: "x", Number: 5, Protocol: "udp"}},
			Volumes: []declared.Volume{{Path: "/srv/mqtt", Persistent: true}},
		},
	}
}

// statements are one of each kind beside provenance and comparison.
func statements(t testing.TB) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for name, make := range map[string]func() ([]byte, error){
		"provenance": build(t).Statement, "comparison": comparisonOf().Statement, "sbom": bill(t).Statement,
		"tests": testsOf(t).Statement, "declaration": declarationOf(t).Statement,
		"signature": func() ([]byte, error) { return Signature(imageDigest) },
	} {
		b, err := make()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[name] = b
	}
	return all
}

func TestSBOM(t *testing.T) {
	raw := statements(t)["sbom"]
	golden(t, "sbom.json", raw)
	s, err := ParseSBOM(raw)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Agrees(build(t).Parameters); err != nil {
		t.Error(err)
	}
	var contained, linked []string
	for _, p := range s.Document.Contained() {
		contained = append(contained, p.Name)
	}
	for _, p := range s.Document.Linked() {
		linked = append(linked, p.PURL())
	}
	if diff := cmp.Diff([]string{"libstdc++", "musl", "tool", "/usr/bin/mqtt", "/usr/bin/other"}, contained); diff != "" {
		t.Errorf("contained (-want +got):\n%s", diff)
	}
	want := []string{"pkg:golang/example.org/other", "pkg:golang/golang.org/x/net@v0.30.0", "pkg:golang/stdlib@1.26.8"}
	if diff := cmp.Diff(want, linked); diff != "" {
		t.Errorf("linked (-want +got):\n%s", diff)
	}
	// The document by itself is the one in the statement, to the byte.
	doc, err := s.Document.Encode()
	if err != nil || !bytes.Contains(raw, append([]byte(`"predicate":`), doc...)) {
		t.Errorf("%v: %s", err, doc)
	}
	for range 20 {
		if again := statements(t)["sbom"]; !bytes.Equal(raw, again) {
			t.Fatal("other bytes")
		}
	}
}

func TestSBOMAgrees(t *testing.T) {
	s, err := ParseSBOM(statements(t)["sbom"])
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(p *Parameters){
		"recipe":  func(p *Parameters) { p.Recipe = "sftp" },
		"version": func(p *Parameters) { p.Version = "2.8.0" },
		"release": func(p *Parameters) { p.Release++ },
		"arch":    func(p *Parameters) { p.Arch = "aarch64" },
		"plan":    func(p *Parameters) { p.Plan = p.Lock },
		"lock":    func(p *Parameters) { p.Lock = p.Plan },
	} {
		p := build(t).Parameters
		change(&p)
		if err := s.Agrees(p); err == nil {
			t.Errorf("%s: agrees", name)
		}
	}
}

// TestSBOMFollows: whatever is different in an image or its inputs is different in the
// SBOM, and in the name of the document.
func TestSBOMFollows(t *testing.T) {
	namespaces := map[string]string{}
	for name, change := range map[string]func(b *Bill){
		"":           func(*Bill) {},
		"image":      func(b *Bill) { b.Image = digest.FromString("another") },
		"plan":       func(b *Bill) { b.Parameters.Plan = digest.FromString("another") },
		"recipe":     func(b *Bill) { b.Dependencies[0].SHA256 = digest.FromString("another").Encoded() },
		"license":    func(b *Bill) { b.Annotations[ocispec.AnnotationLicenses] = "ISC" },
		"package":    func(b *Bill) { b.Inventory.Packages[1].Version = "1.2.4-r3" },
		"no package": func(b *Bill) { b.Inventory.Packages = b.Inventory.Packages[1:] },
		"system":     func(b *Bill) { b.Inventory.System.Version = "3.20" },
		"program":    func(b *Bill) { b.Inventory.Programs[0].SHA256 = digest.FromString("another").Encoded() },
		"module":     func(b *Bill) { b.Inventory.Programs[0].Modules[0].Version = "v0.31.0" },
		"toolchain":  func(b *Bill) { b.Inventory.Programs[0].Go = "go1.26.9" },
	} {
		b := bill(t)
		change(b)
		raw, err := b.Statement()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s, err := ParseSBOM(raw)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if other, ok := namespaces[s.Document.Namespace]; ok {
			t.Errorf("%q and %q have the same namespace", name, other)
		}
		namespaces[s.Document.Namespace] = name
	}
	two := bill(t)
	two.Inventory.Programs[1].Modules[0].Sum = "h1:another"
	if _, err := two.Statement(); err == nil {
		t.Error("two sums of one module")
	}
}

func TestParseSBOMRefuses(t *testing.T) {
	edits := map[string][2]string{
		"other version":     {`"spdxVersion":"SPDX-2.3"`, `"spdxVersion":"SPDX-2.2"`},
		"unknown field":     {`"dataLicense"`, `"annotations":[],"dataLicense"`},
		"other tool":        {"Tool: tailsbuild-sbom-1", "Tool: syft-1"},
		"a package is gone": {`"name":"musl"`, `"name":"muslim"`},
		"other namespace":   {`/spdx/1/`, `/spdx/2/`},
		"other recipe":      {`"subject":[{"name":"mqtt"`, `"subject":[{"name":"sftp"`},
		"no recipe":         {`"subject":[{"name":"mqtt",`, `"subject":[{`},
		"describes nothing": {`"DESCRIBES"`, `"CONTAINS"`},
		"no such element":   {`"relatedSpdxElement":"SPDXRef-image"`, `"relatedSpdxElement":"SPDXRef-nothing"`},
	}
	for k, v := range outside {
		edits[k] = v
	}
	edits["short digest"] = [2]string{imageDigest.Encoded(), imageDigest.Encoded()[2:]}
	refusals(t, statements(t)["sbom"], func(b []byte) error { _, err := ParseSBOM(b); return err }, edits)

	// Whose namespace is right, and whose elements are not.
	for name, change := range map[string]func(d *SPDX){
		"twice an ID": func(d *SPDX) { d.Packages[2].ID = d.Packages[1].ID },
		"odd ID":      func(d *SPDX) { d.Packages[2].ID = "SPDXRef-a_b" },
		"no name":     func(d *SPDX) { d.Packages[2].Name = "" },
		"no image":    func(d *SPDX) { d.Relationships = d.Relationships[1:] },
		"two images": func(d *SPDX) {
			d.Relationships = append(d.Relationships, spdxRelationship{documentID, describes, d.Packages[1].ID})
		},
		"another image":     func(d *SPDX) { d.Packages[0].Checksums[0].Value = digest.FromString("x").Encoded() },
		"relates elsewhere": func(d *SPDX) { d.Relationships[1].Related = "SPDXRef-x" },
	} {
		s, err := ParseSBOM(statements(t)["sbom"])
		if err != nil {
			t.Fatal(err)
		}
		change(&s.Document)
		if s.Document.Namespace, err = s.Document.namespace(imageDigest); err != nil {
			t.Fatal(err)
		}
		raw, err := encode(statement(SBOMType, "mqtt", imageDigest, s.Document))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseSBOM(raw); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestTests(t *testing.T) {
	want := testsOf(t)
	raw := statements(t)["tests"]
	golden(t, "tests.json", raw)
	got, err := ParseTests(raw)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	b := build(t)
	if err := got.Agrees(b.Parameters, b.Dependencies); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(b *Build){
		"recipe": func(b *Build) { b.Parameters.Recipe = "sftp" },
		"plan":   func(b *Build) { b.Parameters.Plan = b.Parameters.Lock },
		"lock":   func(b *Build) { b.Parameters.Lock = b.Parameters.Plan },
		"text":   func(b *Build) { b.Dependencies[0].SHA256 = digest.FromString("x").Encoded() },
	} {
		b := build(t)
		change(b)
		if err := got.Agrees(b.Parameters, b.Dependencies); err == nil {
			t.Errorf("another %s: agrees", name)
		}
	}
}

// TestTestsAreInToto reads ours with the types of the specification, which refuse a
// field that it doesn't have.
func TestTestsAreInToto(t *testing.T) {
	var st intoto.Statement
	if err := protojson.Unmarshal(statements(t)["tests"], &st); err != nil {
		t.Fatal(err)
	}
	predicate, err := protojson.Marshal(st.GetPredicate())
	if err != nil {
		t.Fatal(err)
	}
	var p testresult.TestResult
	if err := protojson.Unmarshal(predicate, &p); err != nil {
		t.Fatal(err)
	}
	if p.GetResult() != "PASSED" || len(p.GetPassedTests()) != 2 {
		t.Errorf("%v", &p)
	}
}

func TestParseTestsRefuses(t *testing.T) {
	edits := map[string][2]string{
		"failed":             {`"result":"PASSED"`, `"result":"FAILED"`},
		"warned":             {`"result":"PASSED"`, `"result":"WARNED"`},
		"no result":          {`"result":"PASSED",`, ``},
		"a failed test":      {`"passedTests"`, `"failedTests":["x"],"passedTests"`},
		"a warned test":      {`"passedTests"`, `"warnedTests":["x"],"passedTests"`},
		"no test":            {`"passedTests":["answers","refuses"]`, `"passedTests":[]`},
		"a test twice":       {`"answers","refuses"`, `"answers","answers"`},
		"without a name":     {`"answers"`, `""`},
		"no plan":            {`"name":"plan"`, `"name":"plane"`},
		"lock as plan":       {`{"name":"plan","digest":{"sha256":"` + digest.FromString("plan").Encoded() + `"},"annotations":{"kind":"plan"}},`, ``},
		"unknown annotation": {`"annotations":{"kind":"plan"}`, `"annotations":{"kind":"plan","x":1}`},
		"recipe is none":     {`"kind":"recipe"`, `"kind":"http"`},
		"no recipe name":     {`"subject":[{"name":"mqtt",`, `"subject":[{`},
		"no configuration":   {`"configuration":[`, `"configuration":[],"x":[`},
	}
	for k, v := range outside {
		edits[k] = v
	}
	edits["short digest"] = [2]string{imageDigest.Encoded(), imageDigest.Encoded()[2:]}
	refusals(t, statements(t)["tests"], func(b []byte) error { _, err := ParseTests(b); return err }, edits)
	// The rules of in-toto: a field that isn't known is ignored.
	more := strings.Replace(string(statements(t)["tests"]), `"result"`, `"more":1,"result"`, 1)
	if _, err := ParseTests([]byte(more)); err != nil {
		t.Error(err)
	}
}

func TestDeclaration(t *testing.T) {
	want := declarationOf(t)
	raw := statements(t)["declaration"]
	golden(t, "declaration.json", raw)
	got, err := ParseDeclaration(raw)
	if err != nil {
		t.Fatal(err)
	}
	want.Tiers = got.Tiers
	if diff := cmp.Diff(want, got); diff != "" || len(got.Tiers) != 2 || got.Tiers[0] != 1 || got.Tiers[1] != 2 {
		t.Errorf("read back, with tiers %v (-want +got):\n%s", got.Tiers, diff)
	}
	labels, err := got.Labels()
	if err != nil {
		t.Fatal(err)
	}
	if err := got.Agrees(want.Parameters, labels); err != nil {
		t.Error(err)
	}
	other := want.Parameters
	other.Lock = other.Plan
	if err := got.Agrees(other, labels); err == nil {
		t.Error("agrees with another lock")
	}
	delete(labels, declared.LabelVolumes)
	if err := got.Agrees(want.Parameters, labels); err == nil {
		t.Error("agrees with an image without the volume")
	}
	// A base declares nothing, which is not the same as no privileges.
	base := &Declaration{Image: imageDigest, Parameters: want.Parameters, Base: want.Base}
	raw, err = base.Statement()
	if err != nil || strings.Contains(string(raw), "privileges") || strings.Contains(string(raw), "ports") {
		t.Errorf("%s, %v", raw, err)
	}
}

func TestParseDeclarationRefuses(t *testing.T) {
	edits := map[string][2]string{
		"unknown field":     {`"base":{`, `"more":1,"base":{`},
		"other case":        {`"limits"`, `"Limits"`},
		"other recipe":      {`"recipe":"mqtt"`, `"recipe":"sftp"`},
		"not sorted":        {`["aarch64","x86_64"]`, `["x86_64","aarch64"]`},
		"twice":             {`["aarch64","x86_64"]`, `["x86_64","x86_64"]`},
		"not for its own":   {`["aarch64","x86_64"]`, `["aarch64"]`},
		"for none":          {`["aarch64","x86_64"]`, `[]`},
		"no base":           {`"base":{"name":"alpine-3.19"`, `"base":{"name":""`},
		"no version":        {`"version":"3.19.4"`, `"version":""`},
		"no date":           {`"2025-11-01"`, `"2025-11-31"`},
		"a time":            {`"2025-11-01"`, `"2025-11-01T00:00:00Z"`},
		"other identifier":  {`"id":"cap.SYS_CHROOT"`, `"id":"cap.KILL"`},
		"other name":        {`"name":"SYS_CHROOT"`, `"name":"SYS_ADMIN"`},
		"no such privilege": {`"id":"net.outbound","kind":"network","name":"outbound"`, `"id":"net.x","kind":"network","name":"x"`},
		"no tier":           {`"tier":1`, `"tier":4`},
		"negative tier":     {`"tier":1`, `"tier":-1`},
		"large port":        {`"number":1883`, `"number":65536`},
		"privileges null":   {`"privileges":[`, `"privileges":null,"x":[`},
		"no plan":           {`"plan":"sha256:`, `"plan":"x`},
	}
	for k, v := range outside {
		edits[k] = v
	}
	edits["short digest"] = [2]string{imageDigest.Encoded(), imageDigest.Encoded()[2:]}
	refusals(t, statements(t)["declaration"], func(b []byte) error { _, err := ParseDeclaration(b); return err }, edits)

	many := declarationOf(t)
	for range declared.MaxPrivileges {
		many.Privileges = append(many.Privileges, many.Privileges[0])
	}
	if _, err := many.Statement(); err == nil {
		t.Error("too many privileges")
	}
	many.Privileges = []declared.Privilege{{Kind: "magic", Name: "wand"}}
	if _, err := many.Statement(); err == nil {
		t.Error("a privilege that is none")
	}
}

func TestEnds(t *testing.T) {
	day := func(s string) Base { return Base{EndOfSupport: s} }
	if got := day("2025-11-01").Ends(); !got.Equal(time.Date(2025, 11, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("ends %v", got)
	}
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"2025-11-01", "2025-11-02", true},
		{"2025-11-02", "2025-11-01", false},
		{"2025-11-01", "2025-11-01", false},
		{"", "2025-11-01", true},
		{"2025-11-01", "", false},
		{"", "", false},
		{"someday", "2025-11-01", true},
	} {
		if got := day(c.a).EndsBefore(day(c.b)); got != c.want {
			t.Errorf("%q before %q: %t", c.a, c.b, got)
		}
	}
}

// FuzzParseAbout: what is read can be written, and is then read as the same.
func FuzzParseAbout(f *testing.F) {
	for _, raw := range statements(f) {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		predicateType, image, peekErr := Peek(raw)
		if s, err := ParseSBOM(raw); err == nil {
			if peekErr != nil || predicateType != SBOMType || image != s.Image {
				t.Fatalf("%v: %s about %s", peekErr, predicateType, image)
			}
			again, err := encode(statement(SBOMType, s.Recipe, s.Image, s.Document))
			if err != nil {
				t.Fatal(err)
			}
			same(t, s, again, ParseSBOM)
		}
		if tests, err := ParseTests(raw); err == nil {
			again, err := tests.Statement()
			if err != nil {
				t.Fatal(err)
			}
			same(t, tests, again, ParseTests)
		}
		if d, err := ParseDeclaration(raw); err == nil {
			again, err := d.Statement()
			if err != nil {
				t.Fatal(err)
			}
			d.Tiers = nil // those of who reads it
			same(t, d, again, func(b []byte) (*Declaration, error) {
				d, err := ParseDeclaration(b)
				if err == nil {
					d.Tiers = nil
				}
				return d, err
			})
		}
	})
}

func same[T any](t *testing.T, want *T, raw []byte, parse func([]byte) (*T, error)) {
	t.Helper()
	got, err := parse(raw)
	if err != nil || cmp.Diff(want, got) != "" {
		t.Fatalf("%v\n%s", err, cmp.Diff(want, got))
	}
}
