package policy

import (
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
)

// A Pattern matches names of images, element by element between slashes. A * is
// any text in one element, and ** at the end is one element or more. The zero
// Pattern matches nothing.
type Pattern struct {
	text     string
	elements []string // without a ** at the end
	rest     bool     // whether there is one
}

func (p Pattern) String() string { return p.text }

const anyRest = "**"

var patternElement = lazyregexp.New(`^[a-z0-9._:-]*(\*[a-z0-9._:-]*)?$`)

// newPattern makes a pattern of a text that checkPattern takes.
func newPattern(s string) Pattern {
	p := Pattern{text: s, elements: strings.Split(s, "/")}
	if last := len(p.elements) - 1; p.elements[last] == anyRest {
		p.elements, p.rest = p.elements[:last], true
	}
	return p
}

func checkPattern(s string) *hclschema.Problem {
	elements := strings.Split(s, "/")
	for i, element := range elements {
		last := i == len(elements)-1
		if len(s) > maxName || element == "" || !patternElement.MatchString(element) && !(last && element == anyRest) {
			return hclschema.Wrong("Not a pattern", hclschema.Quote(s)+` doesn't match names of images: they are in lower case, without tag and digest. One * in an element stands for any text there, and ** as the last element for all below, as in "registry.example/services/*".`)
		}
	}
	if host, _, ok := strings.Cut(s, "/"); ok && strings.HasSuffix(host, ":443") {
		return hclschema.Wrong("Not a pattern", "Names have no port 443, which is the one that is meant without a port. Write "+hclschema.Quote(strings.Replace(s, ":443/", "/", 1))+".")
	}
	return nil
}

// Match reports whether the pattern matches a name as [ImageName] gives it.
func (p Pattern) Match(name string) bool {
	elements := strings.Split(name, "/")
	if p.text == "" || name == "" || !p.fits(len(elements)) {
		return false
	}
	for i, pattern := range p.elements {
		if !matchElement(pattern, elements[i]) {
			return false
		}
	}
	return true
}

// fits reports whether names of n elements can match.
func (p Pattern) fits(n int) bool {
	if p.rest {
		return n > len(p.elements)
	}
	return n == len(p.elements)
}

func matchElement(pattern, s string) bool {
	before, after, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == s
	}
	return len(s) >= len(before)+len(after) && strings.HasPrefix(s, before) && strings.HasSuffix(s, after)
}

// Covers reports whether p matches every name that q matches.
func (p Pattern) Covers(q Pattern) bool {
	if !p.rest && (q.rest || len(p.elements) != len(q.elements)) {
		return false
	}
	if p.rest && (len(q.elements) < len(p.elements) || len(q.elements) == len(p.elements) && !q.rest) {
		return false
	}
	for i, element := range p.elements {
		if !coversElement(element, q.elements[i]) {
			return false
		}
	}
	return true
}

func coversElement(p, q string) bool {
	pBefore, pAfter, pStar := strings.Cut(p, "*")
	qBefore, qAfter, qStar := strings.Cut(q, "*")
	switch {
	case !qStar:
		return matchElement(p, q)
	case !pStar:
		return false
	}
	return strings.HasPrefix(qBefore, pBefore) && strings.HasSuffix(qAfter, pAfter)
}
