package cli

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// A staleLockError reports recipes whose lock lock --check would change.
type staleLockError struct{ Recipes []string }

func (e *staleLockError) Error() string {
	return "locks are not up to date: " + strings.Join(e.Recipes, ", ")
}

type lockFlags struct {
	recipes    recipeFlags
	from       inputFlags
	draw       progressFlag
	all        bool
	check      bool
	update     bool
	allowOlder bool
	outdated   bool
}

// checkModes refuses flags that contradict each other.
func (f *lockFlags) checkModes() error {
	modes := 0
	for _, mode := range []bool{f.check, f.update, f.outdated} {
		if mode {
			modes++
		}
	}
	switch {
	case modes > 1:
		return usagef("--check, --update and --outdated are three different things; choose one")
	case f.allowOlder && !f.update:
		return usagef("--allow-older-index has no place without --update: nothing else takes another index")
	}
	return nil
}

func (a *app) lockCommand() *cobra.Command {
	var f lockFlags
	cmd := &cobra.Command{
		Use:   "lock NAME... | --all",
		Short: "Write down every input of recipes",
		Long: `Fetches the inputs that a recipe and its bases name and that are not locked yet,
and writes recipe.lock.hcl beside the recipe: each input with its size and the
sha256 of the whole file. What is locked already, and still what the recipe
names, stays as it is. A recorded image digest goes when an input changes.

With --update, Alpine packages are chosen again from the indexes that the mirrors
have now; all else follows from the recipe and stays. An index that is older than
the locked one is refused. --outdated lists what has newer versions and changes
nothing; it exits with 0 when there are some, too.`,
		Example: `  tailsbuild lock mqtt
  tailsbuild lock --all --check
  tailsbuild lock sftp --update
  tailsbuild lock --outdated`,
	}
	f.recipes.add(cmd)
	f.from.add(cmd)
	f.draw.add(cmd)
	cmd.Flags().BoolVar(&f.all, "all", false, "all recipes of the project")
	cmd.Flags().BoolVar(&f.check, "check", false, "change and fetch nothing; exit with 1 when a lock would change")
	cmd.Flags().BoolVar(&f.update, "update", false, "choose packages again from the newest indexes")
	cmd.Flags().BoolVar(&f.allowOlder, "allow-older-index", false, "let --update take indexes that are older than the locked ones")
	cmd.Flags().BoolVar(&f.outdated, "outdated", false, "list what has newer versions, of all recipes if none is named")
	return leaf(cmd, cobra.ArbitraryArgs, func(ctx context.Context, args []string) error {
		if err := f.checkModes(); err != nil {
			return err
		}
		return a.lock(ctx, f, args)
	})
}

func (a *app) lock(ctx context.Context, f lockFlags, args []string) error {
	p, err := a.openProject(f.recipes)
	if err != nil {
		return err
	}
	names, err := p.namesOrAll(args, f.all || f.outdated && len(args) == 0)
	if err != nil {
		return err
	}
	switch {
	case f.check:
		return p.checkLocks(names, f)
	case f.outdated:
		return p.outdated(ctx, names, f)
	}
	if f.update {
		p.warnOfBases(names)
	}
	reader, err := p.lockReader(f.from)
	if err != nil {
		return err
	}
	fresh := newFreshInputs()
	for _, name := range p.basesFirst(names) {
		if err := p.lock(ctx, name, f, fresh, reader); err != nil {
			return err
		}
	}
	return nil
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
	// bases have what comes from the lock of the base, by architecture.
	bases map[string]*lockedBase
	locked
}

// lockUpdate works out what the lock of the recipe called name needs, for all of
// the recipe's architectures. update says to choose packages from other indexes
// than the locked ones.
func (p *project) lockUpdate(name string, update bool) (*lockUpdate, error) {
	u := &lockUpdate{locked: locked{Recipe: name, Path: p.lockPath(name), update: update}}
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
	u.Changed = u.Changed || u.Output || len(u.solve)+len(u.Add)+len(u.Remove) > 0 || len(u.worlds) != len(u.old.Worlds)
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
	u.bases = make(map[string]*lockedBase)
	asked := false // for indexes
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
		base, err := p.lockedBase(closure, arch)
		if err != nil {
			return nil, err
		}
		u.bases[arch] = base
		var renewed []lock.Input
		if u.update {
			renewed = base.without(indexes(closure, arch))
			lists = append(lists, renewed)
		}
		asked = asked || len(renewed) > 0
		worlds := lock.Worlds(closure, arch)
		u.keepWorlds(worlds, base, missing, len(renewed) > 0)
		if slices.Contains(u.solve, arch) {
			u.asks(u.old.Worlds, worlds, arch)
		}
	}
	u.update = asked
	var err error
	if u.want, err = lock.Union(lists...); err != nil {
		return nil, err
	}
	for _, in := range u.want {
		if in.Kind != lock.KindPackage {
			u.Add = append(u.Add, describe(in))
		}
	}
	// What is asked for is selected, and what the base has taken from it.
	u.want = slices.DeleteFunc(u.want, func(in lock.Input) bool {
		b := u.bases[in.Arch]
		return in.Kind == lock.KindPackage || b != nil && isIn(b.inputs, in)
	})
	return names, nil
}

// keepWorlds keeps the worlds of one architecture, unless what apk chooses from is
// another than before: then all are to be solved again.
func (u *lockUpdate) keepWorlds(want []lock.World, base *lockedBase, missing *lock.MissingError, renewed bool) {
	var kept []lock.World
	for _, w := range want {
		if locked, ok := u.old.World(w); ok {
			kept = append(kept, locked)
		}
	}
	decides := func(in lock.Input) bool { return in.Kind == lock.KindRootfs || in.Kind == lock.KindIndex }
	stale := missing != nil && slices.ContainsFunc(missing.Inputs, decides) || base != nil && !base.isIn(u.old)
	if len(kept) < len(want) || len(want) > 0 && (stale || renewed) {
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

func (p *project) checkLocks(names []string, f lockFlags) error {
	reader, err := p.lockReader(f.from)
	if err != nil {
		return err
	}
	var stale []string
	for _, name := range names {
		u, err := p.lockUpdate(name, false)
		if err != nil {
			return err
		}
		if err := reader.check(u.old); err != nil {
			return err
		}
		if u.Changed {
			stale = append(stale, name)
		}
		u.Select = u.solve
		if err := p.app.out.print(u.locked); err != nil {
			return err
		}
	}
	if len(stale) > 0 {
		return &staleLockError{stale}
	}
	return nil
}

// lock brings the lock of the recipe called name up to date. What fails leaves it
// as it is.
func (p *project) lock(ctx context.Context, name string, flags lockFlags, fresh *freshInputs, reader *lockReader) error {
	u, err := p.lockUpdate(name, flags.update)
	if err != nil {
		return err
	}
	if err := reader.check(u.old); err != nil {
		return err
	}
	if !u.Changed {
		return p.app.out.print(u.locked)
	}
	next, err := p.resolve(ctx, u, flags, fresh)
	if err != nil {
		return err
	}
	before, was := u.old.Inputs, u.old.Encode()
	f := u.old
	if err := f.Update(lock.CurrentOutput(), next, u.worlds); err != nil {
		return err
	}
	u.compare(before, f.Inputs)
	u.Digest = f.Digest().String()
	if now := f.Encode(); !bytes.Equal(now, was) {
		err = writeFile(u.Path, now, 0o644)
	} else {
		u.Changed = false
	}
	if err != nil {
		return err
	}
	return p.app.out.print(u.locked)
}

// resolve returns all inputs of the lock that u leads to.
func (p *project) resolve(ctx context.Context, u *lockUpdate, flags lockFlags, fresh *freshInputs) (_ []lock.Input, err error) {
	d, err := p.app.display(flags.draw)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	fetcher, err := flags.from.fetcher(p.Project(), d)
	if err != nil {
		return nil, err
	}
	// Indexes are verified, which the root file system's keys are needed for.
	plain := slices.DeleteFunc(slices.Clone(u.want), func(in lock.Input) bool { return in.Kind == lock.KindIndex })
	next, err := resolveAll(plain, func(in lock.Input) (lock.Input, error) {
		return fresh.resolve(in, func(in lock.Input) (lock.Input, error) { return fetcher.Resolve(ctx, in) })
	})
	if err != nil {
		return nil, err
	}
	next = append(next, u.keep...)
	packages, err := p.lockPackages(ctx, u, next, flags, fresh, fetcher, d)
	if err != nil {
		return nil, err
	}
	// The indexes come back with what they say of themselves.
	next = slices.DeleteFunc(next, func(in lock.Input) bool { return isIn(packages, in) })
	return append(next, packages...), nil
}

// resolveAll resolves a few inputs at once.
func resolveAll(want []lock.Input, resolve func(lock.Input) (lock.Input, error)) ([]lock.Input, error) {
	got := make([]lock.Input, len(want))
	var group errgroup.Group
	group.SetLimit(4)
	for i, in := range want {
		group.Go(func() (err error) {
			got[i], err = resolve(in)
			return err
		})
	}
	return got, group.Wait()
}
