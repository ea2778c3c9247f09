package hclschema

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// A Function is pure and can't make more text than its arguments hold by more
// than a factor that expand counts before it runs.
type Function struct {
	Usage string
	Doc   string
	// params are text or texts; the last may be given any number of times when
	// variadic.
	params   []ValueType
	variadic bool
	// filled is the text that must not be empty, as an index into params, or -1.
	filled int
	// size is an upper bound of the bytes that call makes.
	size func(args []Value) int
	call func(args []Value) Value
}

// Functions are what expressions may call.
var Functions = map[string]Function{
	"concat": {
		Usage: "concat(LIST, ...)", Doc: "one list of the elements of all lists, in order",
		filled: -1,
		params: []ValueType{Texts}, variadic: true, size: total,
		call: func(args []Value) Value {
			out := Value{Type: Texts}
			for _, a := range args {
				out.items = append(out.items, a.items...)
			}
			return out
		},
	},
	"join": {
		Usage: "join(SEPARATOR, LIST)", Doc: "the elements of the list with the separator between them",
		filled: -1,
		params: []ValueType{Text, Texts},
		size:   func(args []Value) int { return total(args) + len(args[0].Text)*len(args[1].items) },
		call: func(args []Value) Value {
			return textOf(strings.Join(plain(args[1].items), args[0].Text))
		},
	},
	"lower": {
		Usage: "lower(TEXT)", Doc: "the text with A to Z made lower case",
		filled: -1,
		params: []ValueType{Text}, size: total,
		call: func(args []Value) Value { return textOf(strings.Map(lower, args[0].Text)) },
	},
	"replace": {
		Usage: "replace(TEXT, OLD, NEW)", Doc: "the text with every OLD replaced by NEW; OLD is no pattern, and not empty",
		filled: 1,
		params: []ValueType{Text, Text, Text},
		size: func(args []Value) int {
			return total(args) + strings.Count(args[0].Text, args[1].Text)*len(args[2].Text)
		},
		call: func(args []Value) Value {
			return textOf(strings.ReplaceAll(args[0].Text, args[1].Text, args[2].Text))
		},
	},
	"split": {
		Usage: "split(SEPARATOR, TEXT)", Doc: "a list of the parts of the text between separators; the separator is not empty",
		filled: 0,
		params: []ValueType{Text, Text}, size: total,
		call: func(args []Value) Value {
			out := Value{Type: Texts}
			for _, part := range strings.SplitN(args[1].Text, args[0].Text, MaxList+1) {
				out.items = append(out.items, Item{Text: part})
			}
			return out
		},
	},
	"trimprefix": {
		Usage: "trimprefix(TEXT, PREFIX)", Doc: "the text without the prefix, when it starts with it",
		filled: -1,
		params: []ValueType{Text, Text}, size: total,
		call: func(args []Value) Value { return textOf(strings.TrimPrefix(args[0].Text, args[1].Text)) },
	},
	"trimsuffix": {
		Usage: "trimsuffix(TEXT, SUFFIX)", Doc: "the text without the suffix, when it ends with it",
		filled: -1,
		params: []ValueType{Text, Text}, size: total,
		call: func(args []Value) Value { return textOf(strings.TrimSuffix(args[0].Text, args[1].Text)) },
	},
	"upper": {
		Usage: "upper(TEXT)", Doc: "the text with a to z made upper case",
		filled: -1,
		params: []ValueType{Text}, size: total,
		call: func(args []Value) Value { return textOf(strings.Map(upper, args[0].Text)) },
	},
}

// call evaluates a function call.
func (e *Evaluator) call(expr *hclsyntax.FunctionCallExpr) (Value, bool) {
	if e.lang.Plain {
		e.Fail(expr.NameRange, "Functions are not part of "+e.lang.Many, "There is nothing that they could compute with. Write the value out.")
		return Value{}, false
	}
	f, ok := Functions[expr.Name]
	if !ok {
		names := slices.Sorted(maps.Keys(Functions))
		e.Fail(expr.NameRange, "Unknown function", "There is no function %s; the functions are %s.%s", Quote(expr.Name), strings.Join(names, ", "), Suggest(expr.Name, names))
		return Value{}, false
	}
	if len(expr.Args) < len(f.params) || len(expr.Args) > len(f.params) && !f.variadic {
		e.Fail(expr.Range(), "Wrong number of arguments", "Write %s.", f.Usage)
		return Value{}, false
	}
	args := make([]Value, len(expr.Args))
	for i, arg := range expr.Args {
		v, good := e.Eval(arg)
		good = good && e.want(v, f.params[min(i, len(f.params)-1)], arg.Range())
		args[i], ok = v, ok && good && !v.bad
	}
	if !ok {
		return Value{}, false
	}
	if f.filled >= 0 && args[f.filled].Text == "" {
		e.Fail(expr.Args[f.filled].Range(), "Text is empty", "Write %s: %s.", f.Usage, f.Doc)
		return Value{}, false
	}
	if !e.expand(expr.Range(), f.size(args)) {
		return Value{}, false
	}
	out := f.call(args)
	if len(out.items) > MaxList {
		e.Fail(expr.Range(), "List is too long", "It has %d elements; a list has at most %d.", len(out.items), MaxList)
		return Value{}, false
	}
	for i := range out.items {
		out.items[i].Range = expr.Range()
	}
	return out, true
}

func textOf(s string) Value { return Value{Type: Text, Text: s} }

func plain(items []Item) []string {
	var out []string
	for _, it := range items {
		out = append(out, it.Text)
	}
	return out
}

// total counts the bytes of args.
func total(args []Value) int {
	n := 0
	for _, a := range args {
		n += len(a.Text)
		for _, it := range a.items {
			n += len(it.Text)
		}
	}
	return n
}

// lower and upper know ASCII only: Unicode's tables change with Go's version,
// and an image shouldn't.
func lower(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

func upper(r rune) rune {
	if 'a' <= r && r <= 'z' {
		return r + 'A' - 'a'
	}
	return r
}
