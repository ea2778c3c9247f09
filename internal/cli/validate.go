package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"
)

type validated struct {
	Recipes []string `json:"recipes"`
}

func (v validated) kind() string { return "valid" }

func (v validated) text(w io.Writer) {
	for _, name := range v.Recipes {
		fmt.Fprintf(w, "%s is valid\n", name)
	}
}

func (a *app) validateCommand() *cobra.Command {
	var (
		recipes recipeFlags
		all     bool
	)
	cmd := &cobra.Command{
		Use:   "validate [NAME... | --all]",
		Short: "Say everything that is wrong with recipes",
		Long: `Decodes the recipes, and the ones that they are built on, for every architecture
that they name, and prints all that is wrong, in the order of the source. Without
a NAME, all recipes of the project. Nothing is fetched or built.`,
		Example: `  tailsbuild validate
  tailsbuild validate mqtt
  tailsbuild validate mqtt --var alpine=3.20`,
	}
	recipes.add(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "all recipes of the project; so it is without a NAME")
	return leaf(cmd, cobra.ArbitraryArgs, func(_ context.Context, args []string) error {
		if all && len(args) > 0 {
			return usagef("both --all and recipe names are given")
		}
		p, err := a.openProject(recipes)
		if err != nil {
			return err
		}
		names, err := p.names(args)
		if err != nil {
			return err
		}
		if err := p.validate(names); err != nil {
			return err
		}
		return a.out.print(validated{names})
	})
}

// validate returns everything that is wrong with the recipes called names, each
// problem once: a base has its problems in every recipe that is built on it.
func (p *project) validate(names []string) error {
	var all hcl.Diagnostics
	seen := make(map[string]bool)
	add := func(diags hcl.Diagnostics) {
		for _, d := range diags {
			key := fmt.Sprint(d.Severity, d.Subject, d.Summary, d.Detail)
			if !seen[key] {
				seen[key] = true
				all = append(all, d)
			}
		}
	}
	for _, name := range names {
		add(p.validateOne(name))
	}
	return p.check(all)
}

// validateOne returns what is wrong with the recipe called name, those that it is
// built on, and the files that it takes.
func (p *project) validateOne(name string) hcl.Diagnostics {
	archs, diags := p.archs(name)
	for _, arch := range archs {
		closure, more := p.Closure(name, arch)
		diags = append(diags, more...)
		if more.HasErrors() {
			continue
		}
		_, more = p.Files(closure[0])
		diags = append(diags, more...)
	}
	return diags
}
