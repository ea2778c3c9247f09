package recipe

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// A scope is what the expressions of a recipe can refer to.
type scope struct {
	arch string
	vars map[string]string
	// name is the recipe's, and schema says which attributes body can have.
	name   string
	schema *blockType
	body   *hclsyntax.Body
	// done has what was computed, so that each attribute is, and is reported, once.
	done map[string]result
	// open are the attributes being computed, outermost first.
	open []string
}

type result struct {
	value value
	ok    bool
}

// reference returns what var.NAME, self.NAME or arch stands for.
func (e *evaluator) reference(expr *hclsyntax.ScopeTraversalExpr) (value, bool) {
	root := expr.Traversal.RootName()
	if e.scope == nil {
		e.fail(expr.SrcRange, "Nothing to refer to", "The project file has no references: variables get their values here. Write the value out.")
		return value{}, false
	}
	if root == "arch" && len(expr.Traversal) > 1 {
		e.fail(expr.SrcRange, "Reference is not one name", "arch is one text, the architecture. Write it with nothing after it.")
		return value{}, false
	}
	if root == "arch" {
		return value{typ: text, text: e.scope.arch}, true
	}
	if root != "var" && root != "self" {
		e.unknownRoot(expr.SrcRange, root)
		return value{}, false
	}
	if len(expr.Traversal) == 2 {
		if attr, ok := expr.Traversal[1].(hcl.TraverseAttr); ok && root == "var" {
			return e.variable(attr.Name, expr.SrcRange)
		} else if ok {
			return e.selfReference(attr.Name, expr.SrcRange)
		}
	}
	e.fail(expr.SrcRange, "Reference is not one name", "Write %s.NAME, with one name and nothing after it.", root)
	return value{}, false
}

func (e *evaluator) unknownRoot(rng hcl.Range, root string) {
	if root == strings.ToUpper(root) {
		e.fail(rng, "Unknown reference", "A template refers to var.NAME, self.NAME or arch. To leave %s to the shell, write $%s or $${%s}.", root, root, root)
		return
	}
	hint := suggest(root, []string{"var", "self", "arch"})
	if hint == "" {
		hint = " If this is meant as text, put it in quotes."
	}
	e.fail(rng, "Unknown reference", "%s is none of var.NAME, self.NAME and arch.%s", quote(root), hint)
}

func (e *evaluator) variable(name string, rng hcl.Range) (value, bool) {
	v, ok := e.scope.vars[name]
	if !ok {
		hint := suggest(name, slices.Collect(maps.Keys(e.scope.vars)))
		e.fail(rng, "Unknown variable", "The project file, %s, declares no variable %s.%s", ProjectFile, quote(name), hint)
		return value{}, false
	}
	return value{typ: text, text: v}, true
}

// selfReference returns an attribute of the recipe itself.
func (e *evaluator) selfReference(name string, rng hcl.Range) (value, bool) {
	if name == "name" {
		return value{typ: text, text: e.scope.name}, true
	}
	spec := e.scope.schema.attribute(name)
	if spec == nil || spec.typ != text && spec.typ != number {
		e.fail(rng, "Unknown attribute of the recipe", "self has the recipe's name and its attributes with one text or number; %s is none of them.%s", quote(name), suggest(name, e.scope.names()))
		return value{}, false
	}
	attr, ok := e.scope.body.Attributes[name]
	if !ok && spec.def != "" {
		return value{typ: spec.typ, text: spec.def}, true
	}
	if !ok {
		e.fail(rng, "Attribute is not set", "The recipe has no %s, so there is nothing that self.%s stands for.", name, name)
		return value{}, false
	}
	if i := slices.Index(e.scope.open, name); i >= 0 {
		chain := append(slices.Clone(e.scope.open[i:]), name)
		e.fail(rng, "Attributes refer to each other", "self.%s, so that none of it can be known. Write one of them out.", strings.Join(chain, " needs self."))
		return value{}, false
	}
	return e.attribute(attr)
}

// attribute evaluates an attribute of the recipe's own body, once.
func (e *evaluator) attribute(attr *hclsyntax.Attribute) (value, bool) {
	s := e.scope
	if r, ok := s.done[attr.Name]; ok {
		return r.value, r.ok
	}
	s.open = append(s.open, attr.Name)
	v, ok := e.eval(attr.Expr)
	s.open = s.open[:len(s.open)-1]
	s.done[attr.Name] = result{v, ok}
	return v, ok
}

// names lists what self has.
func (s *scope) names() []string {
	names := []string{"name"}
	for _, a := range s.schema.attrs {
		if a.typ == text || a.typ == number {
			names = append(names, a.name)
		}
	}
	return names
}
