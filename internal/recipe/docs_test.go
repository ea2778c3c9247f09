package recipe

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
)

const docsFile = "../../docs/recipe.md"

// TestDocs compares the reference part of docs/recipe.md with the schema that
// decodes recipes; -update writes it.
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
		t.Errorf("docs/recipe.md is not what the schema says (-docs +schema; -update writes it):\n%s", diff)
	}
}

func reference() string {
	var b strings.Builder
	b.WriteString("\n")
	for _, typ := range recipeTypes {
		hclschema.Describe(&b, typ, "###")
	}
	b.WriteString("### Kinds of privilege\n\n| kind | names |\n|---|---|\n")
	for _, kind := range privilegeKindNames() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", kind, privilegeKinds[kind].doc)
	}
	b.WriteString("\n### Functions\n\n| function | gives |\n|---|---|\n")
	for _, name := range hclschema.SortedKeys(hclschema.Functions) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", hclschema.Functions[name].Usage, hclschema.Functions[name].Doc)
	}
	b.WriteString("\n### Limits\n\n| of | at most |\n|---|---|\n")
	for _, limit := range []struct {
		of   string
		most string
	}{
		{"a file", fmt.Sprintf("%d bytes, %d tokens", hclschema.MaxSource, hclschema.MaxTokens)},
		{"nesting of brackets, strings and templates", fmt.Sprint(hclschema.MaxNesting)},
		{"a number", fmt.Sprintf("%d characters, no exponent", hclschema.MaxNumber)},
		{"a text of one line", fmt.Sprintf("%d bytes", hclschema.MaxText)},
		{"a text of several lines", fmt.Sprintf("%d lines", hclschema.MaxPieces)},
		{"all texts of a file, references written out", fmt.Sprintf("%d bytes", hclschema.MaxExpanded)},
		{"a list or table", fmt.Sprintf("%d elements", hclschema.MaxList)},
		{"a file that `source` names", fmt.Sprintf("%d bytes", maxFile)},
		{"all files of a recipe", fmt.Sprintf("%d bytes", maxFiles)},
		{"bases on one another", fmt.Sprint(maxClosure)},
		{"problems shown of one file", fmt.Sprint(hclschema.MaxDiagnostics)},
	} {
		fmt.Fprintf(&b, "| %s | %s |\n", limit.of, limit.most)
	}
	b.WriteString("\n### Project file\n\n")
	for _, typ := range projectType.Blocks {
		hclschema.Describe(&b, typ, "####")
	}
	return b.String()
}

// Every example of the schema is decoded without a word.
func TestExamples(t *testing.T) {
	var walk func(typ *hclschema.BlockType, in string)
	walk = func(typ *hclschema.BlockType, in string) {
		if typ.Example != "" {
			src := strings.Replace(in, "@", typ.Example, 1)
			for _, extra := range []string{`user "sftp" {uid = 1000 }`, `build {run = "true" }`, "runtime {\n user = \"sftp\"\n entrypoint = [\"/a\"]\n}"} {
				if head, _, _ := strings.Cut(extra, "{"); strings.HasPrefix(in, "service") && !strings.Contains(src, head+"{") {
					src = strings.TrimSuffix(src, "}\n") + "  " + extra + "\n}\n"
				}
			}
			if _, diags := Decode("example.hcl", []byte(src), testEnv); len(diags) > 0 {
				t.Errorf("%v\n%s", diags, src)
			}
		}
		for _, inner := range append(typ.Variants, typ.Blocks...) {
			switch typ {
			case runtimeType:
				walk(inner, strings.Replace(in, "@", "runtime {\n user = \"sftp\"\n entrypoint = [\"/a\"]\n@\n}\n", 1))
			default:
				walk(inner, in)
			}
		}
	}
	for _, inner := range serviceType.Blocks {
		walk(inner, "service \"x\" {\n  version = \"2.7.9\"\n  base = \"b\"\n@\n}\n")
	}
	walk(rootfsType, "base \"x\" {\n  version = \"1\"\n@\n}\n")
	walk(repositoryType, "base \"x\" {\n  version = \"1\"\n  base = \"b\"\n@\n}\n")
	for _, typ := range recipeTypes {
		walk(&hclschema.BlockType{Example: typ.Example}, "@\n")
	}
	for _, typ := range projectType.Blocks {
		if _, diags := DecodeProject("tailsbuild.hcl", []byte(typ.Example+"\n")); len(diags) > 0 {
			t.Errorf("%v\n%s", diags, typ.Example)
		}
	}
}

// Every whole example in the prose of docs/recipe.md is decoded too.
func TestDocsExamples(t *testing.T) {
	doc, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, m := range regexp.MustCompile("(?s)```hcl\n(.*?)```").FindAllStringSubmatch(string(doc), -1) {
		if !strings.HasPrefix(m[1], "service ") && !strings.HasPrefix(m[1], "base ") {
			continue
		}
		found++
		if _, diags := Decode("docs.hcl", []byte(m[1]), testEnv); len(diags) > 0 {
			t.Errorf("%v\n%s", diags, m[1])
		}
		if formatted, _ := Format("docs.hcl", []byte(m[1])); string(formatted) != m[1] {
			t.Errorf("not formatted:\n%s", cmp.Diff(string(formatted), m[1]))
		}
	}
	if found < 3 {
		t.Errorf("found %d examples", found)
	}
}

// The schema says everything that decoding and the documentation need.
func TestSchema(t *testing.T) {
	var walk func(typ *hclschema.BlockType)
	walk = func(typ *hclschema.BlockType) {
		if typ.Doc == "" || typ.Example == "" && len(typ.Variants) == 0 {
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
		for _, l := range typ.Labels {
			if l.Name == "" || l.Doc == "" {
				t.Errorf("%s has a label without documentation", typ.Header())
			}
		}
		for _, inner := range append(typ.Variants, typ.Blocks...) {
			walk(inner)
		}
	}
	for _, typ := range append(recipeTypes, projectType.Blocks...) {
		walk(typ)
	}
}
