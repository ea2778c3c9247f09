package kms

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

const (
	maxNesting = 3
	maxValue   = 4 << 10 // bytes in a text
)

// DecodeConfig decodes src, the content of the configuration called filename,
// which is not read. The schemes are nil when there is an error.
func DecodeConfig(filename string, src []byte) ([]*Scheme, hcl.Diagnostics) {
	if diags := checkTokens(filename, src); diags.HasErrors() {
		return nil, diags
	}
	file, diags := hclsyntax.ParseConfig(src, filename, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, subjects(filename, diags)
	}
	content, diags := file.Body.Content(&hcl.BodySchema{
		Blocks: []hcl.BlockHeaderSchema{{Type: "scheme", LabelNames: []string{"name"}}},
	})
	d := &decoder{diags: diags}
	var schemes []*Scheme
	seen := map[string]bool{}
	for _, block := range content.Blocks {
		s := d.scheme(block)
		if seen[s.Name] {
			d.add(block.LabelRanges[0], "Scheme is there twice", "Put everything about %q into one block.", s.Name)
		}
		seen[s.Name] = true
		schemes = append(schemes, s)
	}
	if d.diags.HasErrors() {
		return nil, subjects(filename, d.diags)
	}
	return schemes, nil
}

// A decoder collects the diagnostics of one file.
type decoder struct{ diags hcl.Diagnostics }

func (d *decoder) add(rng hcl.Range, summary, format string, args ...any) {
	d.diags = append(d.diags, &hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: rng.Ptr(),
	})
}

func (d *decoder) scheme(block *hcl.Block) *Scheme {
	s := &Scheme{Name: block.Labels[0]}
	if !schemePattern.MatchString(s.Name) {
		d.add(block.LabelRanges[0], "Not a scheme", "%q has other characters than a to z, 0 to 9 and -, or more than 32. It is what stands before :// in references to keys.", s.Name)
	}
	content, diags := block.Body.Content(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{
		{Name: "program", Required: true}, {Name: "pin"}, {Name: "variables"}, {Name: "environment"},
	}})
	d.diags = append(d.diags, diags...)
	if a := content.Attributes["program"]; a != nil {
		if s.Program = d.value(a.Expr); !filepath.IsAbs(s.Program) || filepath.Clean(s.Program) != s.Program {
			d.add(a.Expr.Range(), "Not an absolute path", "A program is never looked for in PATH or another folder. Write its whole path, such as /usr/lib/tailsbuild/sigstore-kms-aws.")
		}
	}
	if a := content.Attributes["pin"]; a != nil {
		s.PIN = d.boolean(a.Expr)
	}
	if a := content.Attributes["variables"]; a != nil {
		exprs, diags := hcl.ExprList(a.Expr)
		d.diags = append(d.diags, diags...)
		for _, expr := range exprs {
			s.Variables = append(s.Variables, d.variable(expr, d.value(expr)))
		}
	}
	if a := content.Attributes["environment"]; a != nil {
		s.Environment = d.environment(a.Expr)
	}
	return s
}

func (d *decoder) environment(expr hcl.Expression) map[string]string {
	pairs, diags := hcl.ExprMap(expr)
	d.diags = append(d.diags, diags...)
	env := map[string]string{}
	for _, p := range pairs {
		name := d.variable(p.Key, d.value(p.Key))
		if _, again := env[name]; again {
			d.add(p.Key.Range(), "Variable is there twice", "%s has a value already.", name)
		}
		env[name] = d.value(p.Value)
	}
	return env
}

var variablePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// variable checks the name of a variable.
func (d *decoder) variable(expr hcl.Expression, name string) string {
	switch {
	case !variablePattern.MatchString(name):
		d.add(expr.Range(), "Not a variable's name", "%q has other characters than letters, digits and _.", name)
	case strings.HasPrefix(name, "TAILSBUILD_"):
		d.add(expr.Range(), "Variable of tailsbuild's own", "%s could hold a passphrase, which no program is given like this.", name)
	}
	return name
}

// value returns a text, which is written in quotes or, for a variable's name on the
// left, without.
func (d *decoder) value(expr hcl.Expression) string {
	v, diags := expr.Value(nil)
	if diags.HasErrors() || v.IsNull() || v.Type() != cty.String || len(v.AsString()) > maxValue || strings.Contains(v.AsString(), "\x00") {
		d.add(expr.Range(), "Not a text", "Write it in quotes, with at most %d bytes.", maxValue)
		return ""
	}
	return v.AsString()
}

func (d *decoder) boolean(expr hcl.Expression) bool {
	v, diags := expr.Value(nil)
	if diags.HasErrors() || v.IsNull() || v.Type() != cty.Bool {
		d.add(expr.Range(), "Neither true nor false", "Write pin = true if the program wants a PIN.")
		return false
	}
	return v.True()
}

// checkTokens refuses, before the parser sees it, all but blocks, texts, lists and
// tables.
func checkTokens(filename string, src []byte) hcl.Diagnostics {
	tokens, diags := hclsyntax.LexConfig(src, filename, hcl.InitialPos)
	if diags.HasErrors() {
		return subjects(filename, diags)
	}
	d, depth := &decoder{}, 0
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack:
			if depth++; depth > maxNesting {
				d.add(t.Range, "Nested too deeply", "A configuration has a list or table in a block, and nothing in that.")
			}
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack:
			depth--
		case hclsyntax.TokenIdent, hclsyntax.TokenEqual, hclsyntax.TokenComma, hclsyntax.TokenNewline, hclsyntax.TokenEOF,
			hclsyntax.TokenOQuote, hclsyntax.TokenCQuote, hclsyntax.TokenQuotedLit, hclsyntax.TokenComment:
		default:
			d.add(t.Range, "Expression in a configuration", "It has texts in quotes, lists and tables of them, true and false alone.")
		}
		if d.diags.HasErrors() {
			return d.diags
		}
	}
	return nil
}

// subjects gives every diagnostic a place.
func subjects(filename string, diags hcl.Diagnostics) hcl.Diagnostics {
	for _, d := range diags {
		if d.Subject == nil {
			d.Subject = &hcl.Range{Filename: filename, Start: hcl.InitialPos, End: hcl.InitialPos}
		}
	}
	return diags
}
