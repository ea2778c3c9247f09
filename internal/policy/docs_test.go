package policy

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
	"gitlab.com/tailsbuild/tailsbuild/internal/privilege"
)

const docsFile = "../../docs/policy.md"

// TestDocs compares the reference part of docs/policy.md with the schema that
// decodes policies; -update writes it.
func TestDocs(t *testing.T) {
	doc, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- begin of the reference, which the tests write from the schema -->\n", "<!-- end of the reference -->\n"
	before, rest, ok := strings.Cut(string(doc), begin)
	old, after, fine := strings.Cut(rest, end)
	if !ok || !fine {
		t.Fatal("the marks of the reference are missing")
	}
	want := reference()
	if *update && old != want {
		if err := os.WriteFile(docsFile, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		old = want
	}
	if diff := cmp.Diff(old, want); diff != "" {
		t.Errorf("docs/policy.md is not what the schema says (-docs +schema; -update writes it):\n%s", diff)
	}
}

func reference() string {
	var b strings.Builder
	b.WriteString("\n")
	for _, typ := range policyType.Blocks {
		hclschema.Describe(&b, typ, "###")
	}
	b.WriteString("### Identifiers of privileges\n\n| tier | privileges |\n|---|---|\n")
	for tier, ids := range privilege.Known() {
		quoted := make([]string, len(ids))
		for i, id := range ids {
			quoted[i] = "`" + id + "`"
		}
		fmt.Fprintf(&b, "| %d: %s | %s |\n", tier, privilege.Tier(tier).Describe(), strings.Join(quoted, ", "))
	}
	b.WriteString("\nA device's name with a number behind it, such as `/dev/video0`, is of the same tier.\n")
	b.WriteString("\n### File of tests\n\n")
	for _, typ := range casesType.Blocks {
		hclschema.Describe(&b, typ, "####")
	}
	b.WriteString("### Limits\n\nThose of [recipes](recipe.md#limits): of bytes, tokens, nesting, texts and lists.\n\n")
	return b.String()
}

// Every example of the documentation that is a whole file is decoded, and every
// one of the schema in the file that it belongs into.
func TestExamples(t *testing.T) {
	doc, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	p := decodeFile(t, "testdata/good/full.hcl")
	tests := 0
	for _, m := range regexp.MustCompile("(?s)```hcl\n(.*?)```").FindAllStringSubmatch(string(doc), -1) {
		if formatted, diags := Format("docs.hcl", []byte(m[1])); string(formatted) != m[1] {
			t.Errorf("not formatted: %v\n%s", diags, cmp.Diff(string(formatted), m[1]))
		}
		if strings.HasPrefix(m[1], "test ") {
			tests++
			if _, diags := DecodeCases("docs_test.hcl", []byte(m[1]), p); diags.HasErrors() {
				t.Errorf("%v\n%s", diags, m[1])
			}
		}
	}
	keyless, err := os.ReadFile("../../docs/keyless.md")
	if err != nil {
		t.Fatal(err)
	}
	policies := regexp.MustCompile("(?s)```hcl\n(.*?)```").FindAllStringSubmatch(string(keyless), -1)
	if len(policies) != 1 {
		t.Fatalf("docs/keyless.md has %d policies", len(policies))
	}
	if _, diags := Decode("keyless.md", []byte(policies[0][1])); diags.HasErrors() {
		t.Error(diags)
	}
	if formatted, _ := Format("keyless.md", []byte(policies[0][1])); string(formatted) != policies[0][1] {
		t.Errorf("not formatted: %s", cmp.Diff(string(formatted), policies[0][1]))
	}
	if tests < 2 {
		t.Errorf("found %d examples of tests", tests)
	}
	src := pieces(scopeType, rebuildersType, privilegesType) + trustRootType.Example + "\n" + sigstoreType.Example + "\n"
	for _, typ := range []*hclschema.BlockType{rebuilderType} {
		src += strings.Replace(typ.Example, "  key \"2026\" {\n    public = \"…\"\n  }\n", keyType.Example+"\n"+identityType.Example+"\n", 1) + "\n"
	}
	// The examples name more rebuilders than they show.
	var summaries []string
	_, diags := Decode("examples.hcl", []byte(src))
	for _, d := range diags {
		summaries = append(summaries, d.Summary)
	}
	if got := strings.Join(summaries, ", "); got != "Too few rebuilders, Unknown organisation, Unknown organisation" {
		t.Errorf("%s\n%s", got, src)
	}
}

// pieces puts the examples of inner blocks into that of a block.
func pieces(outer *hclschema.BlockType, inner ...*hclschema.BlockType) string {
	src := strings.TrimSuffix(outer.Example, "}")
	for _, typ := range inner {
		src += typ.Example + "\n"
	}
	return src + "}\n"
}

// The schema says everything that decoding and the documentation need.
func TestSchema(t *testing.T) {
	var walk func(typ *hclschema.BlockType)
	walk = func(typ *hclschema.BlockType) {
		if typ.Doc == "" || typ.Example == "" {
			t.Errorf("%s has no documentation or example", typ.Header())
		}
		for _, a := range typ.Attrs {
			if !strings.HasSuffix(a.Doc, ".") {
				t.Errorf("%s: the documentation of %s is no sentence", typ.Header(), a.Name)
			}
			if a.Type == hclschema.Number && a.Max == 0 || a.Required && a.Default != "" {
				t.Errorf("%s: %s has no bounds, or a default without use", typ.Header(), a.Name)
			}
			if a.Default != "" && a.Check != nil && a.Check(a.Default) != nil {
				t.Errorf("%s: the default of %s is refused", typ.Header(), a.Name)
			}
		}
		for _, inner := range typ.Blocks {
			walk(inner)
		}
	}
	for _, typ := range append(policyType.Blocks, casesType.Blocks...) {
		walk(typ)
	}
}
