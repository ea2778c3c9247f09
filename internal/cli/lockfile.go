package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// A locked is what locking did, or would do, to one recipe's lock.
type locked struct {
	Recipe  string   `json:"recipe"`
	Path    string   `json:"path"`
	Digest  string   `json:"digest,omitempty"` // "" when only checked
	Changed bool     `json:"changed"`
	Add     []string `json:"add,omitempty"`
	Remove  []string `json:"remove,omitempty"`
	// Output says that the record of what makes the images is another one.
	Output bool `json:"output,omitempty"`
}

func (l locked) kind() string { return "lock" }

func (l locked) text(w io.Writer) {
	if !l.Changed {
		fmt.Fprintf(w, "%s is up to date\n", l.Path)
		return
	}
	fmt.Fprintf(w, "%s\n", l.Path)
	for _, in := range l.Remove {
		fmt.Fprintf(w, "  - %s\n", in)
	}
	for _, in := range l.Add {
		fmt.Fprintf(w, "  + %s\n", in)
	}
	if l.Output {
		fmt.Fprintf(w, "  ~ output record\n")
	}
	if l.Digest != "" {
		fmt.Fprintf(w, "  = %s\n", l.Digest)
	}
}

// A staleLockError reports recipes whose lock lock --check would change.
type staleLockError struct{ Recipes []string }

func (e *staleLockError) Error() string {
	return "locks are not up to date: " + strings.Join(e.Recipes, ", ")
}

func (a *app) lockCommand() *cobra.Command {
	var (
		recipes    recipeFlags
		from       inputFlags
		draw       progressFlag
		all, check bool
	)
	cmd := &cobra.Command{
		Use:   "lock NAME... | --all",
		Short: "Write down every input of recipes",
		Long: `Fetches the inputs that a recipe and its bases name and that are not locked yet,
and writes recipe.lock.hcl beside the recipe: each input with its size and the
sha256 of the whole file. What is locked already, and still what the recipe
names, stays as it is. A recorded image digest goes when an input changes.`,
		Example: `  tailsbuild lock mqtt
  tailsbuild lock --all
  tailsbuild lock mqtt --check`,
	}
	recipes.add(cmd)
	from.add(cmd)
	draw.add(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "all recipes of the project")
	cmd.Flags().BoolVar(&check, "check", false, "change and fetch nothing; exit with 1 when a lock would change")
	return leaf(cmd, cobra.ArbitraryArgs, func(ctx context.Context, args []string) error {
		p, err := a.openProject(recipes)
		if err != nil {
			return err
		}
		names, err := p.namesOrAll(args, all)
		if err != nil {
			return err
		}
		if check {
			return p.checkLocks(names)
		}
		for _, name := range names {
			if err := p.lock(ctx, name, from, draw); err != nil {
				return err
			}
		}
		return nil
	})
}

// A lockUpdate is what it takes to bring one recipe's lock up to date.
type lockUpdate struct {
	old  *lock.File   // empty when there is none
	keep []lock.Input // locked, and still right
	want []lock.Input // to be resolved
	// solve are the architectures for which packages have to be selected.
	solve []string
	// worlds are those of the other architectures, and of all once resolved.
	worlds []lock.World
	locked
}

// lockUpdate works out what the lock of the recipe called name needs, for all of
// the recipe's architectures.
func (p *project) lockUpdate(name string) (*lockUpdate, error) {
	u := &lockUpdate{locked: locked{Recipe: name, Path: p.lockPath(name)}}
	var err error
	u.old, err = p.readLock(name)
	var unlocked *unlockedError
	if errors.As(err, &unlocked) {
		u.old, err = &lock.File{Recipe: name}, nil
		u.Changed = true
	}
	if err != nil {
		return nil, err
	}
	wanted, err := p.wanted(u)
	if err != nil {
		return nil, err
	}
	installed := u.old.Installed(u.worlds...)
	for _, in := range u.old.Inputs {
		if in.Kind == lock.KindPackage && slices.Contains(u.solve, in.Arch) {
			continue // what becomes of it is known when apk has chosen
		}
		if isIn(installed, in) {
			u.keep = append(u.keep, in)
		} else if !wanted[in.String()] && !p.isOtherBase(in) {
			u.Remove = append(u.Remove, describe(in))
		} else if !isIn(u.want, in) {
			u.keep = append(u.keep, in)
		}
	}
	u.Output = !u.Changed && u.old.Output != lock.CurrentOutput()
	u.Changed = u.Changed || u.Output || len(u.Add)+len(u.Remove) > 0 || len(u.worlds) != len(u.old.Worlds)
	return u, nil
}

// isIn reports whether list has an input of in's kind, name and architecture.
func isIn(list []lock.Input, in lock.Input) bool {
	return slices.ContainsFunc(list, func(l lock.Input) bool { return l.String() == in.String() })
}

// wanted adds to u what is to be resolved. It returns the names of everything
// that the lock needs.
func (p *project) wanted(u *lockUpdate) (map[string]bool, error) {
	archs, diags := p.archs(u.Recipe)
	if err := p.check(diags); err != nil {
		return nil, err
	}
	names := make(map[string]bool)
	var lists [][]lock.Input
	for _, arch := range archs {
		closure, diags := p.Closure(u.Recipe, arch)
		if err := p.check(diags); err != nil {
			return nil, err
		}
		for _, in := range lock.Wanted(closure, arch) {
			names[in.String()] = true
		}
		_, err := u.old.Closure(closure, arch)
		var missing *lock.MissingError
		if err != nil && !errors.As(err, &missing) {
			return nil, err
		}
		if missing != nil {
			lists = append(lists, missing.Inputs)
		}
		u.keepWorlds(lock.Worlds(closure, arch), missing)
	}
	var err error
	if u.want, err = lock.Union(lists...); err != nil {
		return nil, err
	}
	for _, in := range u.want {
		u.Add = append(u.Add, describe(in))
	}
	// What is asked for is selected and not resolved.
	u.want = slices.DeleteFunc(u.want, func(in lock.Input) bool { return in.Kind == lock.KindPackage })
	return names, nil
}

// keepWorlds keeps the worlds of one architecture, unless what apk chooses from is
// another than before: then all are to be solved again.
func (u *lockUpdate) keepWorlds(want []lock.World, missing *lock.MissingError) {
	var kept []lock.World
	for _, w := range want {
		if locked, ok := u.old.World(w); ok {
			kept = append(kept, locked)
		}
	}
	decides := func(in lock.Input) bool { return in.Kind == lock.KindRootfs || in.Kind == lock.KindIndex }
	if len(kept) < len(want) || len(want) > 0 && missing != nil && slices.ContainsFunc(missing.Inputs, decides) {
		u.solve = append(u.solve, want[0].Arch)
		return
	}
	u.worlds = append(u.worlds, kept...)
}

// isOtherBase reports whether in is the rootfs of a base of this project. A recipe
// whose base follows from a variable is locked for each of them in turn.
func (p *project) isOtherBase(in lock.Input) bool {
	if in.Kind != lock.KindRootfs {
		return false
	}
	closure, diags := p.Closure(in.Name, in.Arch)
	return !diags.HasErrors() && slices.ContainsFunc(closure, func(r *recipe.Recipe) bool {
		return r.Name == in.Name && r.Rootfs != nil && r.Rootfs.URL == in.URL
	})
}

// describe names an input and where it comes from.
func describe(in lock.Input) string {
	if in.Module != "" {
		return fmt.Sprintf("%s: %s@%s", in, in.Module, in.Version)
	}
	if in.Kind == lock.KindPackage {
		return strings.TrimSpace(fmt.Sprintf("%s %s", in, in.Version))
	}
	return fmt.Sprintf("%s: %s", in, in.URL)
}

func (p *project) checkLocks(names []string) error {
	var stale []string
	for _, name := range names {
		u, err := p.lockUpdate(name)
		if err != nil {
			return err
		}
		if u.Changed {
			stale = append(stale, name)
		}
		if err := p.app.out.print(u.locked); err != nil {
			return err
		}
	}
	if len(stale) > 0 {
		return &staleLockError{stale}
	}
	return nil
}

// lock brings the lock of the recipe called name up to date.
func (p *project) lock(ctx context.Context, name string, from inputFlags, draw progressFlag) error {
	u, err := p.lockUpdate(name)
	if err != nil {
		return err
	}
	if !u.Changed {
		return p.app.out.print(u.locked)
	}
	next, err := p.resolve(ctx, u, from, draw)
	if err != nil {
		return err
	}
	f := u.old
	u.compareWith(next)
	if err := f.Update(lock.CurrentOutput(), next, u.worlds); err != nil {
		return err
	}
	if err := writeFile(u.Path, f.Encode(), 0o644); err != nil {
		return err
	}
	u.Digest = f.Digest().String()
	return p.app.out.print(u.locked)
}

// compareWith says what next adds and removes, now that the packages are known.
func (u *lockUpdate) compareWith(next []lock.Input) {
	if len(u.solve) == 0 {
		return
	}
	without := func(list, other []lock.Input) (out []string) {
		for _, in := range list {
			if !slices.ContainsFunc(other, func(o lock.Input) bool { return describe(o) == describe(in) }) {
				out = append(out, describe(in))
			}
		}
		slices.Sort(out)
		return out
	}
	u.Add, u.Remove = without(next, u.old.Inputs), without(u.old.Inputs, next)
}

// resolve returns all inputs of the lock that u leads to.
func (p *project) resolve(ctx context.Context, u *lockUpdate, from inputFlags, draw progressFlag) (_ []lock.Input, err error) {
	d, err := p.app.display(draw)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	fetcher, err := from.fetcher(p.Project(), d)
	if err != nil {
		return nil, err
	}
	next, err := resolveAll(ctx, fetcher, u.want)
	if err != nil {
		return nil, err
	}
	next = append(next, u.keep...)
	packages, err := p.lockPackages(ctx, u, next, from, fetcher, d)
	if err != nil {
		return nil, err
	}
	// The indexes come back with the keys that signed them.
	next = slices.DeleteFunc(next, func(in lock.Input) bool { return isIn(packages, in) })
	return append(next, packages...), nil
}

// resolveAll resolves a few inputs at once.
func resolveAll(ctx context.Context, f *inputs.Fetcher, want []lock.Input) ([]lock.Input, error) {
	got := make([]lock.Input, len(want))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for i, in := range want {
		group.Go(func() (err error) {
			got[i], err = f.Resolve(ctx, in)
			return err
		})
	}
	return got, group.Wait()
}
