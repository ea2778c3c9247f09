package lock

import (
	"errors"
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
		Worlds: []World{{Arch: "x86_64", Packages: []string{"so:libstdc++.so.6", "zlib>1.2", "!dropbear"}}},
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
	} {
		f := packaged()
		change(f)
		if _, diags := Decode(FileName, f.Encode()); !diags.HasErrors() {
			t.Errorf("decoded without an error:\n%s", f.Encode())
		}
	}
}
