package recipe

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// check runs checks on a text and reports what the first of them finds.
func (e *evaluator) check(it item, checks ...check) bool {
	for _, c := range checks {
		if c == nil {
			continue
		}
		if p := c(it.text); p != nil {
			e.fail(it.rng, p.summary, "%s", p.detail)
			return false
		}
	}
	return true
}

// judge reports what is wrong with an attribute's value, which has the type that
// spec asks for.
func (e *evaluator) judge(spec *attribute, v value, rng hcl.Range) bool {
	whole := item{text: v.text, rng: rng}
	switch spec.typ {
	case text:
		return e.check(whole, checkFilled, checkLine, spec.check)
	case script:
		return e.check(whole, checkFilled, checkLines, spec.check)
	case content:
		return e.check(whole, spec.check)
	case number:
		return e.bounds(spec, whole)
	case texts:
		return e.elements(spec, v, rng)
	case table:
		return e.entries(spec, v)
	}
	return true
}

func (e *evaluator) bounds(spec *attribute, it item) bool {
	n, err := strconv.ParseInt(it.text, 10, 64)
	if err != nil || n < spec.min || n > spec.max {
		e.fail(it.rng, "Number is out of range", "%s is a whole number from %d to %d, not %s.", spec.name, spec.min, spec.max, it.text)
		return false
	}
	return true
}

func (e *evaluator) elements(spec *attribute, v value, rng hcl.Range) bool {
	if spec.filled && len(v.items) == 0 && !v.bad {
		e.fail(rng, "List is empty", "%s needs at least one element: %s", spec.name, unmarked(spec.doc))
		return false
	}
	ok := true
	for _, it := range v.items {
		good := e.check(it, checkLine, spec.check)
		ok = ok && good
	}
	return ok
}

func (e *evaluator) entries(spec *attribute, v value) bool {
	ok := true
	for _, p := range v.pairs {
		good := e.check(p.key, checkLine, spec.key)
		fine := e.check(p.value, checkLine, spec.check)
		ok = ok && good && fine
	}
	return ok
}

func checkFilled(s string) *problem {
	if strings.TrimSpace(s) == "" {
		return &problem{"Text is empty", "Leave the attribute out when there is nothing to say, or fill it in."}
	}
	return nil
}

// checkLine judges text that reaches labels, file names and terminals.
func checkLine(s string) *problem {
	if len(s) > maxText {
		return &problem{"Text is too long", fmt.Sprintf("It has %d bytes; %d are allowed here. Put long text into a file.", len(s), maxText)}
	}
	for _, r := range s {
		if invisible(r) {
			return &problem{"Invisible character", fmt.Sprintf("The text has the character %U, which can't be seen or changes how a terminal shows what follows. Remove it.", r)}
		}
	}
	return nil
}

// checkLines judges a script, which may have several lines, and tabs.
func checkLines(s string) *problem {
	for _, r := range s {
		if r != '\n' && r != '\t' && invisible(r) {
			return &problem{"Invisible character", fmt.Sprintf("The script has the character %U, which can't be seen or changes how a terminal shows what follows. Let printf make it.", r)}
		}
	}
	return nil
}

// unmarked returns a sentence of the documentation without its marks.
func unmarked(doc string) string { return strings.ReplaceAll(doc, "`", "") }
