// Package hclschema decodes files in HCL native syntax (hclsyntax/spec.md) by a
// schema: the one place that says which blocks and attributes there are. Decoding
// follows it, and the reference in the documentation is written from it.
//
// Expressions are data. Everything is limited before hclsyntax's parser sees it,
// and every problem is reported, with its place and what to write instead.
package hclschema

import (
	"slices"
	"strings"
)

// A BlockType describes a block, or one variant of a block.
type BlockType struct {
	Name   string
	Labels []Label
	Doc    string
	// Example has lines of HCL, for the documentation.
	Example string
	// Many is whether the block may be repeated.
	Many   bool
	Attrs  []Attribute
	Blocks []*BlockType
	// Variants, when there are any, are chosen by the first label and have the
	// attributes; each has its block's name in Of.
	Variants []*BlockType
	Of       string
	// Later has what may be added to Variants one day, so that the answer to it
	// is clear.
	Later []string
}

// A Label stands between a block's type and its brace.
type Label struct {
	Name  string // as the documentation calls it
	Doc   string
	Check Check
}

// An Attribute describes one name = value.
type Attribute struct {
	Name     string
	Type     ValueType
	Required bool
	Default  string
	Doc      string
	// Check judges a text, or each text of a list or table.
	Check Check
	// Key judges each key of a table.
	Key Check
	// Min and Max bound a number.
	Min, Max int64
	// Filled is whether a list or script needs something in it.
	Filled bool
}

// A Problem is what a check finds; nil is fine.
type Problem struct{ Summary, Detail string }

// Wrong returns a problem: a summary without a full stop, and a sentence or more
// that say why it matters and what to write instead.
func Wrong(summary, detail string) *Problem { return &Problem{summary, detail} }

// A Check judges a text by itself.
type Check func(s string) *Problem

// Attribute returns the attribute called name, or nil.
func (b *BlockType) Attribute(name string) *Attribute {
	for i := range b.Attrs {
		if b.Attrs[i].Name == name {
			return &b.Attrs[i]
		}
	}
	return nil
}

func (b *BlockType) block(name string) *BlockType {
	for _, inner := range b.Blocks {
		if inner.Name == name {
			return inner
		}
	}
	return nil
}

// names lists what may be in the block, for suggestions.
func (b *BlockType) names() []string {
	var names []string
	for _, a := range b.Attrs {
		names = append(names, a.Name)
	}
	for _, inner := range b.Blocks {
		names = append(names, inner.Name)
	}
	return names
}

// noun returns what a sentence starts with: "A user", or `A source "http"`.
func (b *BlockType) noun() string {
	if b.Of != "" {
		return "A " + b.Of + " " + Quote(b.Name)
	}
	return article(b.Name, "An ", "A ") + b.Name
}

// article returns an or a, whichever stands before name.
func article(name, an, a string) string {
	if strings.IndexAny(name, "aeio") == 0 {
		return an
	}
	return a
}

// Header returns how the block starts, for example `user "NAME"`.
func (b *BlockType) Header() string {
	s := b.Name
	for _, l := range b.Labels {
		s += ` "` + l.Name + `"`
	}
	return s
}

// variant returns the variant that is called name, or nil.
func (b *BlockType) variant(name string) *BlockType {
	i := slices.IndexFunc(b.Variants, func(v *BlockType) bool { return v.Name == name })
	if i < 0 {
		return nil
	}
	return b.Variants[i]
}

func (b *BlockType) variantNames() []string {
	var names []string
	for _, v := range b.Variants {
		names = append(names, v.Name)
	}
	return names
}
