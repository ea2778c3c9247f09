package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// An initiated recipe was just written.
type initiated struct {
	Recipe   string             `json:"recipe"`
	Path     string             `json:"path"`
	Packages []initiatedPackage `json:"packages,omitempty"`
	// Unknown is why nothing is known of the packages, if it is not.
	Unknown string `json:"unknown,omitempty"`
}

// An initiatedPackage is one of the recipe's packages, as an index has it.
type initiatedPackage struct {
	Name       string `json:"name"`
	Version    string `json:"version"`
	Repository string `json:"repository"`
	// Missing says that no mirror has its file.
	Missing bool `json:"missing,omitempty"`
}

func (i initiated) kind() string { return "init" }

func (i initiated) text(w io.Writer) {
	fmt.Fprintf(w, "%s\n", i.Path)
	for _, p := range i.Packages {
		fmt.Fprintf(w, "  has   %s %s from %s", p.Name, p.Version, p.Repository)
		if p.Missing {
			fmt.Fprint(w, ", but no mirror has its file, so that it can't be locked")
		}
		fmt.Fprintln(w)
	}
	if i.Unknown != "" {
		fmt.Fprintf(w, "  note  packages were not looked up: %s\n", i.Unknown)
	}
	fmt.Fprintf(w, "  next  tailsbuild lock %s\n", i.Recipe)
}

func (a *app) initCommand() *cobra.Command {
	var (
		recipes recipeFlags
		from    inputFlags
		draw    progressFlag
		d       draft
	)
	cmd := &cobra.Command{
		Use:   "init NAME",
		Short: "Write a new recipe",
		Long: `Writes NAME/recipe.hcl into the recipes' folder: a service on a base, or a base.
What no flag says is asked, if stdin is a terminal.

Packages are looked up in the indexes of the base's repositories, which are verified
as when locking. The first one's entry gives the version, summary, homepage and
license that no flag gives. A name that no index has is refused, with those that may
be meant; a package whose file no mirror has is said to be so. Where the indexes
can't be had, packages are written down as they are named. On a terminal, packages
are searched for by a part of their name.

With --go-module, the recipe compiles a program of that Go module, with the newest
Go that the project uses, and runs it as a user of its own. Without a version, the
go command says which is the newest.

What is written is valid and in the form that fmt gives, or nothing is written; a
recipe that is there is never overwritten. --base and --rootfs may have references:
--base 'alpine-${var.alpine}'.`,
		Example: `  tailsbuild init notes
  tailsbuild init sftp --base alpine-3.19 --package openssh-server
  tailsbuild init mqtt --base alpine-3.19 --license MIT --summary "MQTT broker" \
    --go-module github.com/mochi-mqtt/server/v2 --go-package ./cmd
  tailsbuild init alpine-3.24 --kind base --version 3.24.2 --license MIT \
    --summary "Alpine Linux 3.24" --rootfs 'https://example.org/minirootfs-${arch}.tar.gz'`,
	}
	recipes.add(cmd)
	from.add(cmd)
	draw.add(cmd)
	d.addFlags(cmd)
	return leaf(cmd, cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		d.name = args[0]
		return a.initRecipe(ctx, recipes, lookup{from, draw}, d)
	})
}

func (d *draft) addFlags(cmd *cobra.Command) {
	cmd.Flags().Var(newChoice(&d.kind, string(recipe.Service), string(recipe.Base)), "kind", "kind of recipe: service or base")
	cmd.Flags().StringVar(&d.base, "base", "", "`RECIPE` to build on")
	cmd.Flags().StringVar(&d.rootfs, "rootfs", "", "`URL` of the tar.gz that a base starts from")
	cmd.Flags().StringVar(&d.version, "version", "", "`VERSION` of what is packaged (default: the Go module's or the first package's)")
	cmd.Flags().StringVar(&d.summary, "summary", "", "what it is, in a `LINE` (default: the first package's)")
	cmd.Flags().StringVar(&d.license, "license", "", "SPDX license `EXPRESSION` (default: the first package's)")
	cmd.Flags().StringArrayVar(&d.packages, "package", nil, "Alpine package of the image, a `NAME` with or without a constraint; may be repeated")
	cmd.Flags().StringVar(&d.module, "go-module", "", "Go module to compile, `PATH@VERSION`, or PATH for the newest version")
	cmd.Flags().StringVar(&d.program, "go-package", ".", "`PACKAGE` of the Go module that is the program")
}

func (a *app) initRecipe(ctx context.Context, f recipeFlags, look lookup, d draft) error {
	if err := d.check(); err != nil {
		return err
	}
	file := filepath.Join(f.dir, d.name, recipe.FileName)
	if _, err := os.Lstat(file); err == nil {
		// Said before anyone is asked; createRecipe is what prevents it.
		return &fs.PathError{Op: "create", Path: file, Err: fs.ErrExist}
	}
	s, err := a.surveyOrNone(f)
	if err != nil {
		return err
	}
	out := initiated{Recipe: d.name, Path: file}
	if err := s.complete(ctx, &d, look, &out); err != nil {
		return err
	}
	d.goVersion = s.newestGo()
	r, err := s.decode(&d, file)
	if err != nil {
		return err
	}
	if err := s.checkBase(r); err != nil {
		return err
	}
	if err := createRecipe(file, r.Bytes); err != nil {
		return err
	}
	return a.out.print(out)
}

func (s *survey) decode(d *draft, file string) (*recipe.Recipe, error) {
	return d.recipe(file, variablesOf(s.project.Project(), s.set))
}

// surveyOrNone is survey, and that of no recipes where there is no folder of them
// yet.
func (a *app) surveyOrNone(f recipeFlags) (*survey, error) {
	if _, err := os.Stat(f.dir); errors.Is(err, fs.ErrNotExist) {
		set, _ := recipe.OpenSet(f.dir, nil) // says what was just found out
		return &survey{project: &project{Set: set, app: a, dir: f.dir}}, nil
	}
	p, err := a.openProject(f)
	if err != nil {
		return nil, err
	}
	return p.survey(f)
}

// bases returns the names of the bases that there are.
func (s *survey) bases() []string {
	var names []string
	for name, r := range s.recipes {
		if r.Kind == recipe.Base {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// createRecipe makes the recipe at path with content src. It appears whole, and
// what was there stays.
func createRecipe(path string, src []byte) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	err = os.Mkdir(dir, 0o755)
	made := err == nil
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	defer func() {
		if err != nil && made {
			_ = os.Remove(dir) // err says why
		}
	}()
	aside, err := os.MkdirTemp(dir, ".init-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(aside)) }()
	whole := filepath.Join(aside, recipe.FileName)
	if err := createFile(whole, src, 0o644); err != nil {
		return err
	}
	return os.Link(whole, path) // which, unlike renaming, takes no other file's place
}
