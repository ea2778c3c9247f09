package recipe

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// A function is pure and can't make more text than its arguments hold by more
// than a factor that expand counts before it runs.
type function struct {
	usage string
	doc   string
	// params are text or texts; the last may be given any number of times when
	// variadic.
	params   []valueType
	variadic bool
	// filled is the text that must not be empty, as an index into params, or -1.
	filled int
	// size is an upper bound of the bytes that call makes.
	size func(args []value) int
	call func(args []value) value
}

var functions = map[string]function{
	"concat": {
		usage: "concat(LIST, ...)", doc: "one list of the elements of all lists, in order",
		filled: -1,
		params: []valueType{texts}, variadic: true, size: total,
		call: func(args []value) value {
			out := value{typ: texts}
			for _, a := range args {
				out.items = append(out.items, a.items...)
			}
			return out
		},
	},
	"join": {
		usage: "join(SEPARATOR, LIST)", doc: "the elements of the list with the separator between them",
		filled: -1,
		params: []valueType{text, texts},
		size:   func(args []value) int { return total(args) + len(args[0].text)*len(args[1].items) },
		call: func(args []value) value {
			return textOf(strings.Join(plain(args[1].items), args[0].text))
		},
	},
	"lower": {
		usage: "lower(TEXT)", doc: "the text with A to Z made lower case",
		filled: -1,
		params: []valueType{text}, size: total,
		call: func(args []value) value { return textOf(strings.Map(lower, args[0].text)) },
	},
	"replace": {
		usage: "replace(TEXT, OLD, NEW)", doc: "the text with every OLD replaced by NEW; OLD is no pattern, and not empty",
		filled: 1,
		params: []valueType{text, text, text},
		size: func(args []value) int {
			return total(args) + strings.Count(args[0].text, args[1].text)*len(args[2].text)
		},
		call: func(args []value) value {
			return textOf(strings.ReplaceAll(args[0].text, args[1].text, args[2].text))
		},
	},
	"split": {
		usage: "split(SEPARATOR, TEXT)", doc: "a list of the parts of the text between separators; the separator is not empty",
		filled: 0,
		params: []valueType{text, text}, size: total,
		call: func(args []value) value {
			out := value{typ: texts}
			for _, part := range strings.SplitN(args[1].text, args[0].text, maxList+1) {
				out.items = append(out.items, item{text: part})
			}
			return out
		},
	},
	"trimprefix": {
		usage: "trimprefix(TEXT, PREFIX)", doc: "the text without the prefix, when it starts with it",
		filled: -1,
		params: []valueType{text, text}, size: total,
		call: func(args []value) value { return textOf(strings.TrimPrefix(args[0].text, args[1].text)) },
	},
	"trimsuffix": {
		usage: "trimsuffix(TEXT, SUFFIX)", doc: "the text without the suffix, when it ends with it",
		filled: -1,
		params: []valueType{text, text}, size: total,
		call: func(args []value) value { return textOf(strings.TrimSuffix(args[0].text, args[1].text)) },
	},
	"upper": {
		usage: "upper(TEXT)", doc: "the text with a to z made upper case",
		filled: -1,
		params: []valueType{text}, size: total,
		call: func(args []value) value { return textOf(strings.Map(upper, args[0].text)) },
	},
}

// call evaluates a function call.
func (e *evaluator) call(expr *hclsyntax.FunctionCallExpr) (value, bool) {
	f, ok := functions[expr.Name]
	if !ok {
		names := slices.Sorted(maps.Keys(functions))
		e.fail(expr.NameRange, "Unknown function", "There is no function %s; the functions are %s.%s", quote(expr.Name), strings.Join(names, ", "), suggest(expr.Name, names))
		return value{}, false
	}
	if len(expr.Args) < len(f.params) || len(expr.Args) > len(f.params) && !f.variadic {
		e.fail(expr.Range(), "Wrong number of arguments", "Write %s.", f.usage)
		return value{}, false
	}
	args := make([]value, len(expr.Args))
	for i, arg := range expr.Args {
		v, good := e.eval(arg)
		good = good && e.want(v, f.params[min(i, len(f.params)-1)], arg.Range())
		args[i], ok = v, ok && good && !v.bad
	}
	if !ok {
		return value{}, false
	}
	if f.filled >= 0 && args[f.filled].text == "" {
		e.fail(expr.Args[f.filled].Range(), "Text is empty", "Write %s: %s.", f.usage, f.doc)
		return value{}, false
	}
	if !e.expand(expr.Range(), f.size(args)) {
		return value{}, false
	}
	out := f.call(args)
	if len(out.items) > maxList {
		e.fail(expr.Range(), "List is too long", "It has %d elements; a list has at most %d.", len(out.items), maxList)
		return value{}, false
	}
	for i := range out.items {
		out.items[i].rng = expr.Range()
	}
	return out, true
}

func textOf(s string) value { return value{typ: text, text: s} }

func plain(items []item) []string {
	var out []string
	for _, it := range items {
		out = append(out, it.text)
	}
	return out
}

// total counts the bytes of args.
func total(args []value) int {
	n := 0
	for _, a := range args {
		n += len(a.text)
		for _, it := range a.items {
			n += len(it.text)
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
