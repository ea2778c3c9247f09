package lock

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// CurrentOutput returns the record of what this tailsbuild makes images with.
func CurrentOutput() Output {
	return Output{
		Compatibility:         1,
		BuildKit:              "v0.34.2",
		BuildKitCompatibility: 30,
		Compression:           "gzip",
	}
}

// toolchainModule is the module in which the Go project publishes its releases.
const toolchainModule = "golang.org/toolchain"

// goArchs has Go's names of Alpine's architectures.
var goArchs = map[string]string{"x86_64": "amd64", "aarch64": "arm64"}

// Wanted returns the inputs that building closure for arch reads: a recipe, then
// its base. They have no sizes and sums yet, except the sha256 that a recipe
// itself gives, and are sorted. An input that several recipes name alike is there
// once.
func Wanted(closure []*recipe.Recipe, arch string) []Input {
	var want []Input
	for _, r := range closure {
		if r.Rootfs != nil {
			want = append(want, Input{Kind: KindRootfs, Name: r.Name, Arch: arch, URL: r.Rootfs.URL, SHA256: r.Rootfs.SHA256})
		}
		for _, s := range r.Sources {
			switch s.Kind {
			case recipe.SourceHTTP:
				want = append(want, Input{Kind: KindHTTP, Name: s.Name, URL: s.URL})
			case recipe.SourceGoModule:
				packages := append([]string(nil), s.Packages...) // nil, not empty, for none
				want = append(want, Input{Kind: KindGoModule, Name: s.Name, Module: s.Module, Version: s.Version, Packages: packages})
			}
		}
		for _, t := range r.Toolchains {
			version := fmt.Sprintf("v0.0.1-go%s.linux-%s", t.Version, goArchs[arch])
			want = append(want, Input{Kind: KindToolchain, Name: t.Name, Arch: arch, Module: toolchainModule, Version: version})
		}
	}
	want = append(want, wantedIndexes(closure, arch)...)
	slices.SortStableFunc(want, compareKeys)
	return slices.CompactFunc(want, func(a, b Input) bool { return reflect.DeepEqual(a, b) })
}

// wantedIndexes returns the indexes of all repositories of closure, when its first
// recipe has packages from them.
func wantedIndexes(closure []*recipe.Recipe, arch string) []Input {
	if len(closure) == 0 || len(closure[0].Packages) == 0 {
		return nil
	}
	var want []Input
	for _, r := range closure {
		for _, repo := range r.Repositories {
			want = append(want, Input{Kind: KindIndex, Name: repo.Name, Arch: arch, URL: IndexURL(repo.URL, arch)})
		}
	}
	return want
}

// IndexURL returns where the index of the apk repository at url is.
func IndexURL(url, arch string) string {
	return strings.TrimSuffix(url, "/") + "/" + arch + "/APKINDEX.tar.gz"
}

// Closure returns the locked input for each one that Wanted names, in its order.
//
// It returns an *OtherRecipeError when the lock belongs to another recipe, and a
// *MissingError when an input is not locked, or is locked for another URL, module,
// version or packages than the recipes now have.
func (f *File) Closure(closure []*recipe.Recipe, arch string) ([]Input, error) {
	if len(closure) > 0 && closure[0].Name != f.Recipe {
		return nil, &OtherRecipeError{Lock: f.Recipe, Recipe: closure[0].Name}
	}
	missing := &MissingError{Recipe: f.Recipe}
	var found []Input
	for _, want := range Wanted(closure, arch) {
		locked, ok := f.find(want)
		if ok && locked.fits(want) {
			found = append(found, locked)
			continue
		}
		missing.Inputs = append(missing.Inputs, want)
		missing.Locked = append(missing.Locked, locked)
	}
	if len(closure) > 0 && len(closure[0].Packages) > 0 {
		packages, ok := f.PackagesFor(closure[0].Packages, arch)
		if !ok {
			for _, name := range closure[0].Packages {
				missing.Inputs = append(missing.Inputs, Input{Kind: KindPackage, Name: name, Arch: arch})
				missing.Locked = append(missing.Locked, Input{})
			}
		}
		found = append(found, packages...)
		slices.SortStableFunc(found, compareKeys)
	}
	if len(missing.Inputs) > 0 {
		return nil, missing
	}
	return found, nil
}

// PackagesFor returns the packages that were locked for installing world, and
// whether the lock has such.
func (f *File) PackagesFor(world []string, arch string) ([]Input, bool) {
	if !slices.ContainsFunc(f.Worlds, func(w World) bool { return w.Arch == arch && slices.Equal(w.Packages, world) }) {
		return nil, false
	}
	var found []Input
	for _, in := range f.Inputs {
		if in.Kind == KindPackage && in.Arch == arch {
			found = append(found, in)
		}
	}
	return found, true
}

// find returns the locked input with want's kind, name and architecture.
func (f *File) find(want Input) (Input, bool) {
	i := slices.IndexFunc(f.Inputs, func(in Input) bool { return compareKeys(in, want) == 0 })
	if i < 0 {
		return Input{}, false
	}
	return f.Inputs[i], true
}

// fits reports whether in is what want asks for.
func (in Input) fits(want Input) bool {
	return in.URL == want.URL && in.Module == want.Module && in.Version == want.Version &&
		slices.Equal(in.Packages, want.Packages) &&
		(want.SHA256 == "" || in.SHA256 == want.SHA256)
}

// A MissingError reports inputs that a build of Recipe reads and its lock doesn't
// hold, or holds for something else.
type MissingError struct {
	Recipe string
	// Inputs are the wanted ones.
	Inputs []Input
	// Locked has, for each of Inputs, what the lock holds under that name: the
	// zero Input if nothing.
	Locked []Input
}

func (e *MissingError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "lock of %s: ", e.Recipe)
	for i, in := range e.Inputs {
		if i > 0 {
			b.WriteString("; ")
		}
		if e.Locked[i].Kind == "" {
			fmt.Fprintf(&b, "%s is not locked", in)
			continue
		}
		fmt.Fprintf(&b, "%s is locked as %s, the recipe has %s", in, e.Locked[i].origin(), in.origin())
	}
	return b.String()
}

// origin says where the input comes from.
func (in Input) origin() string {
	s := in.URL
	if in.Module != "" {
		s = in.Module + "@" + in.Version
	}
	if len(in.Packages) > 0 {
		s += " packages " + strings.Join(in.Packages, " ")
	}
	if in.SHA256 != "" {
		s += " sha256 " + in.SHA256
	}
	return s
}

// An OtherRecipeError reports that the lock beside Recipe was written for Lock.
type OtherRecipeError struct{ Lock, Recipe string }

func (e *OtherRecipeError) Error() string {
	return fmt.Sprintf("lock of %s: it was written for recipe %q", e.Recipe, e.Lock)
}

// A ConflictError reports that one name stands for two inputs: a source whose URL
// depends on the architecture, or a source of a recipe and one of its base.
type ConflictError struct{ A, B Input }

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s is both %s and %s", e.A, e.A.origin(), e.B.origin())
}

// Union returns the inputs of every list, sorted, each once. It returns a
// *ConflictError when lists disagree about an input.
func Union(lists ...[]Input) ([]Input, error) {
	all := slices.Concat(lists...)
	slices.SortStableFunc(all, compareKeys)
	all = slices.CompactFunc(all, func(a, b Input) bool { return reflect.DeepEqual(a, b) })
	for i := 1; i < len(all); i++ {
		if compareKeys(all[i-1], all[i]) == 0 {
			return nil, &ConflictError{A: all[i-1], B: all[i]}
		}
	}
	return all, nil
}

// Update makes f the lock of inputs under output. The image recorded for an
// architecture stays only if nothing that could have changed it did: the output
// record, its own inputs and the shared ones.
func (f *File) Update(output Output, inputs []Input) error {
	next, err := Union(inputs)
	if err != nil {
		return err
	}
	next = sorted(next)
	f.Images = slices.DeleteFunc(slices.Clone(f.Images), func(im Image) bool {
		return output != f.Output || !reflect.DeepEqual(ofArch(sorted(f.Inputs), im.Arch), ofArch(next, im.Arch))
	})
	f.Output, f.Inputs = output, next
	return nil
}

// SetWorld records what the packages of arch were locked for, in place of an older
// record; nil removes it.
func (f *File) SetWorld(arch string, packages []string) {
	f.Worlds = slices.DeleteFunc(slices.Clone(f.Worlds), func(w World) bool { return w.Arch == arch })
	if packages != nil {
		f.Worlds = append(f.Worlds, World{Arch: arch, Packages: packages})
	}
	slices.SortFunc(f.Worlds, compareWorlds)
}

// ofArch returns the inputs that a build for arch may read.
func ofArch(inputs []Input, arch string) []Input {
	var out []Input
	for _, in := range inputs {
		if in.Arch == arch || in.Arch == "" {
			out = append(out, in)
		}
	}
	return out
}

// Image returns the digest recorded for arch.
func (f *File) Image(arch string) (Image, bool) {
	i := slices.IndexFunc(f.Images, func(im Image) bool { return im.Arch == arch })
	if i < 0 {
		return Image{}, false
	}
	return f.Images[i], true
}

// SetImage records image, in place of an older one for its architecture.
func (f *File) SetImage(image Image) {
	f.Images = slices.DeleteFunc(slices.Clone(f.Images), func(im Image) bool { return im.Arch == image.Arch })
	f.Images = append(f.Images, image)
	slices.SortFunc(f.Images, compareImages)
}
