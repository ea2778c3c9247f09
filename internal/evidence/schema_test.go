package evidence

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdxlib"
)

// schema compiles docs/schemas/NAME.json, with formats asserted.
func schema(t testing.TB, path string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(s *jsonschema.Schema, raw []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

// schemaFile returns where the schema of a statement is.
func schemaFile(t testing.TB, raw []byte) string {
	t.Helper()
	predicateType, _, err := Peek(raw)
	if err != nil {
		t.Fatal(err)
	}
	return "../../docs/schemas/" + schemaOf[predicateType] + ".json"
}

// TestSchemas: what is written has the form that docs/schemas says, and each has one.
func TestSchemas(t *testing.T) {
	files, err := filepath.Glob("../../docs/schemas/*.json")
	if err != nil || len(files) != len(schemaOf) {
		t.Fatalf("%q, %v", files, err)
	}
	for name, raw := range statements(t) {
		s := schema(t, schemaFile(t, raw))
		if err := validate(s, raw); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		// What isn't of the form, or is another's.
		for _, edit := range [][2]string{
			{`"predicate":{`, `"predicate":{"more":1,`},
			{`Statement/v1`, `Statement/v0.1`},
			{`"predicateType":"`, `"predicateType":"x`},
			{`"sha256":"`, `"sha256":"x`},
			{`"subject":[`, `"subject":[{},`},
		} {
			bad := strings.Replace(string(raw), edit[0], edit[1], 1)
			if bad == string(raw) || validate(s, []byte(bad)) == nil {
				t.Errorf("%s with %s is accepted", name, edit[1])
			}
		}
		for other, raw := range statements(t) {
			if other != name && validate(s, raw) == nil {
				t.Errorf("%s is accepted as %s", other, name)
			}
		}
	}
	bare := &Declaration{Image: imageDigest, Parameters: build(t).Parameters, Base: Base{Name: "b", Version: "1"}}
	raw, err := bare.Statement()
	if err != nil {
		t.Fatal(err)
	}
	if err := validate(schema(t, schemaFile(t, raw)), raw); err != nil {
		t.Errorf("declaration of a base: %v", err)
	}
}

// document returns the SPDX document of an SBOM.
func document(t *testing.T) []byte {
	t.Helper()
	s, err := ParseSBOM(statements(t)["sbom"])
	if err != nil {
		t.Fatal(err)
	}
	doc, err := s.Document.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestSPDXTools reads a document with SPDX's own library, which keeps all of it.
func TestSPDXTools(t *testing.T) {
	doc, err := spdxjson.Read(bytes.NewReader(document(t)))
	if err != nil {
		t.Fatal(err)
	}
	if err := spdxlib.ValidateDocument(doc); err != nil {
		t.Error(err)
	}
	ids, err := spdxlib.GetDescribedPackageIDs(doc)
	if err != nil || len(ids) != 1 || ids[0] != "image" {
		t.Errorf("describes %v, %v", ids, err)
	}
	var again bytes.Buffer
	if err := spdxjson.Write(doc, &again); err != nil {
		t.Fatal(err)
	}
	for _, p := range doc.Packages {
		if p.PackageLicenseDeclared == "" || len(p.PackageChecksums) > 1 {
			t.Errorf("%+v", p)
		}
	}
	if n := strings.Count(again.String(), `"relationshipType"`); n != strings.Count(string(document(t)), `"relationshipType"`) {
		t.Errorf("%d relationships", n)
	}
}

// spdxSchema is where SPDX's own JSON schema is, which is published in a repository
// alone: in a module that checks its documents against it, too.
const (
	spdxSchemaModule = "github.com/anchore/syft@v1.57.1"
	spdxSchemaSum    = "h1:lrbWhc8hbZJSKekMdB3PKetO0upE+lv9ihUfv9CXgfU="
	spdxSchemaFile   = "schema/spdx-json/spdx-schema-2.3.json"
)

// TestSPDXSchema holds a document to SPDX's own schema.
func TestSPDXSchema(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", spdxSchemaModule)
	cmd.Dir = t.TempDir() // no module's
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod")
	out, err := cmd.Output()
	var module struct{ Dir, Sum, Error string }
	if jsonErr := json.Unmarshal(out, &module); err != nil || jsonErr != nil {
		if os.Getenv("CI") == "true" || os.Getenv("TAILSBUILD_REQUIRE_ALL") == "1" {
			t.Fatalf("%v, %v: %s", err, jsonErr, out)
		}
		t.Skipf("no network: %v", err)
	}
	if module.Sum != spdxSchemaSum {
		t.Fatalf("%s has the sum %s, want %s", spdxSchemaModule, module.Sum, spdxSchemaSum)
	}
	s := schema(t, filepath.Join(module.Dir, spdxSchemaFile))
	if err := validate(s, document(t)); err != nil {
		t.Error(err)
	}
	for _, edit := range [][2]string{
		{`"SPDXID"`, `"more":1,"SPDXID"`}, {`"CONTAINS"`, `"HAS"`}, {`"PACKAGE-MANAGER"`, `"X"`}, {`"CONTAINER"`, `"X"`}, {`"SHA256"`, `"SHA257"`},
	} {
		bad := strings.Replace(string(document(t)), edit[0], edit[1], 1)
		if bad == string(document(t)) || validate(s, []byte(bad)) == nil {
			t.Errorf("%s is accepted", edit[1])
		}
	}
}

func TestLicenses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "NOASSERTION",
		"  ":                                   "NOASSERTION",
		"MIT":                                  "MIT",
		"mit AND bsd-2-clause":                 "MIT AND BSD-2-Clause",
		"(MIT OR GPL-2.0+)  AND Zlib":          "(MIT OR GPL-2.0+) AND Zlib",
		"((MIT))":                              "((MIT))",
		"GPL-2.0":                              "GPL-2.0",
		"GPL-2.0-only WITH Linux-syscall-note": "GPL-2.0-only WITH Linux-syscall-note",
		"MIT AND custom":                       "MIT AND LicenseRef-custom",
		"custom+":                              "LicenseRef-custom-or-later",
		"LicenseRef-own":                       "LicenseRef-own",
		"MIT BSD":                              "LicenseRef-81411fa59d492dd4",
		"GPL-2.0-only WITH nothing":            "LicenseRef-",
		"DocumentRef-x:LicenseRef-y":           "LicenseRef-",
		"Public Domain, \"as is\"":             "LicenseRef-",
		strings.Repeat("(", 5000):              "NOASSERTION",
		"MIT AND":                              "LicenseRef-",
	} {
		l := licenses{}
		got := l.expression(text)
		if got != want && (want != licenseRef || !strings.HasPrefix(got, licenseRef)) {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
		// Whatever it names that SPDX doesn't know is explained.
		for word := range strings.FieldsSeq(strings.NewReplacer("(", " ", ")", " ").Replace(got)) {
			if strings.HasPrefix(word, licenseRef) && !slices.ContainsFunc(l.extracted(), func(e extractedLicense) bool { return e.ID == word }) {
				t.Errorf("%q: %s isn't explained", text, word)
			}
		}
	}
}

func FuzzLicense(f *testing.F) {
	f.Add("MIT AND (BSD-2-Clause OR custom+)")
	f.Add("GPL LGPL")
	f.Fuzz(func(t *testing.T, text string) {
		l := licenses{}
		got := l.expression(text)
		if got == "" {
			t.Fatal("nothing")
		}
		// What it made is an expression, of which nothing is unknown any more.
		if again := (licenses{}).expression(got); got != noAssertion && again != got {
			t.Fatalf("%q became %q, and that %q", text, got, again)
		}
	})
}

// TestLicenseList: SBOMs are the same bytes for everybody as long as their version is
// the same, and SPDX's list of licenses is part of what decides them.
func TestLicenseList(t *testing.T) {
	if got := fmt.Sprint(SBOMVersion, " ", licenseList()); got != "1 3.29" {
		t.Errorf("%s: with another list of licenses, the same images have other SBOMs: raise SBOMVersion, and write down both here", got)
	}
}
