package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"

	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/internal/git"
	"gitlab.com/tailsbuild/tailsbuild/internal/graph"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
	"gitlab.com/tailsbuild/tailsbuild/internal/regular"
)

func addChanged(cmd *cobra.Command, since *string) {
	cmd.Flags().Var((*revisionFlag)(since), "changed", "the recipes that the changes since the commit `REV` reach, and why")
}

// A revisionFlag is a flag's value that isn't empty, as a variable of CI may be.
type revisionFlag string

func (f *revisionFlag) String() string { return string(*f) }
func (f *revisionFlag) Type() string   { return "string" }

func (f *revisionFlag) Set(s string) error {
	if s == "" {
		return errors.New("it is empty: name a commit, such as origin/main")
	}
	*f = revisionFlag(s)
	return nil
}

// toBuild returns the recipes that build's command line means: as they are named,
// or else bases first. None means that there is nothing to do.
func (p *project) toBuild(ctx context.Context, f buildFlags, args []string) ([]string, error) {
	if f.changed != "" && (f.all || len(args) > 0) {
		return nil, usagef("--changed finds out which recipes to build; give neither names nor --all")
	}
	if !f.all && f.changed == "" || len(args) > 0 {
		return p.namesOrAll(args, f.all)
	}
	s, err := p.survey(f.recipes)
	if err != nil {
		return nil, err
	}
	if f.changed != "" {
		return s.printChanged(ctx, f.changed)
	}
	return s.graph.Order(s.graph.Names()), nil
}

// changes are the recipes that a change of the project reaches, bases first.
type changes struct {
	Revision string    `json:"revision"`
	Commit   string    `json:"commit"`
	Recipes  []reached `json:"recipes"`
	Of       int       `json:"of"` // how many recipes there are
}

// A reached recipe is to be built again.
type reached struct {
	Recipe  string         `json:"recipe"`
	Reasons []graph.Reason `json:"reasons"`
}

func (c changes) kind() string { return "changed" }

func (c changes) text(w io.Writer) {
	if len(c.Recipes) == 0 {
		fmt.Fprintf(w, "nothing that a recipe is built from changed since %s\n", c.Revision)
		return
	}
	fmt.Fprintf(w, "%d of %d recipes are reached by the changes since %s\n", len(c.Recipes), c.Of, c.Revision)
	for _, r := range c.Recipes {
		fmt.Fprintln(w, r.Recipe)
		for _, reason := range r.Reasons {
			fmt.Fprintf(w, "  %s\n", reason)
		}
	}
}

// printChanged prints what changed since a revision, and returns the recipes that
// it reaches, bases first.
func (s *survey) printChanged(ctx context.Context, since string) ([]string, error) {
	c, err := s.changed(ctx, since)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, r := range c.Recipes {
		names = append(names, r.Recipe)
	}
	return names, s.project.app.out.print(c)
}

// changed compares the project with itself at a revision. What counts is what is
// in the folder now: committed or not, known to git or not.
func (s *survey) changed(ctx context.Context, since string) (*changes, error) {
	tree, err := git.Open(ctx, s.project.dir, since)
	if err != nil {
		return nil, err
	}
	h := &history{survey: s, tree: tree}
	if err := h.read(ctx); err != nil {
		return nil, err
	}
	own := map[string][]graph.Reason{}
	for _, name := range s.graph.Names() {
		if own[name], err = h.compare(name); err != nil {
			return nil, err
		}
	}
	reasons := s.graph.Reach(own)
	c := &changes{Revision: since, Commit: tree.Commit, Recipes: []reached{}, Of: len(s.graph.Names())}
	for _, name := range s.graph.Order(slices.Sorted(maps.Keys(reasons))) {
		c.Recipes = append(c.Recipes, reached{name, reasons[name]})
	}
	return c, nil
}

// A history is a project and what it was at a revision.
type history struct {
	*survey
	tree *git.Tree
	vars map[string]string // at the revision
	// locks are those of now, nil where there is none.
	locks map[string][]byte
	// contents has the files of then that are other ones now, by their ID.
	contents map[string][]byte
}

// read reads, at once, all of then that is to be decoded.
func (h *history) read(ctx context.Context) error {
	h.locks = map[string][]byte{}
	var blobs []git.Blob
	add := func(folder, name string, now []byte) {
		if b, ok := h.tree.Find(folder, name); ok && b.ID != h.tree.ID(now) {
			blobs = append(blobs, b)
		}
	}
	for _, name := range h.graph.Names() {
		src, err := h.project.lockSource(name)
		if err != nil {
			return err
		}
		h.locks[name] = src
		add(name, lock.FileName, src)
		add(name, recipe.FileName, h.recipes[name].Bytes)
	}
	if b, ok := h.tree.Find("", recipe.ProjectFile); ok {
		blobs = append(blobs, b)
	}
	var err error
	h.contents, err = h.tree.Read(ctx, blobs)
	h.vars = h.oldVariables()
	return err
}

// oldVariables returns the variables of then. What --var sets is set for both. A
// project file that was not valid had none, and the recipes that use one were not
// valid either.
func (h *history) oldVariables() map[string]string {
	b, ok := h.tree.Find("", recipe.ProjectFile)
	if !ok {
		return nil
	}
	old, diags := recipe.DecodeProject(recipe.ProjectFile, h.contents[b.ID])
	if diags.HasErrors() {
		return nil
	}
	return variablesOf(old, h.set)
}

// variablesOf returns the values of a project's variables, of which set are set.
func variablesOf(p *recipe.Project, set map[string]string) map[string]string {
	vars := make(map[string]string, len(p.Variables))
	for _, v := range p.Variables {
		vars[v.Name] = v.Default
		if value, ok := set[v.Name]; ok {
			vars[v.Name] = value
		}
	}
	return vars
}

// lockSource returns the lock of the recipe called name, nil if there is none.
func (p *project) lockSource(name string) ([]byte, error) {
	src, err := regular.Read(p.lockPath(name), lockLimit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return src, err
}

// compare returns the reasons of the recipe called name.
func (h *history) compare(name string) ([]graph.Reason, error) {
	r := h.recipes[name]
	before := graph.State{
		Recipe: h.then(name, recipe.FileName, r.Bytes),
		Lock:   h.then(name, lock.FileName, h.locks[name]),
		Vars:   h.vars,
		Files:  map[string]string{},
	}
	now := graph.State{Recipe: r.Bytes, Decoded: r, Lock: h.locks[name], Vars: variablesOf(h.project.Project(), h.set), Files: map[string]string{}}
	files, diags := h.project.Files(r)
	if err := h.project.check(diags); err != nil {
		return nil, err
	}
	for _, f := range r.Files {
		if f.Source == "" {
			continue
		}
		b, _ := h.tree.Find(name, f.Source)
		before.Files[path.Clean(f.Source)] = b.ID
		now.Files[path.Clean(f.Source)] = h.tree.ID(files[f.Path])
	}
	return graph.Compare(h.archs[name], before, now), nil
}

// then returns what a file was, nil if it wasn't there. Now is what it is.
func (h *history) then(folder, name string, now []byte) []byte {
	b, ok := h.tree.Find(folder, name)
	if !ok {
		return nil
	}
	if b.ID == h.tree.ID(now) {
		return now
	}
	return h.contents[b.ID]
}
