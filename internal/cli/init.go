package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// An initiated recipe was just written.
type initiated struct {
	Recipe string `json:"recipe"`
	Path   string `json:"path"`
}

func (i initiated) kind() string { return "init" }

func (i initiated) text(w io.Writer) {
	fmt.Fprintf(w, "%s\n", i.Path)
	fmt.Fprintf(w, "  next  tailsbuild lock %s\n", i.Recipe)
}

func (a *app) initCommand() *cobra.Command {
	var (
		recipes recipeFlags
		d       draft
	)
	cmd := &cobra.Command{
		Use:   "init NAME",
		Short: "Write a new recipe",
		Long: `Writes NAME/recipe.hcl into the recipes' folder: a service on a base, or a base.
What no flag says is asked, if stdin is a terminal. With --go-module, the recipe
compiles a program of that Go module, with the newest Go that the project uses, and
runs it as a user of its own.

What is written is valid and in the form that fmt gives, or nothing is written; a
recipe that is there is never overwritten. --base and --rootfs may have references:
--base 'alpine-${var.alpine}'.`,
		Example: `  tailsbuild init notes
  tailsbuild init mqtt --base alpine-3.19 --license MIT --summary "MQTT broker" \
    --go-module github.com/mochi-mqtt/server/v2@v2.7.9 --go-package ./cmd
  tailsbuild init alpine-3.24 --kind base --version 3.24.2 --license MIT \
    --summary "Alpine Linux 3.24" --rootfs 'https://example.org/minirootfs-${arch}.tar.gz'`,
	}
	recipes.add(cmd)
	cmd.Flags().Var(newChoice(&d.kind, string(recipe.Service), string(recipe.Base)), "kind", "kind of recipe: service or base")
	cmd.Flags().StringVar(&d.base, "base", "", "`RECIPE` to build on")
	cmd.Flags().StringVar(&d.rootfs, "rootfs", "", "`URL` of the tar.gz that a base starts from")
	cmd.Flags().StringVar(&d.version, "version", "", "`VERSION` of what is packaged (default: the Go module's)")
	cmd.Flags().StringVar(&d.summary, "summary", "", "what it is, in a `LINE`")
	cmd.Flags().StringVar(&d.license, "license", "", "SPDX license `EXPRESSION`")
	cmd.Flags().StringArrayVar(&d.packages, "package", nil, "Alpine package of the image, a `NAME` with or without a constraint; may be repeated")
	cmd.Flags().StringVar(&d.module, "go-module", "", "Go module to compile, `PATH@VERSION`")
	cmd.Flags().StringVar(&d.program, "go-package", ".", "`PACKAGE` of the Go module that is the program")
	return leaf(cmd, cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		d.name = args[0]
		return a.initRecipe(ctx, recipes, d)
	})
}

func (a *app) initRecipe(ctx context.Context, f recipeFlags, d draft) error {
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
	if err := a.complete(ctx, &d, s.bases()); err != nil {
		return err
	}
	d.goVersion = s.newestGo()
	r, err := d.recipe(file, variablesOf(s.project.Project(), s.set))
	if err != nil {
		return err
	}
	if err := s.checkBase(r); err != nil {
		return err
	}
	if err := createRecipe(file, r.Bytes); err != nil {
		return err
	}
	return a.out.print(initiated{d.name, file})
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

// A question is one thing that a recipe needs.
type question struct {
	flag, prompt string
	answer       *string
}

// questions returns what d doesn't say yet.
func (d *draft) questions(bases []string) []question {
	var q []question
	ask := func(flag, prompt string, answer *string) {
		if *answer == "" {
			q = append(q, question{flag, prompt, answer})
		}
	}
	if d.kind == string(recipe.Service) {
		ask("--base", "Base, one of "+strings.Join(bases, ", "), &d.base)
	} else if d.base == "" {
		ask("--rootfs", "URL of the root file system, a tar.gz", &d.rootfs)
	}
	if d.module == "" {
		ask("--version", "Version of what is packaged", &d.version)
	}
	ask("--summary", "What it is, in a line", &d.summary)
	ask("--license", "License, as SPDX writes it", &d.license)
	return q
}

// complete asks for what d doesn't say. Without a terminal that is an error.
func (a *app) complete(ctx context.Context, d *draft, bases []string) error {
	if d.kind == string(recipe.Service) && len(bases) == 0 {
		return usagef("there is no base to build %s on; write one first: tailsbuild init NAME --kind base", d.name)
	}
	missing := d.questions(bases)
	if len(missing) == 0 {
		return nil
	}
	if a.stdin == nil || !term.IsTerminal(int(a.stdin.Fd())) {
		var flags []string
		for _, q := range missing {
			flags = append(flags, q.flag)
		}
		more := ""
		if flags[0] == "--base" {
			more = "; there are the bases " + strings.Join(bases, ", ")
		}
		return usagef("stdin is no terminal to ask on, and these are missing: %s%s", strings.Join(flags, ", "), more)
	}
	answers := bufio.NewReader(io.LimitReader(a.stdin, answersLimit))
	for _, q := range missing {
		for *q.answer == "" {
			fmt.Fprintf(a.stderr, "%s: ", q.prompt)
			line, err := readLine(ctx, answers)
			if err != nil {
				return err
			}
			*q.answer = strings.TrimSpace(line)
		}
	}
	return nil
}

// answersLimit is how much may be typed, in bytes.
const answersLimit = 64 << 10

// readLine reads a line. The read itself can't be interrupted, so that it is left
// to itself when ctx ends.
func readLine(ctx context.Context, r *bufio.Reader) (string, error) {
	type answer struct {
		line string
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		line, err := r.ReadString('\n')
		read <- answer{line, err}
	}()
	select {
	case got := <-read:
		if errors.Is(got.err, io.EOF) {
			return "", usagef("stdin ended before everything was answered")
		}
		return got.line, got.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
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
