package recipe

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
		describe(&b, typ, "", "###")
	}
	b.WriteString("### Kinds of privilege\n\n| kind | names |\n|---|---|\n")
	for _, kind := range privilegeKindNames() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", kind, privilegeKinds[kind].doc)
	}
	b.WriteString("\n### Functions\n\n| function | gives |\n|---|---|\n")
	for _, name := range sortedKeys(functions) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", functions[name].usage, functions[name].doc)
	}
	b.WriteString("\n### Limits\n\n| of | at most |\n|---|---|\n")
	for _, limit := range []struct {
		of   string
		most string
	}{
		{"a file", fmt.Sprintf("%d bytes, %d tokens", maxSource, maxTokens)},
		{"nesting of brackets, strings and templates", fmt.Sprint(maxNesting)},
		{"a number", fmt.Sprintf("%d characters, no exponent", maxNumber)},
		{"a text of one line", fmt.Sprintf("%d bytes", maxText)},
		{"a text of several lines", fmt.Sprintf("%d lines", maxPieces)},
		{"all texts of a file, references written out", fmt.Sprintf("%d bytes", maxExpanded)},
		{"a list or table", fmt.Sprintf("%d elements", maxList)},
		{"a file that `source` names", fmt.Sprintf("%d bytes", maxFile)},
		{"all files of a recipe", fmt.Sprintf("%d bytes", maxFiles)},
		{"bases on one another", fmt.Sprint(maxClosure)},
		{"problems shown of one file", fmt.Sprint(maxDiagnostics)},
	} {
		fmt.Fprintf(&b, "| %s | %s |\n", limit.of, limit.most)
	}
	b.WriteString("\n### Project file\n\n")
	for _, typ := range projectType.blocks {
		describe(&b, typ, "", "####")
	}
	return b.String()
}

// describe writes a block, its variants and the blocks inside.
func describe(b *strings.Builder, typ *blockType, outer, level string) {
	name := typ.header()
	if typ.of != "" {
		name = typ.of + ` "` + typ.name + `" "NAME"`
	}
	fmt.Fprintf(b, "%s `%s`%s\n\n%s", level, name, outer, typ.doc)
	if typ.many {
		b.WriteString(" May be repeated.")
	}
	b.WriteString("\n\n")
	if typ.example != "" {
		fmt.Fprintf(b, "```hcl\n%s\n```\n\n", typ.example)
	}
	for _, l := range typ.labels {
		fmt.Fprintf(b, "- `%s`: %s\n", l.name, l.doc)
	}
	if len(typ.labels) > 0 {
		b.WriteString("\n")
	}
	if len(typ.attrs) > 0 {
		b.WriteString("| attribute | type | default | meaning |\n|---|---|---|---|\n")
	}
	for _, a := range typ.attrs {
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", a.name, a.typ, whenLeftOut(a), a.doc+bounds(a))
	}
	if len(typ.attrs) > 0 {
		b.WriteString("\n")
	}
	inner := ""
	if outer == "" && typ.name == runtimeType.name {
		inner = " in `runtime`"
	}
	for _, v := range typ.variants {
		describe(b, v, "", "####")
	}
	for _, block := range typ.blocks {
		describe(b, block, inner, "####")
	}
}

func whenLeftOut(a attribute) string {
	switch {
	case a.required:
		return "required"
	case a.def != "":
		return "`" + a.def + "`"
	}
	return ""
}

func bounds(a attribute) string {
	if a.typ != number {
		return ""
	}
	return fmt.Sprintf(" From %d to %d.", a.min, a.max)
}

// Every example of the schema is decoded without a word.
func TestExamples(t *testing.T) {
	var walk func(typ *blockType, in string)
	walk = func(typ *blockType, in string) {
		if typ.example != "" {
			src := strings.Replace(in, "@", typ.example, 1)
			for _, extra := range []string{`user "sftp" {uid = 1000 }`, `build {run = "true" }`, "runtime {\n user = \"sftp\"\n entrypoint = [\"/a\"]\n}"} {
				if head, _, _ := strings.Cut(extra, "{"); strings.HasPrefix(in, "service") && !strings.Contains(src, head+"{") {
					src = strings.TrimSuffix(src, "}\n") + "  " + extra + "\n}\n"
				}
			}
			if _, diags := Decode("example.hcl", []byte(src), testEnv); len(diags) > 0 {
				t.Errorf("%v\n%s", diags, src)
			}
		}
		for _, inner := range append(typ.variants, typ.blocks...) {
			switch typ {
			case runtimeType:
				walk(inner, strings.Replace(in, "@", "runtime {\n user = \"sftp\"\n entrypoint = [\"/a\"]\n@\n}\n", 1))
			default:
				walk(inner, in)
			}
		}
	}
	for _, inner := range serviceType.blocks {
		walk(inner, "service \"x\" {\n  version = \"2.7.9\"\n  base = \"b\"\n@\n}\n")
	}
	walk(rootfsType, "base \"x\" {\n  version = \"1\"\n@\n}\n")
	walk(repositoryType, "base \"x\" {\n  version = \"1\"\n  base = \"b\"\n@\n}\n")
	for _, typ := range recipeTypes {
		walk(&blockType{example: typ.example}, "@\n")
	}
	for _, typ := range projectType.blocks {
		if _, diags := DecodeProject("tailsbuild.hcl", []byte(typ.example+"\n")); len(diags) > 0 {
			t.Errorf("%v\n%s", diags, typ.example)
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
	var walk func(typ *blockType)
	walk = func(typ *blockType) {
		if typ.doc == "" || typ.example == "" && len(typ.variants) == 0 {
			t.Errorf("%s has no documentation or example", typ.header())
		}
		for _, a := range typ.attrs {
			if !strings.HasSuffix(a.doc, ".") {
				t.Errorf("%s: the documentation of %s is no sentence", typ.header(), a.name)
			}
			if a.typ == number && a.max == 0 || a.required && a.def != "" {
				t.Errorf("%s: %s has no bounds, or a default without use", typ.header(), a.name)
			}
			if a.def != "" && a.check != nil && a.check(a.def) != nil {
				t.Errorf("%s: the default of %s is refused", typ.header(), a.name)
			}
		}
		for _, l := range typ.labels {
			if l.name == "" || l.doc == "" {
				t.Errorf("%s has a label without documentation", typ.header())
			}
		}
		for _, inner := range append(typ.variants, typ.blocks...) {
			walk(inner)
		}
	}
	for _, typ := range append(recipeTypes, projectType.blocks...) {
		walk(typ)
	}
}
