package recipe

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// What a recipe or project file may have at most. Everything here is checked on
// the bytes or the tokens, before the parser sees them: hclsyntax's parser
// recurses without a limit, computes numbers without one, and joins the pieces
// of a text in quadratic time.
const (
	maxSource  = 1 << 20 // bytes in a file
	maxTokens  = 50_000  // tokens in a file
	maxPieces  = 5_000   // lines of a text, or pieces between dollar and percent signs
	maxNesting = 64      // brackets, strings and templates in one another
	maxNumber  = 20      // characters in a number
)

// What decoding may make out of a file.
const (
	maxText     = 4 << 10 // bytes in the text of one line
	maxExpanded = 4 << 20 // bytes of all texts together, after references
	maxList     = 1000    // elements in a list or table
)

// parse checks src against the limits and parses it. The body is nil when src
// isn't HCL, or asks for more than recipes may.
func parse(filename string, src []byte) (*hclsyntax.Body, hcl.Diagnostics) {
	if diag := checkBytes(filename, src); diag != nil {
		return nil, hcl.Diagnostics{diag}
	}
	if diags := checkTokens(filename, src); diags.HasErrors() {
		return nil, sorted(diags)
	}
	file, diags := hclsyntax.ParseConfig(src, filename, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, sorted(diags)
	}
	return file.Body.(*hclsyntax.Body), nil
}

// checkBytes reports the first byte for which src can't be a recipe.
func checkBytes(filename string, src []byte) *hcl.Diagnostic {
	if len(src) > maxSource {
		return failure(startOf(filename), "File is too large",
			"It has %d bytes; a recipe has at most %d. Put large content into a file of its own, and name it with source.", len(src), maxSource)
	}
	if bytes.HasPrefix(src, []byte("\uFEFF")) {
		return failure(startOf(filename), "Byte order mark",
			"The file starts with a byte order mark, which is no part of HCL. Save it as UTF-8 without one.")
	}
	for i := 0; i < len(src); {
		r, n := utf8.DecodeRune(src[i:])
		switch {
		case r == utf8.RuneError && n < 2:
			return failure(rangeAt(filename, src, i, 1), "Not UTF-8",
				"The byte %#02x is not part of a UTF-8 character. Save the file as UTF-8.", src[i])
		case r == '\r':
			return failure(rangeAt(filename, src, i, 1), "Carriage return",
				`Lines end with LF alone: with CR LF, the same text would make another image. Change the file's line endings, or write \r in a string that needs one.`)
		case r != '\n' && r != '\t' && invisible(r):
			return failure(rangeAt(filename, src, i, n), "Invisible character",
				"The character %U can't be seen, or changes the order in which others are shown, so a reviewer would read something else than the decoder. Remove it, or write it in a string as %s.", r, escape(r))
		}
		i += n
	}
	return nil
}

// invisible reports whether a reader of text would miss r, or be misled by it:
// control characters, format characters such as those for bidirectional text,
// line and paragraph separators.
func invisible(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// escape returns r as an HCL string would have it.
func escape(r rune) string {
	if r > 0xffff {
		return fmt.Sprintf(`\U%08x`, r)
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// checkTokens refuses what the parser or the evaluator would choke on. It lexes,
// which needs no recursion and is linear in src.
func checkTokens(filename string, src []byte) hcl.Diagnostics {
	tokens, diags := hclsyntax.LexConfig(src, filename, hcl.InitialPos)
	pieces := make([]int, 1, maxNesting+1) // literals of each open bracket, string or template
	for i, token := range tokens {
		if i == maxTokens {
			return append(diags, failure(token.Range, "Too many tokens",
				"The file has %d tokens; a recipe has at most %d. Put long lists and long content into files of their own.", len(tokens), maxTokens))
		}
		switch token.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOQuote,
			hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			if len(pieces) > maxNesting {
				return append(diags, failure(token.Range, "Nested too deeply",
					"Brackets, strings and templates are nested more than %d levels deep here. No recipe needs that.", maxNesting))
			}
			pieces = append(pieces, 0)
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote,
			hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
			pieces = pieces[:max(len(pieces)-1, 1)]
		case hclsyntax.TokenQuotedLit, hclsyntax.TokenStringLit:
			if pieces[len(pieces)-1]++; pieces[len(pieces)-1] > maxPieces {
				return append(diags, failure(token.Range, "Text has too many lines",
					"A text has at most %d lines. Put this one into a file of its own.", maxPieces))
			}
		}
		diags = diags.Extend(checkToken(token))
	}
	return diags
}

// checkToken refuses numbers that take forever to compute, and every way to
// compute: expressions are data.
func checkToken(token hclsyntax.Token) hcl.Diagnostics {
	switch token.Type {
	case hclsyntax.TokenNumberLit:
		if len(token.Bytes) > maxNumber || bytes.ContainsAny(token.Bytes, "eE") {
			return hcl.Diagnostics{failure(token.Range, "Number is out of range",
				"A number has at most %d characters and no exponent. Write the digits, or put text in quotes.", maxNumber)}
		}
	case hclsyntax.TokenTemplateControl:
		return hcl.Diagnostics{failure(token.Range, "Directives are not part of recipes",
			`Templates have no %%{ if } or %%{ for }: what an image holds should be seen by reading the recipe. Write the text out, or write %%%%{ when a percent sign and a brace are meant.`)}
	case hclsyntax.TokenPlus, hclsyntax.TokenMinus, hclsyntax.TokenStar, hclsyntax.TokenSlash, hclsyntax.TokenPercent,
		hclsyntax.TokenEqualOp, hclsyntax.TokenNotEqual,
		hclsyntax.TokenLessThan, hclsyntax.TokenLessThanEq, hclsyntax.TokenGreaterThan, hclsyntax.TokenGreaterThanEq,
		hclsyntax.TokenAnd, hclsyntax.TokenOr, hclsyntax.TokenBang, hclsyntax.TokenQuestion, hclsyntax.TokenEllipsis:
		return hcl.Diagnostics{failure(token.Range, "Operators are not part of recipes",
			"Expressions are data: texts, numbers, lists, references and a few functions. Write the result instead of %q, or put text in quotes.", token.Bytes)}
	}
	return nil
}
