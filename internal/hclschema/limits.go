package hclschema

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// What a file may have at most. Everything here is checked on
// the bytes or the tokens, before the parser sees them: hclsyntax's parser
// recurses without a limit, computes numbers without one, and joins the pieces
// of a text in quadratic time.
const (
	MaxSource  = 1 << 20 // bytes in a file
	MaxTokens  = 50_000  // tokens in a file
	MaxPieces  = 5_000   // lines of a text, or pieces between dollar and percent signs
	MaxNesting = 64      // brackets, strings and templates in one another
	MaxNumber  = 20      // characters in a number
)

// What decoding may make out of a file.
const (
	MaxText     = 4 << 10 // bytes in the text of one line
	MaxExpanded = 4 << 20 // bytes of all texts together, after references
	MaxList     = 1000    // elements in a list or table
)

// Parse checks src against the limits and parses it. The body is nil when src
// isn't HCL, or asks for more than files may.
func Parse(lang *Language, filename string, src []byte) (*hclsyntax.Body, hcl.Diagnostics) {
	if diag := checkBytes(lang, filename, src); diag != nil {
		return nil, hcl.Diagnostics{diag}
	}
	if diags := checkTokens(lang, filename, src); diags.HasErrors() {
		return nil, Sorted(diags)
	}
	file, diags := hclsyntax.ParseConfig(src, filename, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, Sorted(diags)
	}
	return file.Body.(*hclsyntax.Body), nil
}

// checkBytes reports the first byte for which src can't be one.
func checkBytes(lang *Language, filename string, src []byte) *hcl.Diagnostic {
	if len(src) > MaxSource {
		return Failure(StartOf(filename), "File is too large",
			"It has %d bytes; a %s has at most %d.%s", len(src), lang.One, MaxSource, lang.Large)
	}
	if bytes.HasPrefix(src, []byte("\uFEFF")) {
		return Failure(StartOf(filename), "Byte order mark",
			"The file starts with a byte order mark, which is no part of HCL. Save it as UTF-8 without one.")
	}
	for i := 0; i < len(src); {
		r, n := utf8.DecodeRune(src[i:])
		switch {
		case r == utf8.RuneError && n < 2:
			return Failure(rangeAt(filename, src, i, 1), "Not UTF-8",
				"The byte %#02x is not part of a UTF-8 character. Save the file as UTF-8.", src[i])
		case r == '\r':
			return Failure(rangeAt(filename, src, i, 1), "Carriage return",
				`Lines end with LF alone: with CR LF, the same text would make %s. Change the file's line endings, or write \r in a string that needs one.`, lang.Alters)
		case r != '\n' && r != '\t' && Invisible(r):
			return Failure(rangeAt(filename, src, i, n), "Invisible character",
				"The character %U can't be seen, or changes the order in which others are shown, so a reviewer would read something else than the decoder. Remove it, or write it in a string as %s.", r, escape(r))
		}
		i += n
	}
	return nil
}

// Invisible reports whether a reader of text would miss r, or be misled by it:
// control characters, format characters such as those for bidirectional text,
// line and paragraph separators.
func Invisible(r rune) bool {
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
func checkTokens(lang *Language, filename string, src []byte) hcl.Diagnostics {
	tokens, diags := hclsyntax.LexConfig(src, filename, hcl.InitialPos)
	pieces := make([]int, 1, MaxNesting+1) // literals of each open bracket, string or template
	for i, token := range tokens {
		if i == MaxTokens {
			return append(diags, Failure(token.Range, "Too many tokens",
				"The file has %d tokens; a %s has at most %d. Put long lists and long content into files of their own.", len(tokens), lang.One, MaxTokens))
		}
		switch token.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOQuote,
			hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			if len(pieces) > MaxNesting {
				return append(diags, Failure(token.Range, "Nested too deeply",
					"Brackets, strings and templates are nested more than %d levels deep here. No %s needs that.", MaxNesting, lang.One))
			}
			pieces = append(pieces, 0)
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote,
			hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
			pieces = pieces[:max(len(pieces)-1, 1)]
		case hclsyntax.TokenQuotedLit, hclsyntax.TokenStringLit:
			if pieces[len(pieces)-1]++; pieces[len(pieces)-1] > MaxPieces {
				return append(diags, Failure(token.Range, "Text has too many lines",
					"A text has at most %d lines. Put this one into a file of its own.", MaxPieces))
			}
		}
		diags = diags.Extend(checkToken(lang, token))
	}
	return diags
}

// checkToken refuses numbers that take forever to compute, and every way to
// compute: expressions are data.
func checkToken(lang *Language, token hclsyntax.Token) hcl.Diagnostics {
	switch token.Type {
	case hclsyntax.TokenNumberLit:
		if len(token.Bytes) > MaxNumber || bytes.ContainsAny(token.Bytes, "eE") {
			return hcl.Diagnostics{Failure(token.Range, "Number is out of range",
				"A number has at most %d characters and no exponent. Write the digits, or put text in quotes.", MaxNumber)}
		}
	case hclsyntax.TokenTemplateControl:
		return hcl.Diagnostics{Failure(token.Range, "Directives are not part of "+lang.Many,
			`Templates have no %%{ if } or %%{ for }: %s should be seen by reading the %s. Write the text out, or write %%%%{ when a percent sign and a brace are meant.`, lang.Shows, lang.One)}
	case hclsyntax.TokenPlus, hclsyntax.TokenMinus, hclsyntax.TokenStar, hclsyntax.TokenSlash, hclsyntax.TokenPercent,
		hclsyntax.TokenEqualOp, hclsyntax.TokenNotEqual,
		hclsyntax.TokenLessThan, hclsyntax.TokenLessThanEq, hclsyntax.TokenGreaterThan, hclsyntax.TokenGreaterThanEq,
		hclsyntax.TokenAnd, hclsyntax.TokenOr, hclsyntax.TokenBang, hclsyntax.TokenQuestion, hclsyntax.TokenEllipsis:
		return hcl.Diagnostics{Failure(token.Range, "Operators are not part of "+lang.Many,
			"Expressions are data: texts, numbers, lists, references and a few functions. Write the result instead of %q, or put text in quotes.", token.Bytes)}
	}
	return nil
}
