package evidence

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

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
		}
		if err != nil {
			t.Errorf("%v in\n%s", err, block[1])
		}
	}
	if len(found) != 2 {
		t.Errorf("examples of %v", found)
	}
	// A type's URL leads to a heading.
	for _, url := range []string{BuildType, ComparisonType} {
		_, fragment, _ := strings.Cut(url, "#")
		if !strings.Contains(string(text), "\n## "+fragment+"\n") {
			t.Errorf("no heading for %s", url)
		}
	}
}
