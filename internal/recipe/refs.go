package recipe

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
)

// An evaluator is one for recipes, with their references.
type evaluator struct {
	*hclschema.Evaluator
	scope *scope // nil in the project file
}

func newEvaluator(scope *scope) *evaluator {
	e := &evaluator{scope: scope}
	e.Evaluator = hclschema.NewEvaluator(recipeLanguage, nil)
	if scope != nil {
		e.Evaluator = hclschema.NewEvaluator(recipeLanguage, e)
	}
	return e
}

// A scope is what the expressions of a recipe can refer to.
type scope struct {
	arch string
	vars map[string]string
	// name is the recipe's, and schema says which attributes body can have.
	name   string
	schema *hclschema.BlockType
	body   *hclsyntax.Body
	// done has what was computed, so that each attribute is, and is reported, once.
	done map[string]result
	// open are the attributes being computed, outermost first.
	open []string
}

type result struct {
	value hclschema.Value
	ok    bool
}

// reference returns what var.NAME, self.NAME or arch stands for.
func (e *evaluator) Reference(expr *hclsyntax.ScopeTraversalExpr) (hclschema.Value, bool) {
	root := expr.Traversal.RootName()
	if root == "arch" && len(expr.Traversal) > 1 {
		e.Fail(expr.SrcRange, "Reference is not one name", "arch is one text, the architecture. Write it with nothing after it.")
		return hclschema.Value{}, false
	}
	if root == "arch" {
		return hclschema.Value{Type: hclschema.Text, Text: e.scope.arch}, true
	}
	if root != "var" && root != "self" {
		e.unknownRoot(expr.SrcRange, root)
		return hclschema.Value{}, false
	}
	if len(expr.Traversal) == 2 {
		if attr, ok := expr.Traversal[1].(hcl.TraverseAttr); ok && root == "var" {
			return e.variable(attr.Name, expr.SrcRange)
		} else if ok {
			return e.selfReference(attr.Name, expr.SrcRange)
		}
	}
	e.Fail(expr.SrcRange, "Reference is not one name", "Write %s.NAME, with one name and nothing after it.", root)
	return hclschema.Value{}, false
}

func (e *evaluator) unknownRoot(rng hcl.Range, root string) {
	if root == strings.ToUpper(root) {
		e.Fail(rng, "Unknown reference", "A template refers to var.NAME, self.NAME or arch. To leave %s to the shell, write $%s or $${%s}.", root, root, root)
		return
	}
	hint := hclschema.Suggest(root, []string{"var", "self", "arch"})
	if hint == "" {
		hint = " If this is meant as text, put it in quotes."
	}
	e.Fail(rng, "Unknown reference", "%s is none of var.NAME, self.NAME and arch.%s", hclschema.Quote(root), hint)
}

func (e *evaluator) variable(name string, rng hcl.Range) (hclschema.Value, bool) {
	v, ok := e.scope.vars[name]
	if !ok {
		hint := hclschema.Suggest(name, slices.Collect(maps.Keys(e.scope.vars)))
		e.Fail(rng, "Unknown variable", "The project file, %s, declares no variable %s.%s", ProjectFile, hclschema.Quote(name), hint)
		return hclschema.Value{}, false
	}
	return hclschema.Value{Type: hclschema.Text, Text: v}, true
}

// selfReference returns an attribute of the recipe itself.
func (e *evaluator) selfReference(name string, rng hcl.Range) (hclschema.Value, bool) {
	if name == "name" {
		return hclschema.Value{Type: hclschema.Text, Text: e.scope.name}, true
	}
	spec := e.scope.schema.Attribute(name)
	if spec == nil || spec.Type != hclschema.Text && spec.Type != hclschema.Number {
		e.Fail(rng, "Unknown attribute of the recipe", "self has the recipe's name and its attributes with one text or number; %s is none of them.%s", hclschema.Quote(name), hclschema.Suggest(name, e.scope.names()))
		return hclschema.Value{}, false
	}
	attr, ok := e.scope.body.Attributes[name]
	if !ok && spec.Default != "" {
		return hclschema.Value{Type: spec.Type, Text: spec.Default}, true
	}
	if !ok {
		e.Fail(rng, "Attribute is not set", "The recipe has no %s, so there is nothing that self.%s stands for.", name, name)
		return hclschema.Value{}, false
	}
	if i := slices.Index(e.scope.open, name); i >= 0 {
		chain := append(slices.Clone(e.scope.open[i:]), name)
		e.Fail(rng, "Attributes refer to each other", "self.%s, so that none of it can be known. Write one of them out.", strings.Join(chain, " needs self."))
		return hclschema.Value{}, false
	}
	return e.own(attr)
}

// attribute evaluates an attribute of body. Those of the recipe's own can be
// referred to.
func (e *evaluator) Attribute(attr *hclsyntax.Attribute, body *hclsyntax.Body) (hclschema.Value, bool) {
	if body != e.scope.body {
		return e.Eval(attr.Expr)
	}
	return e.own(attr)
}

// own evaluates an attribute of the recipe's own body, once.
func (e *evaluator) own(attr *hclsyntax.Attribute) (hclschema.Value, bool) {
	s := e.scope
	if r, ok := s.done[attr.Name]; ok {
		return r.value, r.ok
	}
	s.open = append(s.open, attr.Name)
	v, ok := e.Eval(attr.Expr)
	s.open = s.open[:len(s.open)-1]
	s.done[attr.Name] = result{v, ok}
	return v, ok
}

// names lists what self has.
func (s *scope) names() []string {
	names := []string{"name"}
	for _, a := range s.schema.Attrs {
		if a.Type == hclschema.Text || a.Type == hclschema.Number {
			names = append(names, a.Name)
		}
	}
	return names
}
