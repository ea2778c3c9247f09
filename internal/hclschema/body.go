package hclschema

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// A Block is one block of a file after its schema was applied.
type Block struct {
	Name   string
	Type   *BlockType // of the variant, when there are variants
	Labels []Item
	attrs  map[string]attr // those that were written
	blocks []*Block
	// Range is that of the header.
	Range hcl.Range
}

type attr struct {
	rng hcl.Range // of the expression
	// value is what could be evaluated, and has the right type; ok is whether
	// all of it is right.
	value Value
	ok    bool
}

// Has reports whether the attribute was written, be it right or wrong.
func (b *Block) Has(name string) bool { _, ok := b.attrs[name]; return ok }

// Valid reports whether the attribute was written and is right.
func (b *Block) Valid(name string) bool { return b.attrs[name].ok }

// RangeOf returns the range of the attribute's expression, or of the block's
// header when it was not written.
func (b *Block) RangeOf(name string) hcl.Range {
	if a, ok := b.attrs[name]; ok {
		return a.rng
	}
	return b.Range
}

// Text returns the attribute, its default when it was not written, and "" when
// it was reported.
func (b *Block) Text(name string) string {
	a, ok := b.attrs[name]
	switch {
	case !ok:
		return b.Type.Attribute(name).Default
	case !a.ok:
		return ""
	}
	return a.value.Text
}

// Number is Text for a number.
func (b *Block) Number(name string) int64 {
	n, err := strconv.ParseInt(b.Text(name), 10, 64)
	if err != nil {
		return 0 // not set and no default, or reported
	}
	return n
}

// Items returns the elements of a list that are texts, in order.
func (b *Block) Items(name string) []Item { return b.attrs[name].value.items }

// Texts is Items without the places.
func (b *Block) Texts(name string) []string { return plain(b.Items(name)) }

// Table returns a table, nil when it has no entry.
func (b *Block) Table(name string) map[string]string {
	pairs := b.attrs[name].value.pairs
	if len(pairs) == 0 {
		return nil
	}
	m := make(map[string]string, len(pairs))
	for _, p := range pairs {
		m[p.key.Text] = p.value.Text
	}
	return m
}

// All returns the inner blocks of a type.
func (b *Block) All(name string) []*Block {
	var found []*Block
	for _, inner := range b.blocks {
		if inner.Name == name {
			found = append(found, inner)
		}
	}
	return found
}

// One returns the inner block of a type, or nil.
func (b *Block) One(name string) *Block {
	if found := b.All(name); len(found) > 0 {
		return found[0]
	}
	return nil
}

// Block applies a schema to a block's header and body. It returns nil after it
// reported that the header has not the labels that typ wants.
func (e *Evaluator) Block(typ *BlockType, src *hclsyntax.Block) *Block {
	b := &Block{Name: typ.Name, Type: typ, Range: src.DefRange()}
	if len(src.Labels) != len(typ.Labels) {
		e.Fail(b.Range, "Wrong number of labels", "This one has %d. Write %s { ... }.", len(src.Labels), typ.Header())
		return nil
	}
	for i, l := range typ.Labels {
		b.Labels = append(b.Labels, Item{Text: src.Labels[i], Range: src.LabelRanges[i]})
		e.Check(b.Labels[i], CheckLine, l.Check)
	}
	if len(typ.Variants) > 0 {
		if b.Type = e.variant(typ, b.Labels[0]); b.Type == nil {
			return nil
		}
	}
	e.Body(b, src.Body)
	return b
}

func (e *Evaluator) variant(typ *BlockType, kind Item) *BlockType {
	if v := typ.variant(kind.Text); v != nil {
		return v
	}
	names := typ.variantNames()
	if slices.Contains(typ.Later, kind.Text) {
		e.Fail(kind.Range, "Kind is not supported yet", "A %s of kind %s can't be built by this version. Write %s.", typ.Name, Quote(kind.Text), Choices(names))
		return nil
	}
	e.Fail(kind.Range, "Unknown kind", "A %s is %s, not %s.%s", typ.Name, Choices(names), Quote(kind.Text), Suggest(kind.Text, names))
	return nil
}

// Body applies b's schema to the attributes and blocks of src, and fills b.
func (e *Evaluator) Body(b *Block, src *hclsyntax.Body) {
	typ := b.Type
	b.attrs = map[string]attr{}
	for _, a := range InOrder(src.Attributes) {
		if spec := typ.Attribute(a.Name); spec != nil {
			b.attrs[a.Name] = e.attr(spec, a, src)
			continue
		}
		e.unknown(typ, "attribute", a.Name, a.NameRange)
	}
	for _, spec := range typ.Attrs {
		if _, ok := src.Attributes[spec.Name]; spec.Required && !ok {
			e.Fail(b.Range, "Missing "+spec.Name, "%s needs %s = ...: %s", typ.noun(), spec.Name, unmarked(spec.Doc))
		}
	}
	for _, inner := range src.Blocks {
		spec := typ.block(inner.Type)
		if spec == nil {
			e.unknown(typ, "block", inner.Type, inner.TypeRange)
			continue
		}
		if first := b.One(inner.Type); first != nil && !spec.Many {
			e.Fail(inner.DefRange(), "Second "+inner.Type+" block", "There is one already, on line %d. Put everything into that one.", first.Range.Start.Line)
			continue
		}
		if decoded := e.Block(spec, inner); decoded != nil {
			b.blocks = append(b.blocks, decoded)
		}
	}
}

// attr evaluates an attribute and judges it.
func (e *Evaluator) attr(spec *Attribute, a *hclsyntax.Attribute, src *hclsyntax.Body) attr {
	var v Value
	var ok bool
	if e.scope != nil {
		v, ok = e.scope.Attribute(a, src)
	} else {
		v, ok = e.Eval(a.Expr)
	}
	rng := a.Expr.Range()
	if !ok || !e.want(v, spec.Type, rng) {
		return attr{rng: rng}
	}
	return attr{rng: rng, value: v, ok: e.judge(spec, v, rng) && !v.bad}
}

// unknown reports an attribute or block that typ doesn't have.
func (e *Evaluator) unknown(typ *BlockType, what, name string, rng hcl.Range) {
	summary := "Unknown " + what
	switch {
	case what == "attribute" && typ.block(name) != nil:
		e.Fail(rng, summary, "%s is a block. Write %s { ... }, without the equals sign.", Quote(name), typ.block(name).Header())
		return
	case what == "block" && typ.Attribute(name) != nil:
		e.Fail(rng, summary, "%s is an attribute. Write %s = ...", Quote(name), name)
		return
	}
	for _, other := range e.lang.Siblings {
		if other != typ && slices.Contains(e.lang.Siblings, typ) && slices.Contains(other.names(), name) {
			e.Fail(rng, summary, "A %s has %s, and this is a %s: remove it.", other.Name, Quote(name), typ.Name)
			return
		}
	}
	hint := Suggest(name, typ.names())
	if hint == "" {
		hint = " It has " + listing(typ.names(), "and") + "."
	}
	e.Fail(rng, summary, "%s has no %s.%s", typ.noun(), Quote(name), hint)
}

// InOrder returns attributes as the source has them.
func InOrder(attrs hclsyntax.Attributes) []*hclsyntax.Attribute {
	var list []*hclsyntax.Attribute
	for _, a := range attrs {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b *hclsyntax.Attribute) int {
		return cmp.Compare(a.NameRange.Start.Byte, b.NameRange.Start.Byte)
	})
	return list
}
