package recipe

import (
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// A valueType is what an attribute holds, in the words of docs/recipe.md.
type valueType string

const (
	text    valueType = "text"          // one line that can be seen
	script  valueType = "lines of text" // that can be seen, with tabs
	content valueType = "any text"
	number  valueType = "number" // whole, not negative
	boolean valueType = "true or false"
	texts   valueType = "list of texts"
	table   valueType = "table of texts"
)

// A value is what an expression gives. Lists and tables hold texts only, which
// is all that recipes need, and what keeps evaluation simple to bound.
type value struct {
	typ   valueType
	text  string // also a number, in decimal, and "true" or "false"
	items []item
	pairs []pair
	// bad is whether an element is missing from items or pairs because it was
	// reported. The others are there, to be judged as well.
	bad bool
}

// An item is one text with the place it was written at.
type item struct {
	text string
	rng  hcl.Range
}

type pair struct {
	key, value item
}

// An evaluator computes the expressions of one file and collects what is wrong
// with them. It has no recursion beyond maxNesting levels of source and one level
// for each attribute that refers to another.
type evaluator struct {
	scope    *scope // nil where nothing can be referred to
	expanded int    // bytes of text made so far
	diags    hcl.Diagnostics
}

func (e *evaluator) fail(rng hcl.Range, summary, format string, args ...any) {
	e.diags = append(e.diags, failure(rng, summary, format, args...))
}

// eval returns what expr gives, and false after it reported why it gives nothing.
func (e *evaluator) eval(expr hclsyntax.Expression) (value, bool) {
	switch expr := expr.(type) {
	case *hclsyntax.LiteralValueExpr:
		return e.literal(expr)
	case *hclsyntax.ParenthesesExpr:
		return e.eval(expr.Expression)
	case *hclsyntax.TemplateWrapExpr:
		return e.eval(expr.Wrapped)
	case *hclsyntax.TemplateExpr:
		return e.template(expr)
	case *hclsyntax.ScopeTraversalExpr:
		return e.reference(expr)
	case *hclsyntax.FunctionCallExpr:
		return e.call(expr)
	case *hclsyntax.TupleConsExpr:
		return e.list(expr)
	case *hclsyntax.ObjectConsExpr:
		return e.table(expr)
	}
	e.fail(expr.Range(), "Expression is not data",
		"Loops, conditions, splats and indexes are not part of recipes: what an image holds should be seen by reading the recipe. Write the values out.")
	return value{}, false
}

func (e *evaluator) literal(expr *hclsyntax.LiteralValueExpr) (value, bool) {
	switch {
	case expr.Val.IsNull():
		e.fail(expr.SrcRange, "Value is null", "Leave the attribute out instead; it then has its default.")
		return value{}, false
	case expr.Val.Type() == cty.String:
		return value{typ: text, text: expr.Val.AsString()}, e.expand(expr.SrcRange, len(expr.Val.AsString()))
	case expr.Val.Type() == cty.Bool:
		return value{typ: boolean, text: strconv.FormatBool(expr.Val.True())}, true
	default:
		return value{typ: number, text: expr.Val.AsBigFloat().Text('f', -1)}, true
	}
}

func (e *evaluator) template(expr *hclsyntax.TemplateExpr) (value, bool) {
	var b strings.Builder
	ok := true
	for _, part := range expr.Parts {
		v, good := e.eval(part)
		if good && v.typ != text && v.typ != number && v.typ != boolean {
			e.fail(part.Range(), "Not a text", "A template holds texts and numbers, and this is a %s. Use join to make one text of a list.", v.typ)
			good = false
		}
		ok = ok && good && e.expand(expr.SrcRange, len(v.text))
		if !ok {
			continue
		}
		b.WriteString(v.text)
	}
	return value{typ: text, text: b.String()}, ok
}

func (e *evaluator) list(expr *hclsyntax.TupleConsExpr) (value, bool) {
	if len(expr.Exprs) > maxList {
		e.fail(expr.SrcRange, "List is too long", "It has %d elements; a list has at most %d.", len(expr.Exprs), maxList)
		return value{}, false
	}
	v := value{typ: texts}
	for _, element := range expr.Exprs {
		if it, ok := e.item(element); ok {
			v.items = append(v.items, it)
		} else {
			v.bad = true
		}
	}
	return v, true
}

func (e *evaluator) table(expr *hclsyntax.ObjectConsExpr) (value, bool) {
	if len(expr.Items) > maxList {
		e.fail(expr.SrcRange, "Table is too long", "It has %d entries; a table has at most %d.", len(expr.Items), maxList)
		return value{}, false
	}
	v := value{typ: table}
	seen := map[string]hcl.Range{}
	for _, entry := range expr.Items {
		key, good := e.key(entry.KeyExpr)
		it, fine := e.item(entry.ValueExpr)
		if !good || !fine {
			v.bad = true
			continue
		}
		if first, again := seen[key.text]; again {
			e.fail(key.rng, "Key is there twice", "The table has %s already, on line %d. Remove one of the two.", quote(key.text), first.Start.Line)
			v.bad = true
			continue
		}
		seen[key.text] = key.rng
		v.pairs = append(v.pairs, pair{key: key, value: it})
	}
	return v, true
}

// key evaluates a table's key: a name stands for itself, as in HCL.
func (e *evaluator) key(expr hclsyntax.Expression) (item, bool) {
	wrapped, ok := expr.(*hclsyntax.ObjectConsKeyExpr)
	if !ok {
		return e.item(expr)
	}
	if wrapped.ForceNonLiteral {
		return e.item(wrapped.Wrapped)
	}
	if name := hcl.ExprAsKeyword(wrapped.Wrapped); name != "" {
		return item{text: name, rng: expr.Range()}, true
	}
	if traversal, ok := wrapped.Wrapped.(*hclsyntax.ScopeTraversalExpr); ok {
		e.fail(traversal.SrcRange, "Key has dots", "Put a key with dots in quotes, and a reference in parentheses.")
		return item{}, false
	}
	return e.item(wrapped.Wrapped)
}

// item evaluates an element of a list or table, which is a text.
func (e *evaluator) item(expr hclsyntax.Expression) (item, bool) {
	v, ok := e.eval(expr)
	if !ok {
		return item{}, false
	}
	it := item{text: v.text, rng: expr.Range()}
	return it, e.want(v, text, it.rng)
}

// want reports a value that isn't of the type wanted.
func (e *evaluator) want(v value, typ valueType, rng hcl.Range) bool {
	switch {
	case v.typ == typ, v.typ == text && (typ == script || typ == content):
		return true
	case v.typ == number && (typ == text || typ == script || typ == content):
		e.fail(rng, "Not a text", "Numbers lose zeros: 3.10 is 3.1, and 0644 is 644. Write it in quotes.")
	case v.typ == text && typ == number:
		e.fail(rng, "Not a number", "This is a text. Write the number without quotes.")
	case v.typ == text && typ == boolean:
		e.fail(rng, "Not true or false", "This is a text. Write true or false, without quotes.")
	case v.typ == text && typ == texts:
		e.fail(rng, "Not a list", "This is one text. Put it in brackets: [%s].", quote(v.text))
	default:
		e.fail(rng, "Wrong type", "This is a %s, and a %s is needed.", v.typ, typ)
	}
	return false
}

// expand counts n bytes of text, and reports when they are more than a file may
// expand to: references to references could else fill the memory.
func (e *evaluator) expand(rng hcl.Range, n int) bool {
	before := e.expanded
	e.expanded = min(before+n, maxExpanded+1)
	if before <= maxExpanded && e.expanded > maxExpanded {
		e.fail(rng, "Texts are too long", "With references written out, the file's texts have more than %d bytes. Put large content into a file of its own.", maxExpanded)
	}
	return e.expanded <= maxExpanded
}
