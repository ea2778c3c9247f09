package recipe

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// A block is one block of a file after its schema was applied.
type block struct {
	name   string
	typ    *blockType // of the variant, when there are variants
	labels []item
	attrs  map[string]attr // those that were written
	blocks []*block
	// rng is that of the header.
	rng hcl.Range
}

type attr struct {
	rng hcl.Range // of the expression
	// value is what could be evaluated, and has the right type; ok is whether
	// all of it is right.
	value value
	ok    bool
}

// has reports whether the attribute was written, be it right or wrong.
func (b *block) has(name string) bool { _, ok := b.attrs[name]; return ok }

// valid reports whether the attribute was written and is right.
func (b *block) valid(name string) bool { return b.attrs[name].ok }

// rangeOf returns the range of the attribute's expression, or of the block's
// header when it was not written.
func (b *block) rangeOf(name string) hcl.Range {
	if a, ok := b.attrs[name]; ok {
		return a.rng
	}
	return b.rng
}

// text returns the attribute, its default when it was not written, and "" when
// it was reported.
func (b *block) text(name string) string {
	a, ok := b.attrs[name]
	switch {
	case !ok:
		return b.typ.attribute(name).def
	case !a.ok:
		return ""
	}
	return a.value.text
}

func (b *block) number(name string) int64 {
	n, err := strconv.ParseInt(b.text(name), 10, 64)
	if err != nil {
		return 0 // not set and no default, or reported
	}
	return n
}

func (b *block) items(name string) []item { return b.attrs[name].value.items }

func (b *block) texts(name string) []string { return plain(b.items(name)) }

func (b *block) table(name string) map[string]string {
	pairs := b.attrs[name].value.pairs
	if len(pairs) == 0 {
		return nil
	}
	m := make(map[string]string, len(pairs))
	for _, p := range pairs {
		m[p.key.text] = p.value.text
	}
	return m
}

// all returns the inner blocks of a type.
func (b *block) all(name string) []*block {
	var found []*block
	for _, inner := range b.blocks {
		if inner.name == name {
			found = append(found, inner)
		}
	}
	return found
}

// one returns the inner block of a type, or nil.
func (b *block) one(name string) *block {
	if found := b.all(name); len(found) > 0 {
		return found[0]
	}
	return nil
}

// block applies a schema to a block's header and body. It returns nil after it
// reported that the header has not the labels that typ wants.
func (e *evaluator) block(typ *blockType, src *hclsyntax.Block) *block {
	b := &block{name: typ.name, typ: typ, rng: src.DefRange()}
	if len(src.Labels) != len(typ.labels) {
		e.fail(b.rng, "Wrong number of labels", "This one has %d. Write %s { ... }.", len(src.Labels), typ.header())
		return nil
	}
	for i, l := range typ.labels {
		b.labels = append(b.labels, item{text: src.Labels[i], rng: src.LabelRanges[i]})
		e.check(b.labels[i], checkLine, l.check)
	}
	if len(typ.variants) > 0 {
		if b.typ = e.variant(typ, b.labels[0]); b.typ == nil {
			return nil
		}
	}
	e.body(b, src.Body)
	return b
}

func (e *evaluator) variant(typ *blockType, kind item) *blockType {
	if v := typ.variant(kind.text); v != nil {
		return v
	}
	names := typ.variantNames()
	if slices.Contains(typ.later, kind.text) {
		e.fail(kind.rng, "Kind is not supported yet", "A %s of kind %s can't be built by this version. Write %s.", typ.name, quote(kind.text), choices(names))
		return nil
	}
	e.fail(kind.rng, "Unknown kind", "A %s is %s, not %s.%s", typ.name, choices(names), quote(kind.text), suggest(kind.text, names))
	return nil
}

// body applies b's schema to the attributes and blocks of src, and fills b.
func (e *evaluator) body(b *block, src *hclsyntax.Body) {
	typ := b.typ
	b.attrs = map[string]attr{}
	for _, a := range inOrder(src.Attributes) {
		if spec := typ.attribute(a.Name); spec != nil {
			b.attrs[a.Name] = e.attr(spec, a, src)
			continue
		}
		e.unknown(typ, "attribute", a.Name, a.NameRange)
	}
	for _, spec := range typ.attrs {
		if _, ok := src.Attributes[spec.name]; spec.required && !ok {
			e.fail(b.rng, "Missing "+spec.name, "%s needs %s = ...: %s", typ.noun(), spec.name, unmarked(spec.doc))
		}
	}
	for _, inner := range src.Blocks {
		spec := typ.block(inner.Type)
		if spec == nil {
			e.unknown(typ, "block", inner.Type, inner.TypeRange)
			continue
		}
		if first := b.one(inner.Type); first != nil && !spec.many {
			e.fail(inner.DefRange(), "Second "+inner.Type+" block", "There is one already, on line %d. Put everything into that one.", first.rng.Start.Line)
			continue
		}
		if decoded := e.block(spec, inner); decoded != nil {
			b.blocks = append(b.blocks, decoded)
		}
	}
}

// attr evaluates an attribute and judges it.
func (e *evaluator) attr(spec *attribute, a *hclsyntax.Attribute, src *hclsyntax.Body) attr {
	var v value
	var ok bool
	if e.scope != nil && src == e.scope.body {
		v, ok = e.attribute(a)
	} else {
		v, ok = e.eval(a.Expr)
	}
	rng := a.Expr.Range()
	if !ok || !e.want(v, spec.typ, rng) {
		return attr{rng: rng}
	}
	return attr{rng: rng, value: v, ok: e.judge(spec, v, rng) && !v.bad}
}

// unknown reports an attribute or block that typ doesn't have.
func (e *evaluator) unknown(typ *blockType, what, name string, rng hcl.Range) {
	summary := "Unknown " + what
	switch {
	case what == "attribute" && typ.block(name) != nil:
		e.fail(rng, summary, "%s is a block. Write %s { ... }, without the equals sign.", quote(name), typ.block(name).header())
		return
	case what == "block" && typ.attribute(name) != nil:
		e.fail(rng, summary, "%s is an attribute. Write %s = ...", quote(name), name)
		return
	}
	for _, other := range recipeTypes {
		if other != typ && slices.Contains(recipeTypes, typ) && slices.Contains(other.names(), name) {
			e.fail(rng, summary, "A %s has %s, and this is a %s: remove it.", other.name, quote(name), typ.name)
			return
		}
	}
	hint := suggest(name, typ.names())
	if hint == "" {
		hint = " It has " + listing(typ.names(), "and") + "."
	}
	e.fail(rng, summary, "%s has no %s.%s", typ.noun(), quote(name), hint)
}

// inOrder returns attributes as the source has them.
func inOrder(attrs hclsyntax.Attributes) []*hclsyntax.Attribute {
	var list []*hclsyntax.Attribute
	for _, a := range attrs {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b *hclsyntax.Attribute) int {
		return cmp.Compare(a.NameRange.Start.Byte, b.NameRange.Start.Byte)
	})
	return list
}
