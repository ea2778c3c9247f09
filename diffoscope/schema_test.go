package diffoscope

import (
	"bytes"
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const schemaPath = "../docs/schemas/compare/report-v1.json"

// strictSchema compiles the schema for WriteJSON's output, and refuses fields that it
// doesn't have, which readers are told to ignore.
func strictSchema(tb testing.TB) *jsonschema.Schema {
	tb.Helper()
	raw, err := os.ReadFile(schemaPath)
	check(tb, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	check(tb, err)
	closeObjects(doc)
	c := jsonschema.NewCompiler()
	check(tb, c.AddResource("strict.json", doc))
	s, err := c.Compile("strict.json")
	check(tb, err)
	return s
}

func closeObjects(v any) {
	switch v := v.(type) {
	case map[string]any:
		if v["type"] == "object" && v["properties"] != nil {
			if v["allOf"] != nil {
				v["unevaluatedProperties"] = false
			} else if _, named := v["properties"].(map[string]any)["words"]; !named { // others build on a cause
				v["additionalProperties"] = false
			}
		}
		for _, child := range v {
			closeObjects(child)
		}
	case []any:
		for _, child := range v {
			closeObjects(child)
		}
	}
}

// TestSchema: what is written has the form that docs/schemas says, and what hasn't is
// refused.
func TestSchema(t *testing.T) {
	_, err := jsonschema.NewCompiler().Compile(schemaPath)
	check(t, err)
	s := strictSchema(t)
	x, y := manyDifferences()
	same := newTestImage()
	for name, c := range map[string]*Comparison{
		"different": compareTest(t, open(t, x.write(t)), open(t, y.write(t))),
		"identical": compareTest(t, open(t, same.write(t)), open(t, same.write(t))),
		"causes":    withCauses(),
	} {
		var b bytes.Buffer
		check(t, WriteJSON(&b, c))
		if err := validateJSON(s, b.Bytes()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for old, now := range map[string]string{
			`"version":1`: `"version":2`, `"identical":`: `"identical":1,"x":`, `"differences":[`: `"differences":[{},`,
			`"counts":`: `"more":`, `"causes":[`: `"causes":[{"name":"x"},`, `"skipped":[`: `"skipped":[1,`, `"digest":"sha256:`: `"digest":"sha1:`,
		} {
			bad := bytes.Replace(b.Bytes(), []byte(old), []byte(now), 1)
			if bytes.Equal(bad, b.Bytes()) || validateJSON(s, bad) == nil {
				t.Errorf("%s with %s is accepted", name, now)
			}
		}
	}
}

func validateJSON(s *jsonschema.Schema, raw []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	return s.Validate(v)
}
