package hclschema

import "github.com/hashicorp/hcl/v2/hclsyntax"

// A Language says how diagnostics speak of the files that are decoded, and what
// these can have.
type Language struct {
	One, Many string // "recipe", "recipes"
	// Shows is what a reader should see in the file: "what an image holds".
	Shows string
	// Alters is what the same text in other bytes would make: "another image".
	Alters string
	// Large is what to do about a file that is too large: nothing, or a sentence
	// with a space before it.
	Large string
	// Closed is what to do about a reference where nothing can be referred to.
	Closed string
	// Plain is whether there are no functions.
	Plain bool
	// Siblings are types of block of which a file has one or the other, so that
	// what belongs to one is known when it is found in the other.
	Siblings []*BlockType
}

// A Referrer knows what a file's expressions can refer to.
type Referrer interface {
	// Reference returns what expr stands for, or false after it reported why
	// there is nothing.
	Reference(expr *hclsyntax.ScopeTraversalExpr) (Value, bool)
	// Attribute evaluates an attribute of body.
	Attribute(attr *hclsyntax.Attribute, body *hclsyntax.Body) (Value, bool)
}
