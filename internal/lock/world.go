package lock

import (
	"cmp"
	"reflect"
	"slices"

	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// The uses of a world, in the order of the lock.
const (
	// UseBase is what the base adds to its root file system.
	UseBase = "base"
	// UseBuild is what is beside the base while a build step runs.
	UseBuild = "build"
	// UseImage is what the recipe itself adds to its base.
	UseImage = "image"
	// UseTest is what the clients of all tests have beside the base.
	UseTest = "test"
)

// A World is what apk was asked to install for one architecture and use, as apk
// calls it (apk-world(5)), and what it chose.
type World struct {
	Arch string
	// Use is one of the Use constants.
	Use string
	// Packages are asked for, as the recipe has them; for tests, they are those of
	// all tests, sorted.
	Packages []string
	// Installs are the names of the apk inputs that this takes, sorted.
	Installs []string
}

// Worlds returns what building and testing closure for arch asks apk for, sorted.
// What apk installs for it isn't known yet.
func Worlds(closure []*recipe.Recipe, arch string) []World {
	if len(closure) == 0 {
		return nil
	}
	r := closure[0]
	asked := map[string][]string{UseImage: r.Packages, UseTest: testPackages(r)}
	if r.Build != nil {
		asked[UseBuild] = r.Build.Packages
	}
	if len(closure) > 1 {
		asked[UseBase] = closure[1].Packages
	}
	var worlds []World
	for _, use := range uses {
		if len(asked[use]) > 0 {
			worlds = append(worlds, World{Arch: arch, Use: use, Packages: asked[use]})
		}
	}
	return worlds
}

func testPackages(r *recipe.Recipe) []string {
	var all []string
	for _, t := range r.Tests {
		all = append(all, t.Packages...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Repositories returns the apk repositories that a world of closure may install
// from: those of all its recipes, but for a base only its own.
func Repositories(closure []*recipe.Recipe, use string) []recipe.Repository {
	var all []recipe.Repository
	for i, r := range closure {
		if use != UseBase || i > 0 {
			all = append(all, r.Repositories...)
		}
	}
	return all
}

// World returns the locked world for want's architecture, use and packages.
func (f *File) World(want World) (World, bool) {
	i := slices.IndexFunc(f.Worlds, func(w World) bool {
		return compareWorlds(w, want) == 0 && slices.Equal(w.Packages, want.Packages)
	})
	if i < 0 {
		return World{}, false
	}
	return f.Worlds[i], true
}

// installs reports whether in is one of the packages that w installs.
func (w World) installs(in Input) bool {
	_, found := slices.BinarySearch(w.Installs, in.Name)
	return found && in.Kind == KindPackage && in.Arch == w.Arch
}

// Has reports whether in is the index of the repository that p, a package, is from.
func (in Input) Has(p Input) bool {
	return in.Kind == KindIndex && p.Kind == KindPackage && p.Repository == in.Name && p.Arch == in.Arch
}

// Installed returns the locked packages that any of worlds installs, sorted.
func (f *File) Installed(worlds ...World) []Input {
	var found []Input
	for _, in := range f.Inputs {
		if slices.ContainsFunc(worlds, func(w World) bool { return w.installs(in) }) {
			found = append(found, in)
		}
	}
	return found
}

// A reading is what an image was made from, as far as the lock says.
type reading struct {
	inputs []Input
	worlds []World
}

// imageReads returns what the image for arch is made from: all but what is for
// tests alone.
func (f *File) imageReads(arch string) reading {
	var r reading
	for _, w := range f.Worlds {
		if w.Arch == arch && w.Use != UseTest {
			r.worlds = append(r.worlds, w)
		}
	}
	for _, in := range sorted(f.Inputs) {
		switch {
		case in.Arch != arch && in.Arch != "":
		case in.Kind == KindPackage && !slices.ContainsFunc(r.worlds, func(w World) bool { return w.installs(in) }):
		case in.Kind == KindIndex && len(r.worlds) == 0:
		default:
			r.inputs = append(r.inputs, in)
		}
	}
	return r
}

// ImageInputs returns what the image for arch is made from, sorted: all inputs but what
// is for tests alone.
func (f *File) ImageInputs(arch string) []Input { return f.imageReads(arch).inputs }

// Update makes f the lock of inputs and worlds under output. The image recorded for
// an architecture stays only if nothing that could have changed it did: the output
// record, its own inputs, the shared ones, and the worlds that aren't for tests.
func (f *File) Update(output Output, inputs []Input, worlds []World) error {
	next, err := Union(inputs)
	if err != nil {
		return err
	}
	before := *f
	f.Inputs = sorted(next)
	f.Worlds = slices.SortedFunc(slices.Values(worlds), compareWorlds)
	f.Output = output
	f.Images = slices.DeleteFunc(slices.Clone(f.Images), func(im Image) bool {
		return output != before.Output || !reflect.DeepEqual(before.imageReads(im.Arch), f.imageReads(im.Arch))
	})
	return nil
}

func compareWorlds(a, b World) int {
	return cmp.Or(cmp.Compare(a.Arch, b.Arch), cmp.Compare(a.Use, b.Use))
}
