package graph

import (
	"fmt"
	"io"

	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// WriteText writes g as trees for people to read: each recipe below the one that
// it is built on. One with several bases, for several architectures, is below each.
func (g *Graph) WriteText(w io.Writer) {
	for _, name := range g.Names() {
		if n := g.nodes[name]; len(n.Bases) == 0 {
			fmt.Fprintln(w, g.title(name))
			g.branches(w, name, "")
		}
	}
}

func (g *Graph) branches(w io.Writer, name, indent string) {
	above := g.On(name)
	for i, n := range above {
		branch, more := "├── ", "│   "
		if i == len(above)-1 {
			branch, more = "└── ", "    "
		}
		fmt.Fprintln(w, indent+branch+g.title(n))
		g.branches(w, n, indent+more)
	}
}

func (g *Graph) title(name string) string { return name + " " + g.nodes[name].Version }

// WriteDOT writes g in the language of Graphviz (graphviz.org/doc/info/lang.html).
// An arrow points to what a recipe is built on; bases are boxes.
func (g *Graph) WriteDOT(w io.Writer) {
	fmt.Fprint(w, "digraph recipes {\n  rankdir = LR\n")
	for _, name := range g.Names() {
		shape := "ellipse"
		if g.isBase(name) {
			shape = "box"
		}
		// Names have letters, digits, dots and dashes only, versions underscores too.
		fmt.Fprintf(w, "  %q [shape = %s, tooltip = %q]\n", name, shape, g.title(name))
	}
	for _, name := range g.Names() {
		for _, base := range g.nodes[name].Bases {
			fmt.Fprintf(w, "  %q -> %q\n", name, base)
		}
	}
	fmt.Fprintln(w, "}")
}

// WriteMermaid writes g as a Mermaid flowchart (mermaid.js.org/syntax/flowchart.html).
// An arrow points to what a recipe is built on; services are rounded.
func (g *Graph) WriteMermaid(w io.Writer) {
	fmt.Fprintln(w, "flowchart LR")
	ids := map[string]string{} // a recipe may be called "end", which is a keyword
	for i, name := range g.Names() {
		ids[name] = fmt.Sprintf("r%d", i)
		format := "  %s(%q)\n"
		if g.isBase(name) {
			format = "  %s[%q]\n"
		}
		fmt.Fprintf(w, format, ids[name], name)
	}
	for _, name := range g.Names() {
		for _, base := range g.nodes[name].Bases {
			fmt.Fprintf(w, "  %s --> %s\n", ids[name], ids[base])
		}
	}
}

func (g *Graph) isBase(name string) bool { return g.nodes[name].Kind == recipe.Base }
