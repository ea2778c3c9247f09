package hclschema

import (
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// A ValueType is what an attribute holds, in the words of the documentation.
type ValueType string

const (
	Text    ValueType = "text"          // one line that can be seen
	Script  ValueType = "lines of text" // that can be seen, with tabs
	Content ValueType = "any text"
	Number  ValueType = "number" // whole, not negative
	Boolean ValueType = "true or false"
	Texts   ValueType = "list of texts"
	Table   ValueType = "table of texts"
)

// A Value is what an expression gives. Lists and tables hold texts only, which
// is all that our files need, and what keeps evaluation simple to bound.
type Value struct {
	Type  ValueType
	Text  string // also a number, in decimal, and "true" or "false"
	items []Item
	pairs []pair
	// bad is whether an element is missing from items or pairs because it was
	// reported. The others are there, to be judged as well.
	bad bool
}

// An Item is one text with the place it was written at.
type Item struct {
	Text  string
	Range hcl.Range
}

type pair struct {
	key, value Item
}

// An Evaluator computes the expressions of one file and collects what is wrong
// with them. It has no recursion beyond MaxNesting levels of source and one level
// for each attribute that refers to another.
type Evaluator struct {
	lang     *Language
	scope    Referrer // nil where nothing can be referred to
	expanded int      // bytes of text made so far
	// Diags has what was reported, in no order.
	Diags hcl.Diagnostics
}

// NewEvaluator returns an evaluator of one file. Where scope is nil, nothing can be
// referred to.
func NewEvaluator(lang *Language, scope Referrer) *Evaluator {
	return &Evaluator{lang: lang, scope: scope}
}

// Fail reports an error at rng.
func (e *Evaluator) Fail(rng hcl.Range, summary, format string, args ...any) {
	e.Diags = append(e.Diags, Failure(rng, summary, format, args...))
}

// Eval returns what expr gives, and false after it reported why it gives nothing.
func (e *Evaluator) Eval(expr hclsyntax.Expression) (Value, bool) {
	switch expr := expr.(type) {
	case *hclsyntax.LiteralValueExpr:
		return e.literal(expr)
	case *hclsyntax.ParenthesesExpr:
		return e.Eval(expr.Expression)
	case *hclsyntax.TemplateWrapExpr:
		return e.Eval(expr.Wrapped)
	case *hclsyntax.TemplateExpr:
		return e.template(expr)
	case *hclsyntax.ScopeTraversalExpr:
		if e.scope != nil {
			return e.scope.Reference(expr)
		}
		e.Fail(expr.SrcRange, "Nothing to refer to", "%s", e.lang.Closed)
		return Value{}, false
	case *hclsyntax.FunctionCallExpr:
		return e.call(expr)
	case *hclsyntax.TupleConsExpr:
		return e.list(expr)
	case *hclsyntax.ObjectConsExpr:
		return e.table(expr)
	}
	e.Fail(expr.Range(), "Expression is not data",
		"Loops, conditions, splats and indexes are not part of %s: %s should be seen by reading the %s. Write the values out.", e.lang.Many, e.lang.Shows, e.lang.One)
	return Value{}, false
}

func (e *Evaluator) literal(expr *hclsyntax.LiteralValueExpr) (Value, bool) {
	switch {
	case expr.Val.IsNull():
		e.Fail(expr.SrcRange, "Value is null", "Leave the attribute out instead; it then has its default.")
		return Value{}, false
	case expr.Val.Type() == cty.String:
		return Value{Type: Text, Text: expr.Val.AsString()}, e.expand(expr.SrcRange, len(expr.Val.AsString()))
	case expr.Val.Type() == cty.Bool:
		return Value{Type: Boolean, Text: strconv.FormatBool(expr.Val.True())}, true
	default:
		return Value{Type: Number, Text: expr.Val.AsBigFloat().Text('f', -1)}, true
	}
}

func (e *Evaluator) template(expr *hclsyntax.TemplateExpr) (Value, bool) {
	var b strings.Builder
	ok := true
	for _, part := range expr.Parts {
		v, good := e.Eval(part)
		if good && v.Type != Text && v.Type != Number && v.Type != Boolean {
			e.Fail(part.Range(), "Not a text", "A template holds texts and numbers, and this is a %s. Use join to make one text of a list.", v.Type)
			good = false
		}
		ok = ok && good && e.expand(expr.SrcRange, len(v.Text))
		if !ok {
			continue
		}
		b.WriteString(v.Text)
	}
	return Value{Type: Text, Text: b.String()}, ok
}

func (e *Evaluator) list(expr *hclsyntax.TupleConsExpr) (Value, bool) {
	if len(expr.Exprs) > MaxList {
		e.Fail(expr.SrcRange, "List is too long", "It has %d elements; a list has at most %d.", len(expr.Exprs), MaxList)
		return Value{}, false
	}
	v := Value{Type: Texts}
	for _, element := range expr.Exprs {
		if it, ok := e.item(element); ok {
			v.items = append(v.items, it)
		} else {
			v.bad = true
		}
	}
	return v, true
}

func (e *Evaluator) table(expr *hclsyntax.ObjectConsExpr) (Value, bool) {
	if len(expr.Items) > MaxList {
		e.Fail(expr.SrcRange, "Table is too long", "It has %d entries; a table has at most %d.", len(expr.Items), MaxList)
		return Value{}, false
	}
	v := Value{Type: Table}
	seen := map[string]hcl.Range{}
	for _, entry := range expr.Items {
		key, good := e.key(entry.KeyExpr)
		it, fine := e.item(entry.ValueExpr)
		if !good || !fine {
			v.bad = true
			continue
		}
		if first, again := seen[key.Text]; again {
			e.Fail(key.Range, "Key is there twice", "The table has %s already, on line %d. Remove one of the two.", Quote(key.Text), first.Start.Line)
			v.bad = true
			continue
		}
		seen[key.Text] = key.Range
		v.pairs = append(v.pairs, pair{key: key, value: it})
	}
	return v, true
}

// key evaluates a table's key: a name stands for itself, as in HCL.
func (e *Evaluator) key(expr hclsyntax.Expression) (Item, bool) {
	wrapped, ok := expr.(*hclsyntax.ObjectConsKeyExpr)
	if !ok {
		return e.item(expr)
	}
	if wrapped.ForceNonLiteral {
		return e.item(wrapped.Wrapped)
	}
	if name := hcl.ExprAsKeyword(wrapped.Wrapped); name != "" {
		return Item{Text: name, Range: expr.Range()}, true
	}
	if traversal, ok := wrapped.Wrapped.(*hclsyntax.ScopeTraversalExpr); ok {
		e.Fail(traversal.SrcRange, "Key has dots", "Put a key with dots in quotes, and a reference in parentheses.")
		return Item{}, false
	}
	return e.item(wrapped.Wrapped)
}

// item evaluates an element of a list or table, which is a text.
func (e *Evaluator) item(expr hclsyntax.Expression) (Item, bool) {
	v, ok := e.Eval(expr)
	if !ok {
		return Item{}, false
	}
	it := Item{Text: v.Text, Range: expr.Range()}
	return it, e.want(v, Text, it.Range)
}

// want reports a value that isn't of the type wanted.
func (e *Evaluator) want(v Value, typ ValueType, rng hcl.Range) bool {
	switch {
	case v.Type == typ, v.Type == Text && (typ == Script || typ == Content):
		return true
	case v.Type == Number && (typ == Text || typ == Script || typ == Content):
		e.Fail(rng, "Not a text", "Numbers lose zeros: 3.10 is 3.1, and 0644 is 644. Write it in quotes.")
	case v.Type == Text && typ == Number:
		e.Fail(rng, "Not a number", "This is a text. Write the number without quotes.")
	case v.Type == Text && typ == Boolean:
		e.Fail(rng, "Not true or false", "This is a text. Write true or false, without quotes.")
	case v.Type == Text && typ == Texts:
		e.Fail(rng, "Not a list", "This is one text. Put it in brackets: [%s].", Quote(v.Text))
	default:
		e.Fail(rng, "Wrong type", "This is a %s, and a %s is needed.", v.Type, typ)
	}
	return false
}

// expand counts n bytes of text, and reports when they are more than a file may
// expand to: references to references could else fill the memory.
func (e *Evaluator) expand(rng hcl.Range, n int) bool {
	before := e.expanded
	e.expanded = min(before+n, MaxExpanded+1)
	if before <= MaxExpanded && e.expanded > MaxExpanded {
		e.Fail(rng, "Texts are too long", "With references written out, the file's texts have more than %d bytes. Put large content into a file of its own.", MaxExpanded)
	}
	return e.expanded <= MaxExpanded
}
