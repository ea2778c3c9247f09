package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// recipeFlags say which recipes are meant.
type recipeFlags struct {
	dir  string
	vars []string
}

func (f *recipeFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.dir, "recipes", "recipes", "`DIR` with the recipes and tailsbuild.hcl")
	cmd.Flags().StringArrayVar(&f.vars, "var", nil, "set a variable of the project, `NAME=VALUE`; may be repeated")
}

// variables returns what --var sets.
func (f *recipeFlags) variables() (map[string]string, error) {
	vars := make(map[string]string, len(f.vars))
	for _, v := range f.vars {
		name, value, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			return nil, usagef("--var %q is not NAME=VALUE", v)
		}
		if old, ok := vars[name]; ok && old != value {
			return nil, usagef("--var sets %s to both %q and %q", name, old, value)
		}
		vars[name] = value
	}
	return vars, nil
}

// inputFlags say where inputs come from.
type inputFlags struct {
	store   string
	mirrors []string
	offline bool
}

func (f *inputFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.store, "store", "", "`DIR` that keeps inputs (default tailsbuild in the cache folder)")
	cmd.Flags().StringArrayVar(&f.mirrors, "mirror", nil, "`DIR or URL` to ask for inputs before the project's mirrors; may be repeated")
	cmd.Flags().BoolVar(&f.offline, "offline", false, "use no network: only the store and mirrors that are folders")
}

// A timeoutFlag says how long builders may take.
type timeoutFlag struct{ limit time.Duration }

func (f *timeoutFlag) add(cmd *cobra.Command) {
	f.limit = builder.DefaultTimeout
	cmd.Flags().Var(f, "timeout", "give a recipe's builders up after this `time`, such as 90m")
}

func (f *timeoutFlag) String() string { return f.limit.String() }
func (f *timeoutFlag) Type() string   { return "duration" }

func (f *timeoutFlag) Set(s string) error {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return errors.New("must be a time above zero, such as 90m or 12h")
	}
	f.limit = d
	return nil
}

// storeDir returns the store's absolute path.
func (f *inputFlags) storeDir() (string, error) {
	if f.store != "" {
		return filepath.Abs(f.store)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", usagef("no cache folder for the store: %v; name a folder with --store", err)
	}
	return filepath.Join(dir, "tailsbuild"), nil
}

// fetcher returns a fetcher into the store that draws on d.
func (f *inputFlags) fetcher(project *recipe.Project, d *progress.Display) (*inputs.Fetcher, error) {
	dir, err := f.storeDir()
	if err != nil {
		return nil, err
	}
	store, err := inputs.OpenStore(dir)
	if err != nil {
		return nil, err
	}
	mirrors := make([]inputs.Mirror, 0, len(project.Mirrors))
	for _, m := range project.Mirrors {
		mirrors = append(mirrors, inputs.Mirror{Upstream: m.Upstream, Locations: m.Locations})
	}
	return &inputs.Fetcher{
		Store:   store,
		Mirrors: mirrors,
		Extra:   f.mirrors,
		Offline: f.offline,
		Report:  transfers(d),
	}, nil
}

// transfers returns a function that draws what a fetcher reports, one step for
// each input that is not in the store already.
func transfers(d *progress.Display) func(inputs.Transfer) {
	type drawn struct {
		step *progress.Step
		from string
	}
	steps := make(map[string]*drawn)
	return func(t inputs.Transfer) {
		s := steps[t.Name]
		if s == nil {
			if t.Done && t.Err == nil {
				return
			}
			s = &drawn{step: d.Step("fetch " + t.Name)}
			steps[t.Name] = s
		}
		if t.From != s.from {
			s.from = t.From
			s.step.Log("from " + t.From)
		}
		s.step.Progress(t.Current, t.Total)
		if t.Done {
			s.step.Done(t.Err)
			delete(steps, t.Name)
		}
	}
}

// progressFlag says how a command draws.
type progressFlag struct{ mode string }

func (f *progressFlag) add(cmd *cobra.Command) {
	cmd.Flags().Var(newChoice(&f.mode, progress.Modes()...), "progress",
		"how progress is drawn on stderr: "+strings.Join(progress.Modes(), ", "))
}

// display returns the display that a command draws on; it must be closed before
// anything else is written to stderr.
func (a *app) display(f progressFlag) (*progress.Display, error) {
	d, err := progress.New(a.stderr, f.mode)
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	return d, nil
}
