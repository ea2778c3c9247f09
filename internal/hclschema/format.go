package hclschema

import (
	"bytes"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// Format returns src in the one layout that our files have:
// indented by two spaces, equals signs aligned, one newline at the end. It
// changes nothing else. When src breaks a limit or isn't HCL, it returns nil and
// says why.
func Format(lang *Language, filename string, src []byte) ([]byte, hcl.Diagnostics) {
	if _, diags := Parse(lang, filename, src); diags.HasErrors() {
		return nil, diags
	}
	out := hclwrite.Format(src)
	if len(bytes.TrimSpace(out)) == 0 {
		return nil, nil
	}
	return append(bytes.TrimRight(out, " \t\n"), '\n'), nil
}
