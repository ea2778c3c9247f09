package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/github/go-spdx/v2/spdxexp/spdxlicenses"

	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

const (
	noAssertion = "NOASSERTION"
	licenseRef  = "LicenseRef-"
	maxLicense  = 4096
)

// licenses makes SPDX license expressions of what packages say, and remembers the
// licenses that SPDX doesn't know, by the names that it gave them.
type licenses map[string]string

// expression returns what text says as an SPDX license expression (SPDX 2.3, annex
// D). A license that is not on SPDX's list becomes a LicenseRef of the same name, and
// a text that is no expression one LicenseRef as a whole.
func (l licenses) expression(text string) string {
	switch {
	case strings.TrimSpace(text) == "" || len(text) > maxLicense:
		return noAssertion
	case !recipe.IsLicense(text):
		return l.whole(text)
	}
	words := strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ").Replace(text))
	for i, word := range words {
		switch {
		case slices.Contains([]string{"(", ")", "AND", "OR", "WITH"}, word):
		case i > 0 && words[i-1] == "WITH":
			known, id := spdxlicenses.IsException(word)
			if !known {
				return l.whole(text)
			}
			words[i] = id
		case strings.HasPrefix(word, "DocumentRef-"):
			return l.whole(text) // to a document that nobody has
		default:
			words[i] = l.id(word)
		}
	}
	return strings.NewReplacer("( ", "(", " )", ")").Replace(strings.Join(words, " "))
}

// id returns a license as SPDX writes it.
func (l licenses) id(word string) string {
	name, later := strings.CutSuffix(word, "+")
	known, id := spdxlicenses.IsActiveLicense(name)
	if !known {
		known, id = spdxlicenses.IsDeprecatedLicense(name)
	}
	switch {
	case known && later:
		return id + "+"
	case known:
		return id
	}
	ref := licenseRef + strings.TrimPrefix(name, licenseRef)
	if later {
		ref += "-or-later"
	}
	l[ref] = word
	return ref
}

func (l licenses) whole(text string) string {
	sum := sha256.Sum256([]byte(text))
	ref := licenseRef + hex.EncodeToString(sum[:8])
	l[ref] = text
	return ref
}

// An extractedLicense is one that SPDX has no name for.
type extractedLicense struct {
	ID   string `json:"licenseId"`
	Text string `json:"extractedText"`
	Name string `json:"name"`
}

// extracted returns those that were given names.
func (l licenses) extracted() []extractedLicense {
	var all []extractedLicense
	for _, ref := range slices.Sorted(maps.Keys(l)) {
		all = append(all, extractedLicense{
			ID: ref, Name: l[ref],
			Text: "The package says " + l[ref] + ", which is not on SPDX's list.",
		})
	}
	return all
}

// licenseList is the version of SPDX's list, as documents have it.
func licenseList() string {
	parts := strings.SplitN(spdxlicenses.LicenseListVersion(), ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}
