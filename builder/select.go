package builder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/buildkit/client/llb"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// A Selected package is one that apk chose.
type Selected struct{ Name, Version string }

// A Choice is what apk chose for one world.
type Choice struct {
	World    lock.World // without what it installs
	Selected []Selected // in apk's order
}

// An UnsatisfiableError reports packages that can't be installed together. Log is
// what apk says about it, which names the chain that conflicts.
type UnsatisfiableError struct {
	Recipe string
	World  lock.World
	Log    []string
}

func (e *UnsatisfiableError) Error() string {
	return fmt.Sprintf("packages of %s, for its %s: apk can't install %s", e.Recipe, e.World.Use, strings.Join(e.World.Packages, " "))
}

// A RemovalError reports packages that can't be installed beside one that the base has,
// such as "!busybox". A recipe adds to its base and removes nothing.
type RemovalError struct {
	Recipe  string
	World   lock.World
	Package Selected // the first that apk would remove
}

func (e *RemovalError) Error() string {
	return fmt.Sprintf("packages of %s, for its %s: to install %s, apk would remove %s-%s, which the base has",
		e.Recipe, e.World.Use, strings.Join(e.World.Packages, " "), e.Package.Name, e.Package.Version)
}

// A Selector has the apk of a base choose what installing the worlds of a closure
// takes, beside what the base has.
type Selector struct {
	closure []*recipe.Recipe
	arch    string
	worlds  []lock.World
	opts    Options

	// Without a world there are none of these.
	run    run
	daemon *daemon
}

// StartSelector starts a builder, which takes a moment, for [Selector.Select] to use.
// The caller has to close it.
func StartSelector(ctx context.Context, closure []*recipe.Recipe, arch string, opts Options) (*Selector, error) {
	worlds := slices.DeleteFunc(lock.Worlds(closure, arch), func(w lock.World) bool { return w.Use == lock.UseBase })
	s := &Selector{closure: closure, arch: arch, worlds: worlds, opts: opts}
	if len(worlds) == 0 {
		return s, nil
	}
	var err error
	if s.run, err = newRun(); err != nil {
		return nil, err
	}
	// Nothing is compared, so the builder that takes least is right: the auditor's is
	// in memory, with the faster runtime.
	if s.daemon, err = startDaemon(ctx, Auditor, filepath.Join(opts.Work, Auditor), s.run, nil); err != nil {
		return nil, err
	}
	return s, nil
}

// Close ends the builder.
func (s *Selector) Close() error {
	if s.daemon == nil {
		return nil
	}
	return errors.Join(s.daemon.stop(), removeCgroups(s.run.cgroup))
}

// Select returns the packages to lock. The inputs of lk are the root file system, the
// indexes of all repositories, and when the base has packages, those and the world
// that installs them. It returns an [UnsatisfiableError] when apk finds no choice, and a
// [RemovalError] when its choice is without something of the base. It is called once.
func (s *Selector) Select(ctx context.Context, lk *lock.File) ([]Choice, error) {
	if s.daemon == nil {
		return nil, nil
	}
	p := &Plan{recipe: s.closure[0], arch: s.arch, inputs: lk.Inputs, worlds: lk.Worlds, output: lk.Output, files: true}
	steps := make(map[string]lock.World, len(s.worlds))
	err := p.draw(s.closure, nil, func(g *graph) (llb.State, error) {
		var said *llb.FileAction
		for _, w := range s.worlds {
			at, step := g.selects(w)
			steps[step] = w
			said = said.Copy(g.run(g.simulates(w, at)), w.Use, "/"+selectedFile(w))
		}
		at := g.at(p.recipe, p.recipe.Range, "packages of "+p.recipe.Name)
		return llb.Scratch().File(said, at.name, at.location), nil
	})
	if err := errors.Join(err, p.check()); err != nil {
		return nil, err
	}
	store, err := inputStoreOf(p, s.opts.Store, filepath.Join(s.opts.Work, "inputs"))
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.opts.limit(ctx)
	defer cancel()
	r, err := s.daemon.solve(ctx, p, store, s.opts.Progress)
	var step *StepError
	if errors.As(err, &step) && step.ExitCode > 0 {
		return nil, &UnsatisfiableError{Recipe: p.recipe.Name, World: steps[step.Step], Log: step.Log}
	}
	if err != nil {
		return nil, err
	}
	said, err := os.OpenRoot(r.Layout)
	if err != nil {
		return nil, err
	}
	defer said.Close()
	choices := make([]Choice, len(s.worlds))
	for i, w := range s.worlds {
		selected, removed, err := readSelected(said, selectedFile(w))
		if err != nil {
			return nil, err
		}
		if len(removed) > 0 {
			return nil, &RemovalError{Recipe: p.recipe.Name, World: w, Package: removed[0]}
		}
		choices[i] = Choice{World: w, Selected: selected}
	}
	return choices, nil
}

// selectedFile is where [Selector.Select] has apk say what it would do.
func selectedFile(w lock.World) string { return "selected-" + w.Use }

// selects returns the place and the name of the step that selects for w.
func (g *graph) selects(w lock.World) (place, string) {
	r := g.closure[0]
	rng := r.Range
	switch w.Use {
	case lock.UseImage:
		rng = r.PackagesRange
	case lock.UseBuild:
		rng = r.Build.PackagesRange
	}
	name := fmt.Sprintf("select packages of %s, for its %s", r.Name, w.Use)
	return g.at(r, rng, name), name
}

// selectedLine is how apk 2 says that it installs a package, or replaces the one
// that is there: "(1/3) Installing musl (1.2.4-r4)", "(2/3) Upgrading zlib (1.3-r0
// -> 1.3.1-r0)".
var selectedLine = lazyregexp.New(`^\([0-9]+/[0-9]+\) (Installing|Upgrading|Downgrading|Replacing|Reinstalling) ([^ ()]+) \((?:[^ ()]+ -> )?([^ ()]+)\)$`)

// removedLine is how it says that it removes one: "(1/5) Purging busybox (1.36.1-r15)".
var removedLine = lazyregexp.New(`^\([0-9]+/[0-9]+\) Purging ([^ ()]+) \(([^ ()]+)\)$`)

func parseSelected(said string) (selected, removed []Selected, err error) {
	for line := range strings.Lines(said) {
		line = strings.TrimSuffix(line, "\n")
		if m := selectedLine.FindStringSubmatch(line); m != nil {
			selected = append(selected, Selected{Name: m[2], Version: m[3]})
		} else if m := removedLine.FindStringSubmatch(line); m != nil {
			removed = append(removed, Selected{Name: m[1], Version: m[2]})
		} else if !strings.HasPrefix(line, "OK: ") && !strings.HasPrefix(line, "Executing ") {
			return nil, nil, fmt.Errorf("apk says %q, which isn't known to be an installation", line)
		}
	}
	return selected, removed, nil
}

// maxSelected is how much apk may say, in bytes.
const maxSelected = 4 << 20

// readSelected reads what apk said from a file of dir.
func readSelected(dir *os.Root, name string) (selected, removed []Selected, err error) {
	f, err := dir.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSelected+1))
	if err != nil {
		return nil, nil, err
	}
	if len(b) > maxSelected {
		return nil, nil, &oci.LimitError{What: "what apk selects", Size: int64(len(b)), Limit: maxSelected}
	}
	return parseSelected(string(b))
}
