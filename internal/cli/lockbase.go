package cli

import (
	"reflect"
	"slices"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// A lockedBase is what the lock of a base with packages has of it for one
// architecture. Recipes on the base have the same in theirs, so that all have the
// base's layers, byte for byte: also its indexes, which apk installs from.
type lockedBase struct {
	inputs []lock.Input
	world  lock.World // with the use that it has in those recipes
}

// lockedBase returns what the lock of closure's base has, and nil when the base
// has no packages. The base has to be locked first.
func (p *project) lockedBase(closure []*recipe.Recipe, arch string) (*lockedBase, error) {
	if len(closure) < 2 || len(closure[1].Packages) == 0 {
		return nil, nil
	}
	f, err := p.readLock(closure[1].Name)
	if err != nil {
		return nil, err
	}
	b := &lockedBase{}
	if b.inputs, err = f.ClosureFor(closure[1:], arch, lock.UseImage); err != nil {
		return nil, err
	}
	b.world, _ = f.World(lock.World{Arch: arch, Use: lock.UseImage, Packages: closure[1].Packages})
	b.world.Use = lock.UseBase
	return b, nil
}

// isIn reports whether f has all that b has.
func (b *lockedBase) isIn(f *lock.File) bool {
	if w, ok := f.World(b.world); !ok || !slices.Equal(w.Installs, b.world.Installs) {
		return false
	}
	return !slices.ContainsFunc(b.inputs, func(in lock.Input) bool {
		return !slices.ContainsFunc(f.Inputs, func(have lock.Input) bool { return reflect.DeepEqual(have, in) })
	})
}

// without returns those of list that b doesn't decide.
func (b *lockedBase) without(list []lock.Input) []lock.Input {
	return slices.DeleteFunc(list, func(in lock.Input) bool { return b != nil && isIn(b.inputs, in) })
}

// warnOfBases says of which recipes the base, which isn't among names, decides from
// which indexes packages are chosen.
func (p *project) warnOfBases(names []string) {
	for _, name := range names {
		closure, _ := p.Closure(name, "") // what is wrong is said when it is locked
		if len(closure) > 1 && len(closure[1].Packages) > 0 && !slices.Contains(names, closure[1].Name) {
			p.app.warn("%s takes the indexes of its base, which stay; to update both: tailsbuild lock %s %s --update", name, closure[1].Name, name)
		}
	}
}

// choice is what was chosen for the base, as if it had been now.
func (b *lockedBase) choice() builder.Choice {
	c := builder.Choice{World: b.world}
	c.World.Installs = nil // which follow from Selected
	for _, in := range b.inputs {
		if in.Kind == lock.KindPackage {
			c.Selected = append(c.Selected, builder.Selected{Name: in.Name, Version: in.Version})
		}
	}
	return c
}

// basesFirst orders names so that each recipe comes after its base, and otherwise
// as they are: locking one reads the lock of the other.
func (p *project) basesFirst(names []string) []string {
	depth := make(map[string]int, len(names))
	for _, name := range names {
		closure, _ := p.Closure(name, "") // what is wrong is said when it is locked
		depth[name] = len(closure)
	}
	sorted := slices.Clone(names)
	slices.SortStableFunc(sorted, func(a, b string) int { return depth[a] - depth[b] })
	return sorted
}
