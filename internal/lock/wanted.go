package lock

import (
	"crypto/sha256"
	"fmt"
	"path"
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

// Wanted returns the inputs that building and testing closure for arch reads: a
// recipe, then its base. They have no sizes and sums yet, except the sha256 that a
// recipe itself gives, and are sorted. An input that several recipes name alike is
// there once. Packages are not among them: apk chooses those, see [Worlds].
func Wanted(closure []*recipe.Recipe, arch string) []Input {
	return wanted(closure, arch, uses)
}

var uses = []string{UseBase, UseBuild, UseImage, UseTest}

// wanted returns those of Wanted that some of the uses read.
func wanted(closure []*recipe.Recipe, arch string, uses []string) []Input {
	var want []Input
	for _, r := range closure {
		if r.Rootfs != nil {
			want = append(want, Input{Kind: KindRootfs, Name: r.Name, Arch: arch, URL: r.Rootfs.URL, SHA256: r.Rootfs.SHA256})
		}
		if slices.Contains(uses, UseBuild) {
			want = append(want, wantedSources(r, arch)...)
		}
	}
	for _, w := range Worlds(closure, arch) {
		if !slices.Contains(uses, w.Use) {
			continue
		}
		for _, repo := range Repositories(closure, w.Use) {
			want = append(want, wantedIndex(repo, arch))
		}
	}
	slices.SortStableFunc(want, compareKeys)
	return slices.CompactFunc(want, func(a, b Input) bool { return reflect.DeepEqual(a, b) })
}

// wantedSources returns what r's build step reads beside packages.
func wantedSources(r *recipe.Recipe, arch string) []Input {
	var want []Input
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
	return want
}

func wantedIndex(repo recipe.Repository, arch string) Input {
	in := Input{Kind: KindIndex, Name: repo.Name, Arch: arch, URL: IndexURL(repo.URL, arch)}
	if repo.Key != "" {
		in.KeySHA256 = fmt.Sprintf("%x", sha256.Sum256([]byte(repo.Key)))
	}
	return in
}

// IndexURL returns where the index of the apk repository at url is.
func IndexURL(url, arch string) string {
	return strings.TrimSuffix(url, "/") + "/" + arch + "/APKINDEX.tar.gz"
}

// PackageURL returns where a package of the apk repository is whose index is at index.
func PackageURL(index, name, version string) string {
	return strings.TrimSuffix(index, path.Base(index)) + name + "-" + version + ".apk"
}

// Closure returns the locked inputs that building and testing closure for arch
// reads: those that Wanted names and the packages of its worlds, sorted.
//
// It returns an *OtherRecipeError when the lock belongs to another recipe, and a
// *MissingError when an input is not locked, or is locked for another URL, module,
// version or packages than the recipes now have.
func (f *File) Closure(closure []*recipe.Recipe, arch string) ([]Input, error) {
	return f.ClosureFor(closure, arch, uses...)
}

// ClosureFor returns those inputs of [File.Closure] that some of the uses read.
func (f *File) ClosureFor(closure []*recipe.Recipe, arch string, uses ...string) ([]Input, error) {
	if len(closure) > 0 && closure[0].Name != f.Recipe {
		return nil, &OtherRecipeError{Lock: f.Recipe, Recipe: closure[0].Name}
	}
	missing := &MissingError{Recipe: f.Recipe}
	var found []Input
	for _, want := range wanted(closure, arch, uses) {
		locked, ok := f.find(want)
		if ok && locked.fits(want) {
			found = append(found, locked)
			continue
		}
		missing.add(want, locked)
	}
	var worlds []World
	for _, want := range Worlds(closure, arch) {
		if !slices.Contains(uses, want.Use) {
			continue
		}
		locked, ok := f.World(want)
		if !ok {
			for _, name := range f.unasked(want) {
				missing.add(Input{Kind: KindPackage, Name: name, Arch: arch}, Input{})
			}
		}
		worlds = append(worlds, locked)
	}
	if len(missing.Inputs) > 0 {
		return nil, missing
	}
	found = append(found, f.Installed(worlds...)...)
	slices.SortStableFunc(found, compareKeys)
	return found, nil
}

// unasked returns what want asks for and the world in its place doesn't, or all of it
// when there is no such thing: then there is less, or another order.
func (f *File) unasked(want World) []string {
	i := slices.IndexFunc(f.Worlds, func(w World) bool { return compareWorlds(w, want) == 0 })
	if i < 0 {
		return want.Packages
	}
	list := slices.DeleteFunc(slices.Clone(want.Packages), func(name string) bool { return slices.Contains(f.Worlds[i].Packages, name) })
	if len(list) == 0 {
		return want.Packages
	}
	return list
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
		slices.Equal(in.Packages, want.Packages) && in.KeySHA256 == want.KeySHA256 &&
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

// add notes that want is missing, unless it is known already: two worlds may ask
// for one package.
func (e *MissingError) add(want, locked Input) {
	if !slices.ContainsFunc(e.Inputs, func(in Input) bool { return reflect.DeepEqual(in, want) }) {
		e.Inputs, e.Locked = append(e.Inputs, want), append(e.Locked, locked)
	}
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
	if in.KeySHA256 != "" {
		s += " key " + in.KeySHA256
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
