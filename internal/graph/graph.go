// Package graph has which recipe is built on which, and what a change to a
// project reaches. It is pure: what it compares is given to it.
package graph

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// A Node is one recipe.
type Node struct {
	Name string
	Kind recipe.Kind
	// Version is the recipe's version and packaging, as Alpine writes them.
	Version string
	Arch    []string
	// Bases are the recipes that it is built on, for any of its architectures.
	Bases []string
}

// A Graph is the recipes of a project. An edge goes from a recipe to its base.
type Graph struct {
	nodes map[string]*Node
	above map[string][]string // what is built on a recipe, sorted
}

// A MissingError reports that a recipe is built on one that isn't there.
type MissingError struct{ Recipe, Base string }

func (e *MissingError) Error() string {
	return fmt.Sprintf("recipe %s is built on %s, which is no recipe", e.Recipe, e.Base)
}

// A CycleError reports recipes that are built on one another. The last is the
// first again.
type CycleError struct{ Recipes []string }

func (e *CycleError) Error() string {
	return "recipes are built on one another: " + strings.Join(e.Recipes, " → ")
}

// New returns the graph of nodes. It returns a *MissingError for a base that is no
// node, and a *CycleError when there is no recipe to begin with.
func New(nodes []Node) (*Graph, error) {
	g := &Graph{nodes: make(map[string]*Node, len(nodes)), above: map[string][]string{}}
	for _, n := range nodes {
		n.Bases = slices.Compact(slices.Sorted(slices.Values(n.Bases)))
		g.nodes[n.Name] = &n
	}
	for _, name := range g.Names() {
		for _, base := range g.nodes[name].Bases {
			if g.nodes[base] == nil {
				return nil, &MissingError{Recipe: name, Base: base}
			}
			g.above[base] = append(g.above[base], name)
		}
	}
	done := make(map[string]bool, len(nodes))
	for _, name := range g.Names() {
		if err := g.descend(name, nil, done); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// descend looks for a cycle below name, to which path leads.
func (g *Graph) descend(name string, path []string, done map[string]bool) error {
	if done[name] {
		return nil
	}
	if i := slices.Index(path, name); i >= 0 {
		return &CycleError{Recipes: append(slices.Clone(path[i:]), name)}
	}
	path = append(path, name)
	for _, base := range g.nodes[name].Bases {
		if err := g.descend(base, path, done); err != nil {
			return err
		}
	}
	done[name] = true
	return nil
}

// Names returns all recipes, sorted.
func (g *Graph) Names() []string { return slices.Sorted(maps.Keys(g.nodes)) }

// Node returns the recipe called name, and whether there is one.
func (g *Graph) Node(name string) (Node, bool) {
	n, ok := g.nodes[name]
	if !ok {
		return Node{}, false
	}
	return *n, true
}

// On returns the recipes that are built directly on the one called name, sorted.
func (g *Graph) On(name string) []string { return g.above[name] }

// Order returns names, each once and after those of them that it is built on, and
// otherwise as they are given. Names that are no recipes are left out.
func (g *Graph) Order(names []string) []string {
	wanted := make(map[string]bool, len(names))
	for _, name := range names {
		wanted[name] = true
	}
	var order []string
	done := make(map[string]bool, len(names))
	var visit func(name string)
	visit = func(name string) {
		n := g.nodes[name]
		if n == nil || done[name] {
			return
		}
		done[name] = true
		for _, base := range n.Bases {
			visit(base)
		}
		if wanted[name] {
			order = append(order, name)
		}
	}
	for _, name := range names {
		visit(name)
	}
	return order
}

// Below returns the recipes that the one called name is built on, directly or
// through others, sorted.
func (g *Graph) Below(name string) []string {
	return g.walk(name, func(n string) []string { return g.nodes[n].Bases })
}

// Above returns the recipes that are built on the one called name, directly or
// through others, sorted.
func (g *Graph) Above(name string) []string { return g.walk(name, g.On) }

func (g *Graph) walk(name string, next func(string) []string) []string {
	if g.nodes[name] == nil {
		return nil
	}
	seen := map[string]bool{}
	todo := []string{name}
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, n := range next(at) {
			if !seen[n] {
				seen[n] = true
				todo = append(todo, n)
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// Around returns the part of g that has to do with names: them, all that they are
// built on, and all that is built on them.
func (g *Graph) Around(names []string) *Graph {
	keep := map[string]bool{}
	for _, name := range names {
		for _, n := range slices.Concat([]string{name}, g.Below(name), g.Above(name)) {
			keep[n] = true
		}
	}
	part := &Graph{nodes: map[string]*Node{}, above: map[string][]string{}}
	for name, n := range g.nodes {
		if !keep[name] {
			continue
		}
		c := *n
		c.Bases = only(c.Bases, keep)
		part.nodes[name], part.above[name] = &c, only(g.above[name], keep)
	}
	return part
}

// only returns those of names that are in keep.
func only(names []string, keep map[string]bool) []string {
	var kept []string
	for _, n := range names {
		if keep[n] {
			kept = append(kept, n)
		}
	}
	return kept
}
