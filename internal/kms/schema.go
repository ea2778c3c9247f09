package kms

import (
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
)

// The schema is the one place that says what a configuration has: decoding follows
// it, and the reference in docs/keys.md is written from it.

var language = &hclschema.Language{
	One: "configuration of keys", Many: "configurations of keys",
	Shows:  "which program is run",
	Alters: "a file that looks the same and isn't",
	Closed: "A configuration has no references: which program is run should be seen by reading it. Write the value out.",
	Plain:  true,
}

var configType = &hclschema.BlockType{Name: "configuration of keys", Blocks: []*hclschema.BlockType{schemeType}}

var schemeType = &hclschema.BlockType{
	Name:   "scheme",
	Labels: []hclschema.Label{{Name: "SCHEME", Check: checkScheme, Doc: "What stands before `://` in references to keys: a to z, 0 to 9 and `-`, at most 32 of them, and a letter first."}},
	Doc:    "Which program speaks for the keys of a scheme.",
	Example: `scheme "hashivault" {
  program   = "/usr/lib/tailsbuild/sigstore-kms-hashivault"
  variables = ["VAULT_ADDR", "VAULT_TOKEN"]
}`,
	Many: true,
	Attrs: []hclschema.Attribute{
		{Name: "program", Type: hclschema.Text, Required: true, Check: checkProgram, Doc: "Absolute path of the program."},
		{Name: "pin", Type: hclschema.Boolean, Default: "false", Doc: "Whether it wants a PIN or passphrase."},
		{Name: "variables", Type: hclschema.Texts, Check: checkVariable, Doc: "Names of variables that it gets from tailsbuild's environment, where they are set. None begins with `TAILSBUILD_`."},
		{Name: "environment", Type: hclschema.Table, Key: checkVariable, Doc: "Variables that it gets with these values."},
	},
}

var checkScheme = hclschema.Matches(schemeExpression, 32, "Not a scheme",
	"has other characters than a to z, 0 to 9 and -, or more than 32. It is what stands before :// in references to keys.")

func checkProgram(s string) *hclschema.Problem {
	if !filepath.IsAbs(s) || filepath.Clean(s) != s {
		return hclschema.Wrong("Not an absolute path", "A program is never looked for in PATH or another folder. Write its whole path, such as /usr/lib/tailsbuild/sigstore-kms-aws.")
	}
	return nil
}

var checkVariableName = hclschema.Matches(`[A-Za-z_][A-Za-z0-9_]*`, 64, "Not a variable's name",
	"is none: a name has letters, digits and _, at most 64.")

func checkVariable(s string) *hclschema.Problem {
	if strings.HasPrefix(s, "TAILSBUILD_") {
		return hclschema.Wrong("Variable of tailsbuild's own", hclschema.Quote(s)+" could hold a passphrase, which no program is given like this. Remove it.")
	}
	return checkVariableName(s)
}

// DecodeConfig decodes src, the content of the configuration called filename,
// which is not read. It reports every problem, in source order. The schemes are nil
// when there is one.
func DecodeConfig(filename string, src []byte) ([]*Scheme, hcl.Diagnostics) {
	body, diags := hclschema.Parse(language, filename, src)
	if body == nil {
		return nil, diags
	}
	e := hclschema.NewEvaluator(language, nil)
	top := &hclschema.Block{Type: configType, Range: hclschema.StartOf(filename)}
	e.Body(top, body)
	e.Labelled(top, schemeType.Name)
	var schemes []*Scheme
	for _, b := range top.All(schemeType.Name) {
		e.Distinct(b.Items("variables"), "Variable is there twice")
		schemes = append(schemes, &Scheme{
			Name: b.Labels[0].Text, Program: b.Text("program"), PIN: b.Text("pin") == "true",
			Variables: b.Texts("variables"), Environment: b.Table("environment"),
		})
	}
	if diags := hclschema.Sorted(e.Diags); diags.HasErrors() {
		return nil, diags
	}
	return schemes, nil
}
