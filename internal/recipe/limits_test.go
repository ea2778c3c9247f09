package recipe

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
)

// refusals are files that hurt hclsyntax's parser or evaluator, or that a
// reviewer would misread, with the summary of the one diagnostic they give.
func refusals() map[string][2]string {
	const head = "service \"x\" {\n  summary = "
	brackets := strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)
	return map[string][2]string{
		"brackets":        {"x = " + brackets, "Nested too deeply"},
		"open brackets":   {"x = " + strings.Repeat("[", 200_000), "Nested too deeply"},
		"braces":          {strings.Repeat("a {\n", 100_000), "Nested too deeply"},
		"objects":         {"x = " + strings.Repeat("{a=", 60_000), "Nested too deeply"},
		"parentheses":     {"x = " + strings.Repeat("(", 100_000), "Nested too deeply"},
		"calls":           {"x = " + strings.Repeat("f(", 40_000), "Nested too deeply"},
		"templates":       {"x = " + strings.Repeat(`"${`, 30_000), "Nested too deeply"},
		"negations":       {"x = " + strings.Repeat("!", 900_000) + "true", "Operators are not part of recipes"},
		"signs":           {"x = " + strings.Repeat("-", 900_000) + "1", "Operators are not part of recipes"},
		"conditionals":    {"x = " + strings.Repeat("a?b:", 20_000) + "c", "Operators are not part of recipes"},
		"indexes":         {head + "var" + strings.Repeat("[a]", 12_000) + "\n}", "Expression is not data"},
		"exponent":        {head + "1E9999999\n}", "Number is out of range"},
		"quoted exponent": {head + "\"${\"1E9999999\"+0}\"\n}", "Operators are not part of recipes"},
		"index by text":   {head + "[\"a\"][\"1E9999999\"]\n}", "Expression is not data"},
		"long number":     {head + strings.Repeat("9", 100_000) + "\n}", "Number is out of range"},
		"many tokens":     {strings.Repeat("a=b\n", 50_000), "Too many tokens"},
		"large":           {"# " + strings.Repeat("x", 1<<20), "File is too large"},
		"invalid UTF-8":   {"# \xff", "Not UTF-8"},
		"surrogate":       {"# \xed\xa0\x80", "Not UTF-8"},
		"cut UTF-8":       {"# \xc3", "Not UTF-8"},
		"NUL":             {"# \x00", "Invisible character"},
		"escape":          {"# \x1b[31m", "Invisible character"},
		"bidi":            {"# \u202e", "Invisible character"},
		"zero width":      {"a\u200bb = 1", "Invisible character"},
		"inner BOM":       {"# \ufeff", "Invisible character"},
		"BOM":             {"\ufeffservice \"x\" {}", "Byte order mark"},
		"CR LF":           {"service \"x\" {\r\n}\r\n", "Carriage return"},
		"list":            {head + "[" + strings.Repeat(`"a",`, 1001) + "]\n}", "List is too long"},
		"table":           {"service \"x\" {\n  labels = {" + strings.Repeat("a=\"b\",", 1001) + "}\n}", "Table is too long"},
		"lines":           {head + "<<EOT\n" + strings.Repeat("x\n", 20_000) + "EOT\n}", "Text has too many lines"},
		"dollars":         {head + "\"" + strings.Repeat("$", 40_000) + "\"\n}", ""},
		"dollar signs":    {head + "\"" + strings.Repeat("$a", 20_000) + "\"\n}", ""},
		"split":           {head + "split(\",\", \"" + strings.Repeat(",", 1000) + "\")\n}", "List is too long"},
		"replace":         {head + "replace(\"" + strings.Repeat("a", 10_000) + "\", \"a\", \"" + strings.Repeat("b", 10_000) + "\")\n}", "Texts are too long"},
		"references":      {"service \"x\" {\n" + bomb() + "}", "Texts are too long"},
	}
}

// bomb has attributes that each hold the one before 500 times.
func bomb() string {
	names := []string{"summary", "homepage", "license", "documentation", "client", "connect"}
	b := fmt.Sprintf("  %s = \"x\"\n", names[0])
	for i, name := range names[1:] {
		b += fmt.Sprintf("  %s = %q\n", name, strings.Repeat("${self."+names[i]+"}", 500))
	}
	return b
}

func TestLimits(t *testing.T) {
	for name, test := range refusals() {
		start := time.Now()
		_, diags := Decode("recipe.hcl", []byte(test[0]), testEnv)
		if took := time.Since(start); took > time.Minute {
			t.Errorf("%s: took %v", name, took)
		}
		found := false
		for _, d := range diags {
			found = found || d.Summary == test[1] || test[1] == ""
			if len(d.Detail) > 1000 {
				t.Errorf("%s: a detail of %d bytes", name, len(d.Detail))
			}
		}
		if !found {
			t.Errorf("%s: got %v, want %q", name, diags, test[1])
		}
		if _, pdiags := DecodeProject("tailsbuild.hcl", []byte(test[0])); !pdiags.HasErrors() {
			t.Errorf("%s: accepted as a project file", name)
		}
	}
}

// What the limits allow is decoded in no time as well.
func TestLimitsAllow(t *testing.T) {
	const head = "service \"x\" {\n  version = \"1\"\n  base = \"b\"\n"
	for name, src := range map[string]string{
		"large content": head + "  file \"/a\" {\n    content = \"" + strings.Repeat("x", 1_000_000) + "\"\n  }\n}\n",
		"long heredoc":  head + "  build {\n    run = <<-EOT\n" + strings.Repeat("      true # "+strings.Repeat("x", 180)+"\n", 4_900) + "    EOT\n  }\n}\n",
		"nested":        head + "  summary = " + strings.Repeat("(", 60) + `"x"` + strings.Repeat(")", 60) + "\n}\n",
		"utf-8":         head + "  summary = \"Grüße, 世界 😀\"\n}\n",
	} {
		start := time.Now()
		if _, diags := Decode("recipe.hcl", []byte(src), testEnv); len(diags) > 0 {
			t.Errorf("%s: %v", name, diags)
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

func TestInvisiblePosition(t *testing.T) {
	_, diags := Decode("recipe.hcl", []byte("# a\n# ü\u202e\n"), testEnv)
	if len(diags) != 1 || diags[0].Subject.Start.Line != 2 || diags[0].Subject.Start.Column != 4 || diags[0].Subject.Start.Byte != 8 {
		t.Errorf("got %v at %v", diags, diags[0].Subject)
	}
}

// What a file says can't reach a terminal as an order to it.
func TestWriteDiagnosticsEscapes(t *testing.T) {
	for name, src := range map[string]string{
		"source": "service \"x\" { # \x1b]0;title\x07\n}\n",
		"label":  "service \"x\\u001b[31m\" {\n}\n",
		"value":  "service \"x\" {\n  summary = \"\\u001b[31m\"\n  homepage = \"\\u009b31m\"\n}\n",
	} {
		var out strings.Builder
		_, diags := Decode("recipe.hcl", []byte(src), testEnv)
		if err := hclschema.WriteDiagnostics(&out, map[string][]byte{"recipe.hcl": []byte(src)}, diags, false); err != nil {
			t.Fatal(err)
		}
		if !diags.HasErrors() || strings.ContainsAny(out.String(), "\x1b\x07\u009b") {
			t.Errorf("%s: %q", name, out.String())
		}
	}
}

func TestWriteDiagnosticsColor(t *testing.T) {
	src := []byte("service \"x\" {\n\tversion\t= 1\n  base = \"a\"\n}\n")
	_, diags := Decode("recipe.hcl", src, testEnv)
	var out strings.Builder
	if err := hclschema.WriteDiagnostics(&out, map[string][]byte{"recipe.hcl": src}, diags, true); err != nil {
		t.Fatal(err)
	}
	want := "\x1b[31mError\x1b[0m: \x1b[1mNot a text\x1b[0m\n  on recipe.hcl:2,12\n    2 |  version = 1\n      | \x1b[31m           ^\x1b[0m\n  Numbers lose zeros: 3.10 is 3.1, and 0644 is 644. Write it in quotes.\n\n"
	if out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
}
