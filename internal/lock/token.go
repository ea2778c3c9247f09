package lock

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Limits that hold before the parser sees a byte.
const (
	maxBytes   = 4 << 20
	maxNesting = 8
	maxDigits  = 18 // fits an int64 and is larger than any size
	maxErrors  = 20 // of one kind; a broken file would repeat itself
)

// checkTokens reports what a lock never has: expressions beyond literals, deep
// nesting, long numbers, carriage returns. What passes is parsed in time and
// stack that are proportional to its length.
func checkTokens(filename string, src []byte) hcl.Diagnostics {
	if len(src) > maxBytes {
		return hcl.Diagnostics{problem(hcl.Range{Filename: filename, Start: hcl.InitialPos, End: hcl.InitialPos},
			"Lock is too large", fmt.Sprintf("It has %d bytes, more than %d. Run tailsbuild lock again.", len(src), maxBytes))}
	}
	tokens, diags := hclsyntax.LexConfig(src, filename, hcl.InitialPos)
	if diags.HasErrors() {
		return diags
	}
	depth := 0
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack:
			depth++
			if depth > maxNesting {
				return append(diags, problem(t.Range, "Lock is nested too deeply",
					fmt.Sprintf("A lock has at most %d levels of brackets. Run tailsbuild lock again.", maxNesting)))
			}
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack:
			depth--
		default:
			if n := len(diags); n > 0 && diags[n-1].Subject.Start.Line == t.Range.Start.Line {
				continue // one problem a line is enough
			}
			diags = append(diags, checkToken(t)...)
		}
		if len(diags) >= maxErrors {
			break
		}
	}
	return diags
}

func checkToken(t hclsyntax.Token) hcl.Diagnostics {
	switch t.Type {
	case hclsyntax.TokenIdent, hclsyntax.TokenOQuote, hclsyntax.TokenCQuote,
		hclsyntax.TokenEqual, hclsyntax.TokenComma, hclsyntax.TokenEOF:
		return nil
	case hclsyntax.TokenQuotedLit, hclsyntax.TokenComment, hclsyntax.TokenNewline:
		for i, c := range t.Bytes {
			if c == '\r' {
				rng := t.Range
				rng.Start.Byte += i
				return hcl.Diagnostics{problem(rng, "Carriage return in a lock",
					"Lines of a lock end with LF alone, so that its bytes are the same everywhere. Check the editor's or git's line ending settings.")}
			}
		}
		return nil
	case hclsyntax.TokenNumberLit:
		if len(t.Bytes) > maxDigits || !allDigits(t.Bytes) {
			return hcl.Diagnostics{problem(t.Range, "Not a plain number",
				fmt.Sprintf("Numbers in a lock are whole, not negative, and have at most %d digits.", maxDigits))}
		}
		return nil
	case hclsyntax.TokenMinus:
		return hcl.Diagnostics{problem(t.Range, "Negative number", "Sizes and versions in a lock are never negative.")}
	default:
		return hcl.Diagnostics{problem(t.Range, "Expression in a lock",
			fmt.Sprintf("A lock has only quoted strings, whole numbers and lists of strings, so %q can't stand here. Locks are written by tailsbuild lock, not by hand.", t.Bytes))}
	}
}

func allDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

// problem makes an error diagnostic with a subject.
func problem(rng hcl.Range, summary, detail string) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: rng.Ptr()}
}
