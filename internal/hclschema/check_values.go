package hclschema

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// Check runs checks on a text and reports what the first of them finds.
func (e *Evaluator) Check(it Item, checks ...Check) bool {
	for _, c := range checks {
		if c == nil {
			continue
		}
		if p := c(it.Text); p != nil {
			e.Fail(it.Range, p.Summary, "%s", p.Detail)
			return false
		}
	}
	return true
}

// judge reports what is wrong with an attribute's value, which has the type that
// spec asks for.
func (e *Evaluator) judge(spec *Attribute, v Value, rng hcl.Range) bool {
	whole := Item{Text: v.Text, Range: rng}
	switch spec.Type {
	case Text:
		return e.Check(whole, checkFilled, CheckLine, spec.Check)
	case Script:
		return e.Check(whole, checkFilled, checkLines, spec.Check)
	case Content:
		return e.Check(whole, spec.Check)
	case Number:
		return e.bounds(spec, whole)
	case Texts:
		return e.elements(spec, v, rng)
	case Table:
		return e.entries(spec, v)
	}
	return true
}

func (e *Evaluator) bounds(spec *Attribute, it Item) bool {
	n, err := strconv.ParseInt(it.Text, 10, 64)
	if err != nil || n < spec.Min || n > spec.Max {
		e.Fail(it.Range, "Number is out of range", "%s is a whole number from %d to %d, not %s.", spec.Name, spec.Min, spec.Max, it.Text)
		return false
	}
	return true
}

func (e *Evaluator) elements(spec *Attribute, v Value, rng hcl.Range) bool {
	if spec.Filled && len(v.items) == 0 && !v.bad {
		e.Fail(rng, "List is empty", "%s needs at least one element: %s", spec.Name, unmarked(spec.Doc))
		return false
	}
	ok := true
	for _, it := range v.items {
		good := e.Check(it, CheckLine, spec.Check)
		ok = ok && good
	}
	return ok
}

func (e *Evaluator) entries(spec *Attribute, v Value) bool {
	ok := true
	for _, p := range v.pairs {
		good := e.Check(p.key, CheckLine, spec.Key)
		fine := e.Check(p.value, CheckLine, spec.Check)
		ok = ok && good && fine
	}
	return ok
}

func checkFilled(s string) *Problem {
	if strings.TrimSpace(s) == "" {
		return &Problem{"Text is empty", "Leave the attribute out when there is nothing to say, or fill it in."}
	}
	return nil
}

// CheckLine judges text that reaches labels, file names and terminals.
func CheckLine(s string) *Problem {
	if len(s) > MaxText {
		return &Problem{"Text is too long", fmt.Sprintf("It has %d bytes; %d are allowed here. Put long text into a file.", len(s), MaxText)}
	}
	for _, r := range s {
		if Invisible(r) {
			return &Problem{"Invisible character", fmt.Sprintf("The text has the character %U, which can't be seen or changes how a terminal shows what follows. Remove it.", r)}
		}
	}
	return nil
}

// checkLines judges a script, which may have several lines, and tabs.
func checkLines(s string) *Problem {
	for _, r := range s {
		if r != '\n' && r != '\t' && Invisible(r) {
			return &Problem{"Invisible character", fmt.Sprintf("The script has the character %U, which can't be seen or changes how a terminal shows what follows. Let printf make it.", r)}
		}
	}
	return nil
}

// unmarked returns a sentence of the documentation without its marks.
func unmarked(doc string) string { return strings.ReplaceAll(doc, "`", "") }
