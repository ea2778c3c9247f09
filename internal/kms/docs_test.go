package kms

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
)

var update = flag.Bool("update", false, "write the documentation's reference")

const docsFile = "../../docs/keys.md"

// TestDocs compares the reference part of docs/keys.md with the schema that decodes
// configurations; -update writes it.
func TestDocs(t *testing.T) {
	doc, err := os.ReadFile(docsFile)
	check(t, err)
	const begin, end = "<!-- begin of the reference, which the tests write from the schema -->\n", "<!-- end of the reference -->\n"
	before, rest, ok := strings.Cut(string(doc), begin)
	old, after, fine := strings.Cut(rest, end)
	if !ok || !fine {
		t.Fatal("the marks of the reference are missing")
	}
	var b strings.Builder
	b.WriteString("\n")
	hclschema.Describe(&b, schemeType, "###")
	if *update && old != b.String() {
		check(t, os.WriteFile(docsFile, []byte(before+begin+b.String()+end+after), 0o644))
		old = b.String()
	}
	if diff := cmp.Diff(old, b.String()); diff != "" {
		t.Errorf("docs/keys.md is not what the schema says (-docs +schema; -update writes it):\n%s", diff)
	}
	for _, m := range regexp.MustCompile("(?s)```hcl\n(.*?)```").FindAllStringSubmatch(string(doc), -1) {
		if _, diags := DecodeConfig("docs.hcl", []byte(m[1])); diags.HasErrors() {
			t.Errorf("%v\n%s", diags, m[1])
		}
	}
}
