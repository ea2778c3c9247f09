package recipe

import (
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
)

// IsLicense reports whether s has the form of an SPDX license expression, which is
// what a recipe's license has to have.
func IsLicense(s string) bool { return checkLicense(s) == nil }

// checkLicense judges the form of an SPDX license expression (SPDX
// specification, annex "SPDX license expressions"):
//
//	compound = simple | simple "WITH" exception | compound "AND"|"OR" compound | "(" compound ")"
func checkLicense(s string) *hclschema.Problem {
	words := strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ").Replace(s))
	depth, operand := 0, false
	for i, word := range words {
		good := false
		switch word {
		case "(":
			good = !operand
			depth++
		case ")":
			good = operand && depth > 0
			depth--
		case "AND", "OR":
			good, operand = operand, false
		case "WITH":
			good = operand && words[i-1] != ")" && i+1 < len(words) && exceptionID.MatchString(words[i+1])
			operand = false
		default:
			good, operand = !operand && licenseID.MatchString(word), true
		}
		if !good {
			return badLicense(s, hclschema.Quote(word))
		}
	}
	if depth != 0 || !operand {
		return badLicense(s, "its end")
	}
	return nil
}

var (
	licenseID   = lazyregexp.New(`^((DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+|[A-Za-z0-9][A-Za-z0-9.-]*\+?)$`)
	exceptionID = lazyregexp.New(`^(AdditionRef-)?[A-Za-z0-9][A-Za-z0-9.-]*$`)
)

func badLicense(s, at string) *hclschema.Problem {
	return hclschema.Wrong("Not a license expression", hclschema.Quote(s)+" is not in the form that SPDX defines, at "+at+
		`. Write identifiers, joined by AND, OR and WITH in capitals, as in "MIT" or "GPL-2.0-only WITH Classpath-exception-2.0".`)
}
