package recipe

import "slices"

// The schema in schema_recipe.go and schema_blocks.go is the one place that says
// which blocks and attributes there are: decoding follows it, and the reference
// part of docs/recipe.md is written from it.

// A blockType describes a block, or one variant of a block.
type blockType struct {
	name   string
	labels []label
	doc    string
	// example has lines of HCL, for the documentation.
	example string
	// many is whether the block may be repeated.
	many   bool
	attrs  []attribute
	blocks []*blockType
	// variants, when there are any, are chosen by the first label and have the
	// attributes; each has its block's name in of.
	variants []*blockType
	of       string
	// later has what may be added to variants one day, so that the answer to it
	// is clear.
	later []string
}

// A label stands between a block's type and its brace.
type label struct {
	name  string // as the documentation calls it
	doc   string
	check check
}

// An attribute describes one name = value.
type attribute struct {
	name     string
	typ      valueType
	required bool
	def      string
	doc      string
	// check judges a text, or each text of a list or table.
	check check
	// key judges each key of a table.
	key check
	// min and max bound a number.
	min, max int64
	// filled is whether a list or script needs something in it.
	filled bool
}

// A problem is what a check finds; nil is fine.
type problem struct{ summary, detail string }

// A check judges a text by itself.
type check func(s string) *problem

func (b *blockType) attribute(name string) *attribute {
	for i := range b.attrs {
		if b.attrs[i].name == name {
			return &b.attrs[i]
		}
	}
	return nil
}

func (b *blockType) block(name string) *blockType {
	for _, inner := range b.blocks {
		if inner.name == name {
			return inner
		}
	}
	return nil
}

// names lists what may be in the block, for suggestions.
func (b *blockType) names() []string {
	var names []string
	for _, a := range b.attrs {
		names = append(names, a.name)
	}
	for _, inner := range b.blocks {
		names = append(names, inner.name)
	}
	return names
}

// noun returns what a sentence starts with: "A user", or `A source "http"`.
func (b *blockType) noun() string {
	if b.of != "" {
		return "A " + b.of + " " + quote(b.name)
	}
	return "A " + b.name
}

// header returns how the block starts, for example `user "NAME"`.
func (b *blockType) header() string {
	s := b.name
	for _, l := range b.labels {
		s += ` "` + l.name + `"`
	}
	return s
}

// variant returns the variant that is called name, or nil.
func (b *blockType) variant(name string) *blockType {
	i := slices.IndexFunc(b.variants, func(v *blockType) bool { return v.name == name })
	if i < 0 {
		return nil
	}
	return b.variants[i]
}

func (b *blockType) variantNames() []string {
	var names []string
	for _, v := range b.variants {
		names = append(names, v.name)
	}
	return names
}
