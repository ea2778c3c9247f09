package lock

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// packaged is the lock of a recipe with packages from two repositories.
func packaged() *File {
	const alpine = "https://dl-cdn.alpinelinux.org/alpine/v3.19/"
	return &File{
		Recipe: "try", Output: CurrentOutput(),
		Inputs: []Input{
			{
				Kind: KindPackage, Name: "libstdc++", Arch: "x86_64", Repository: "main", Version: "13.2.1_git20231014-r0",
				URL: alpine + "main/x86_64/libstdc++-13.2.1_git20231014-r0.apk", Size: 7, SHA256: hexA,
			},
			{
				Kind: KindIndex, Name: "main", Arch: "x86_64", Key: "alpine-devel@lists.alpinelinux.org-6165ee59.rsa.pub",
				URL: alpine + "main/x86_64/APKINDEX.tar.gz", Time: 1714636800, Size: 8, SHA256: hexB,
			},
			{
				Kind: KindRootfs, Name: "alpine-3.19", Arch: "x86_64", URL: alpine + "x.tar.gz",
				Size: 9, SHA256: hexA, DiffID: hexB,
			},
		},
		Worlds: []World{{
			Arch: "x86_64", Use: UseImage,
			Packages: []string{"so:libstdc++.so.6", "zlib>1.2", "!dropbear"}, Installs: []string{"libstdc++"},
		}},
	}
}

// packagedClosure is the recipe that packaged is the lock of, and its base.
func packagedClosure(world ...string) []*recipe.Recipe {
	const alpine = "https://dl-cdn.alpinelinux.org/alpine/v3.19/"
	return []*recipe.Recipe{
		{Kind: recipe.Service, Name: "try", Base: "alpine-3.19", Packages: world},
		{
			Kind: recipe.Base, Name: "alpine-3.19", Rootfs: &recipe.Rootfs{URL: alpine + "x.tar.gz"},
			Repositories: []recipe.Repository{{Name: "main", URL: alpine + "main"}},
		},
	}
}

func TestPackagesRoundTrip(t *testing.T) {
	want := packaged()
	got, diags := Decode(FileName, want.Encode())
	if diags.HasErrors() {
		t.Fatalf("%v\n%s", diags, want.Encode())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
	other := packaged()
	other.Worlds[0].Packages[1] = "zlib>1.3"
	if other.Digest() == want.Digest() {
		t.Error("the digest doesn't cover what was asked for")
	}
}

func TestPackagesClosure(t *testing.T) {
	f := packaged()
	world := f.Worlds[0].Packages
	got, err := f.Closure(packagedClosure(world...), "x86_64")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f.Inputs, got); diff != "" {
		t.Errorf("closure (-want +got):\n%s", diff)
	}
	for _, other := range [][]string{{"zlib>1.2"}, {"zlib>1.2", "so:libstdc++.so.6", "!dropbear"}} {
		_, err := f.Closure(packagedClosure(other...), "x86_64")
		var missing *MissingError
		if !errors.As(err, &missing) || len(missing.Inputs) != len(other) {
			t.Errorf("locked for %q, asked for %q: got %v, want a MissingError for each", world, other, err)
		}
	}
	// Without packages, no index is read.
	got, err = f.Closure(packagedClosure(), "x86_64")
	if err != nil || len(got) != 1 {
		t.Errorf("without packages: got %v, %v, want the root file system alone", got, err)
	}
}

func TestPackagesNotSane(t *testing.T) {
	for _, change := range []func(*File){
		func(f *File) { f.Inputs[0].Name = "../x" },
		func(f *File) { f.Inputs[0].Version = "1/2" },
		func(f *File) { f.Inputs[0].Repository = "" },
		func(f *File) { f.Inputs[1].Key = "/etc/x.rsa.pub" },
		func(f *File) { f.Inputs[1].Time = -1 },
		func(f *File) { f.Worlds[0].Packages[0] = "--root=/" },
		func(f *File) { f.Worlds[0].Arch = "mips" },
		func(f *File) { f.Inputs = append(f.Inputs, f.Inputs[0]) },
		func(f *File) { f.Worlds = append(f.Worlds, f.Worlds[0]) },
		func(f *File) { f.Worlds[0].Use = "images" },
		func(f *File) { f.Worlds[0].Packages = nil },
		func(f *File) { f.Worlds[0].Installs = nil },
		func(f *File) { f.Worlds = nil },
		func(f *File) { f.Worlds[0].Arch = "aarch64" },
		func(f *File) { f.Worlds[0].Installs = []string{"libstdc++", "libstdc++"} },
		func(f *File) { f.Worlds[0].Installs = []string{"libgcc", "libstdc++"} },
		func(f *File) { f.Worlds[0].Use = UseTest }, // whose packages are sorted
		func(f *File) { f.Inputs = f.Inputs[:1] },   // without the index
		func(f *File) { f.Inputs[0].Version = "14-r0" },
		func(f *File) { f.Inputs[0].URL = "https://example.org/x.apk" },
		func(f *File) { f.Inputs[0].URL = strings.Replace(f.Inputs[0].URL, "main/", "main/../main/", 1) },
		func(f *File) { f.Inputs[1].URL = strings.Replace(f.Inputs[1].URL, "main", "community", 1) },
	} {
		f := packaged()
		change(f)
		if _, diags := Decode(FileName, f.Encode()); !diags.HasErrors() {
			t.Errorf("decoded without an error:\n%s", f.Encode())
		}
	}
}

// tested adds to packaged a client's packages, of which zlib is in the image, too.
func tested() *File {
	f := packaged()
	for _, name := range []string{"libgcc", "zlib"} {
		in := f.Inputs[0]
		in.Name, in.Version, in.URL = name, "1-r0", strings.ReplaceAll(in.URL, "libstdc++-13.2.1_git20231014-r0", name+"-1-r0")
		f.Inputs = append(f.Inputs, in)
	}
	f.Inputs = sorted(f.Inputs)
	f.Worlds[0].Installs = []string{"libstdc++", "zlib"}
	f.Worlds = append(f.Worlds, World{Arch: "x86_64", Use: UseTest, Packages: []string{"libgcc", "zlib"}, Installs: []string{"libgcc", "zlib"}})
	return f
}

func testedClosure() []*recipe.Recipe {
	closure := packagedClosure(packaged().Worlds[0].Packages...)
	closure[0].Tests = []recipe.Test{{Packages: []string{"zlib", "libgcc"}}, {Packages: []string{"zlib"}}}
	return closure
}

func names(inputs []Input) string {
	var all []string
	for _, in := range inputs {
		all = append(all, in.Name)
	}
	return strings.Join(all, " ")
}

func TestClosureFor(t *testing.T) {
	f, diags := Decode(FileName, tested().Encode())
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	for _, c := range []struct{ uses, want string }{
		{"base build image", "libstdc++ zlib main alpine-3.19"},
		{"base test", "libgcc zlib main alpine-3.19"},
		{"base", "alpine-3.19"},
		{"base build image test", "libgcc libstdc++ zlib main alpine-3.19"},
	} {
		got, err := f.ClosureFor(testedClosure(), "x86_64", strings.Fields(c.uses)...)
		if err != nil || names(got) != c.want {
			t.Errorf("%s: got %s, %v, want %s", c.uses, names(got), err, c.want)
		}
	}
	closure := testedClosure()
	closure[0].Tests = closure[0].Tests[1:]
	var missing *MissingError
	if _, err := f.Closure(closure, "x86_64"); !errors.As(err, &missing) {
		t.Errorf("another test: got %v, want a MissingError", err)
	}
	if _, err := f.ClosureFor(closure, "x86_64", UseBase, UseBuild, UseImage); err != nil {
		t.Errorf("the image doesn't depend on tests, and got %v", err)
	}
}

// TestUpdateWorlds: what is for tests alone doesn't change an image.
func TestUpdateWorlds(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*File)
		want   int
	}{
		"nothing":            {func(*File) {}, 1},
		"a test's package":   {func(f *File) { f.Inputs[0].Size++ }, 1},
		"no tests":           {func(f *File) { f.Inputs, f.Worlds = f.Inputs[1:], f.Worlds[:1] }, 1},
		"a package of both":  {func(f *File) { f.Inputs[2].Size++ }, 0},
		"an index":           {func(f *File) { f.Inputs[3].Size++ }, 0},
		"what is asked for":  {func(f *File) { f.Worlds[0].Packages = []string{"zlib"} }, 0},
		"what is installed":  {func(f *File) { f.Worlds[0].Installs = []string{"zlib"} }, 0},
		"a build's packages": {func(f *File) { f.Worlds[1].Use = UseBuild }, 0},
	} {
		f, next := tested(), tested()
		f.SetImage(Image{Arch: "x86_64", Plan: "sha256:" + hexA, Digest: "sha256:" + hexB})
		c.change(next)
		if err := f.Update(f.Output, next.Inputs, next.Worlds); err != nil {
			t.Fatal(err)
		}
		if len(f.Images) != c.want {
			t.Errorf("%s: %d images stay, want %d", name, len(f.Images), c.want)
		}
	}
}

func TestWorlds(t *testing.T) {
	closure := testedClosure()
	closure[0].Build = &recipe.Build{Packages: []string{"make", "binutils"}}
	closure[1].Packages = []string{"tzdata"}
	closure[0].Repositories = []recipe.Repository{{Name: "own", URL: "https://example.org/own"}}
	want := []World{
		{Arch: "x86_64", Use: UseBase, Packages: []string{"tzdata"}},
		{Arch: "x86_64", Use: UseBuild, Packages: []string{"make", "binutils"}},
		{Arch: "x86_64", Use: UseImage, Packages: packaged().Worlds[0].Packages},
		{Arch: "x86_64", Use: UseTest, Packages: []string{"libgcc", "zlib"}},
	}
	if diff := cmp.Diff(want, Worlds(closure, "x86_64")); diff != "" {
		t.Errorf("worlds (-want +got):\n%s", diff)
	}
	for use, want := range map[string]int{UseBase: 1, UseBuild: 2, UseImage: 2, UseTest: 2} {
		if got := Repositories(closure, use); len(got) != want {
			t.Errorf("%s has %d repositories, want %d", use, len(got), want)
		}
	}
	// A base's packages are those of its own image.
	if got := Worlds(closure[1:], "x86_64"); len(got) != 1 || got[0].Use != UseImage {
		t.Errorf("the base's own worlds are %v, want the image's", got)
	}
}

func TestOwnKey(t *testing.T) {
	closure := packagedClosure(packaged().Worlds[0].Packages...)
	closure[1].Repositories[0].Key = "one key"
	f := packaged()
	var missing *MissingError
	if _, err := f.Closure(closure, "x86_64"); !errors.As(err, &missing) || missing.Inputs[0].Kind != KindIndex {
		t.Errorf("locked without a key of its own: got %v, want a MissingError of the index", err)
	}
	f.Inputs[1].KeySHA256 = missing.Inputs[0].KeySHA256
	again, diags := Decode(FileName, f.Encode())
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if _, err := again.Closure(closure, "x86_64"); err != nil {
		t.Error(err)
	}
	closure[1].Repositories[0].Key = "another key"
	if _, err := again.Closure(closure, "x86_64"); !errors.As(err, &missing) {
		t.Errorf("with another key: got %v, want a MissingError", err)
	}
	closure[1].Repositories[0].Key = ""
	if _, err := again.Closure(closure, "x86_64"); !errors.As(err, &missing) {
		t.Errorf("without the key: got %v, want a MissingError", err)
	}
	if again.Digest() == packaged().Digest() {
		t.Error("the digest doesn't cover the key")
	}
	f.Inputs[1].KeySHA256 = "x"
	if _, diags := Decode(FileName, f.Encode()); !diags.HasErrors() {
		t.Error("a key's sha256 that is none is decoded")
	}
}
