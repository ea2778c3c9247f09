package evidence

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// auditStatements has one of each outcome, a rebuild's provenance and an agreement,
// by the schema in docs/schemas/audit that they are of.
func auditStatements(t *testing.T) map[string][][]byte {
	t.Helper()
	must := func(raw []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	all := map[string][][]byte{
		"rebuild-v1":    {must(rebuild(t).Statement())},
		"agreement-v1":  {must(agreed(t).Statement())},
		"commitment-v1": {must(committed(t).Statement())},
		"outcome-v1":    {must(reproduced(t).Statement()), must(revealed(t).Statement()), must(different(t).Statement())},
	}
	for _, o := range Outcomes[2:] {
		all["outcome-v1"] = append(all["outcome-v1"], must(failedWith(t, o, "a reason").Statement()))
	}
	return all
}

// TestAuditSchemas: what is written has the form that docs/schemas/audit says, and
// nothing else has.
func TestAuditSchemas(t *testing.T) {
	const dir = "../../docs/schemas/audit"
	files, err := filepath.Glob(dir + "/*.json")
	statements := auditStatements(t)
	// Beside them is that of report.json, which is no statement: TestReportSchema of cli.
	if err != nil || len(files) != len(statements)+1 {
		t.Fatalf("%q, %v", files, err)
	}
	for name, all := range statements {
		s := schema(t, filepath.Join(dir, name+".json"))
		for i, raw := range all {
			if err := validate(s, raw); err != nil {
				t.Errorf("%s %d: %v", name, i, err)
			}
			for _, edit := range [][2]string{
				{`"predicate":{`, `"predicate":{"more":1,`},
				{`Statement/v1`, `Statement/v0.1`},
				{`"predicateType":"`, `"predicateType":"x`},
				{`"sha256":"`, `"sha256":"x`},
				{`"subject":[`, `"subject":[{},`},
				{`"PASSED"`, `"FAILED"`},
				{`"FAILED"`, `"PASSED"`},
				{`"outcome":"reproduced"`, `"outcome":"different"`},
				{`"reason":"`, `"because":"`},
				{`"salt":"`, `"salt":"0`},
				{`"commitment":{`, `"commitment":{"more":1,`},
			} {
				bad := strings.Replace(string(raw), edit[0], edit[1], 1)
				if bad != string(raw) && validate(s, []byte(bad)) == nil {
					t.Errorf("%s %d with %s is accepted", name, i, edit[1])
				}
			}
		}
		for other, all := range statements {
			if other != name && validate(s, all[0]) == nil {
				t.Errorf("%s is accepted as %s", other, name)
			}
		}
	}
}

// TestAuditDocs reads the examples in docs/audit.md as what they are examples of.
func TestAuditDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, block := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(text, -1) {
		if !strings.Contains(string(block[1]), `"_type"`) {
			continue
		}
		_, rebuildErr := ParseRebuild(block[1])
		_, summaryErr := ParseSummary(block[1])
		_, agreementErr := ParseAgreement(block[1])
		_, commitmentErr := ParseCommitment(block[1])
		name := ""
		switch {
		case rebuildErr == nil:
			name = "rebuild-v1"
		case summaryErr == nil:
			name = "outcome-v1"
		case agreementErr == nil:
			name = "agreement-v1"
		case commitmentErr == nil:
			name = "commitment-v1"
		default:
			t.Errorf("%v, %v, %v, %v in\n%s", rebuildErr, summaryErr, agreementErr, commitmentErr, block[1])
			continue
		}
		found[name]++
		if err := validate(schema(t, "../../docs/schemas/audit/"+name+".json"), block[1]); err != nil {
			t.Errorf("%v in\n%s", err, block[1])
		}
	}
	if got := fmt.Sprint(found); got != "map[agreement-v1:1 commitment-v1:1 outcome-v1:2 rebuild-v1:1]" {
		t.Errorf("examples of %v", got)
	}
	// A type's URL leads to a heading.
	for _, url := range []string{RebuildType, RebuildPolicy, AgreementPolicy, CommitmentType, outcomeExtension, rebuildersExtension} {
		_, fragment, _ := strings.Cut(url, "#")
		if !regexp.MustCompile(`(?m)^##+ ` + fragment + `$`).Match(text) {
			t.Errorf("no heading for %s", url)
		}
	}
}

// The names of the extensions, as the tags of the fields have them.
const (
	outcomeExtension    = "https://gitlab.com/tailsbuild/tailsbuild/docs/audit.md#outcome-v1"
	rebuildersExtension = "https://gitlab.com/tailsbuild/tailsbuild/docs/audit.md#rebuilders-v1"
)
