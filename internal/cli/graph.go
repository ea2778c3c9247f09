package cli

import (
	"context"
	"io"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/internal/graph"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// A drawn graph is a project's recipes, in one of the forms of graph --as.
type drawn struct{ draw func(w io.Writer) }

func (d drawn) kind() string     { return "graph" }
func (d drawn) text(w io.Writer) { d.draw(w) }

// A node is one recipe of the graph, for --format json.
type node struct {
	Recipe  string   `json:"recipe"`
	Kind    string   `json:"kind"`
	Version string   `json:"version"`
	Arch    []string `json:"arch"`
	Bases   []string `json:"bases"` // what it is built on directly
	On      []string `json:"on"`    // what is built on it directly
}

func (n node) kind() string   { return "node" }
func (n node) text(io.Writer) {}

func (a *app) graphCommand() *cobra.Command {
	var (
		recipes recipeFlags
		as      string
		since   string
	)
	cmd := &cobra.Command{
		Use:   "graph [NAME...] [--changed REV]",
		Short: "Show which recipes are built on which",
		Long: `Shows the recipes of the project, each below the base that it is built on. With
NAMEs, only these, what they are built on, and what is built on them. --as dot is
for Graphviz, --as mermaid for pages that draw it; arrows point to the base.

With --changed, it says instead which recipes build --changed would build, and
why. Nothing is fetched or built.`,
		Example: `  tailsbuild graph
  tailsbuild graph alpine-3.19
  tailsbuild graph --as dot | dot -Tsvg >recipes.svg
  tailsbuild graph --changed main`,
	}
	recipes.add(cmd)
	cmd.Flags().Var(newChoice(&as, "tree", "dot", "mermaid"), "as", "form of the text: tree, dot or mermaid")
	addChanged(cmd, &since)
	return leaf(cmd, cobra.ArbitraryArgs, func(ctx context.Context, args []string) error {
		switch {
		case a.out.json() && as != "tree":
			return usagef("--as %s is text, and --format json is not", as)
		case since != "" && (as != "tree" || len(args) > 0):
			return usagef("--changed is about all recipes, and no drawing")
		}
		p, err := a.openProject(recipes)
		if err != nil {
			return err
		}
		s, err := p.survey(recipes)
		if err != nil {
			return err
		}
		if since != "" {
			_, err := s.printChanged(ctx, since)
			return err
		}
		return a.drawGraph(s, as, args)
	})
}

func (a *app) drawGraph(s *survey, as string, names []string) error {
	g := s.graph
	for _, name := range names {
		if _, ok := g.Node(name); !ok {
			_, diags := s.project.Closure(name, "")
			return s.project.check(diags) // says which there are
		}
	}
	if len(names) > 0 {
		g = g.Around(names)
	}
	if !a.out.json() {
		return a.out.print(drawn{map[string]func(io.Writer){
			"tree": g.WriteText, "dot": g.WriteDOT, "mermaid": g.WriteMermaid,
		}[as]})
	}
	for _, name := range g.Order(g.Names()) {
		n, _ := g.Node(name)
		err := a.out.print(node{
			Recipe: n.Name, Kind: string(n.Kind), Version: n.Version, Arch: n.Arch,
			Bases: append([]string{}, n.Bases...), On: append([]string{}, g.On(name)...),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// A survey is all recipes of a project, decoded.
type survey struct {
	project *project
	graph   *graph.Graph
	set     map[string]string // what --var sets
	// recipes are decoded for this machine or, where they aren't for it, for their
	// first architecture, which archs has.
	recipes map[string]*recipe.Recipe
	archs   map[string]string
}

// survey decodes all recipes. When one is not valid, it says all that is wrong
// with any.
func (p *project) survey(f recipeFlags) (*survey, error) {
	names, err := p.Names()
	if err != nil {
		return nil, err
	}
	machine, err := machineArch()
	if err != nil {
		return nil, err
	}
	set, err := f.variables()
	if err != nil {
		return nil, err
	}
	s := &survey{project: p, set: set, recipes: map[string]*recipe.Recipe{}, archs: map[string]string{}}
	nodes := make([]graph.Node, 0, len(names))
	for _, name := range names {
		n, diags := s.look(name, machine)
		if diags.HasErrors() {
			if err := p.validate(names); err != nil {
				return nil, err
			}
			return nil, p.check(diags)
		}
		nodes = append(nodes, n)
	}
	s.graph, err = graph.New(nodes)
	return s, err
}

// look takes in the recipe called name for each of its architectures.
func (s *survey) look(name, machine string) (graph.Node, hcl.Diagnostics) {
	first, diags := s.project.Closure(name, machine)
	if len(first) == 0 || len(first[0].Arch) == 0 {
		return graph.Node{}, diags
	}
	n := graph.Node{Name: name, Arch: first[0].Arch}
	for _, arch := range n.Arch {
		closure := first
		if arch != machine {
			closure, diags = s.project.Closure(name, arch)
		}
		if diags.HasErrors() {
			return n, diags
		}
		r := closure[0]
		n.Kind, n.Version = r.Kind, version(r)
		if r.Base != "" {
			n.Bases = append(n.Bases, r.Base)
		}
		if s.recipes[name] == nil || arch == machine {
			s.recipes[name], s.archs[name] = r, arch
		}
	}
	return n, nil
}
