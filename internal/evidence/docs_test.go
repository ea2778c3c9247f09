package evidence

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// schemaOf has the file of each type in docs/schemas.
var schemaOf = map[string]string{
	SignatureType: "signature", ProvenanceType: "build-v1", ComparisonType: "comparison-v1",
	SBOMType: "sbom", TestsType: "tests", DeclarationType: "declaration-v1",
}

// TestDocs reads the examples in docs/evidence.md as what they are examples of.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/evidence.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, block := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(text, -1) {
		if !strings.Contains(string(block[1]), `"_type"`) {
			continue
		}
		var st struct{ PredicateType string }
		if err := json.Unmarshal(block[1], &st); err != nil {
			t.Fatal(err)
		}
		found[st.PredicateType]++
		switch st.PredicateType {
		case ProvenanceType:
			_, err = ParseBuild(block[1])
		case ComparisonType:
			_, err = ParseComparison(block[1])
		case SBOMType:
			_, err = ParseSBOM(block[1])
		case TestsType:
			_, err = ParseTests(block[1])
		case DeclarationType:
			_, err = ParseDeclaration(block[1])
		}
		if err != nil {
			t.Errorf("%v in\n%s", err, block[1])
		}
		if err := validate(schema(t, schemaFile(t, block[1])), block[1]); err != nil {
			t.Errorf("%v in\n%s", err, block[1])
		}
	}
	if len(found) != len(schemaOf)-1 { // a signature has nothing to show
		t.Errorf("examples of %v", found)
	}
	// A type's URL leads to a heading.
	for _, url := range []string{BuildType, ComparisonType, DeclarationType} {
		_, fragment, _ := strings.Cut(url, "#")
		if !strings.Contains(string(text), "\n## "+fragment+"\n") {
			t.Errorf("no heading for %s", url)
		}
	}
}
