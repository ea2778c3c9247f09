package lock

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

func closure() []*recipe.Recipe {
	return []*recipe.Recipe{
		{
			Kind: recipe.Service, Name: "mqtt",
			Sources: []recipe.Source{
				{Kind: recipe.SourceGoModule, Name: "mochi", Module: "github.com/mochi-mqtt/server/v2", Version: "v2.7.9", Packages: []string{"./cmd", "./${b}/..."}},
				{Kind: recipe.SourceHTTP, Name: "empty", URL: "https://example.com/${a}?b=%20"},
			},
			Toolchains: []recipe.Toolchain{{Name: "go", Version: "1.26.8"}},
		},
		{
			Kind: recipe.Base, Name: "alpine-3.19",
			Rootfs: &recipe.Rootfs{URL: "https://example.com/x86_64.tar.gz", SHA256: hexA},
		},
	}
}

func TestWanted(t *testing.T) {
	want := []Input{
		{Kind: KindGoModule, Name: "mochi", Module: "github.com/mochi-mqtt/server/v2", Version: "v2.7.9", Packages: []string{"./cmd", "./${b}/..."}},
		{Kind: KindHTTP, Name: "empty", URL: "https://example.com/${a}?b=%20"},
		{Kind: KindRootfs, Name: "alpine-3.19", Arch: "aarch64", URL: "https://example.com/x86_64.tar.gz", SHA256: hexA},
		{
			Kind: KindToolchain, Name: "go", Arch: "aarch64", Module: "golang.org/toolchain",
			Version: "v0.0.1-go1.26.8.linux-arm64",
		},
	}
	if diff := cmp.Diff(want, Wanted(closure(), "aarch64")); diff != "" {
		t.Errorf("Wanted (-want +got):\n%s", diff)
	}
}

func TestWantedOnce(t *testing.T) {
	c := closure()
	c[1].Toolchains = c[0].Toolchains
	if got := len(Wanted(c, "x86_64")); got != 4 {
		t.Errorf("%d inputs, want 4: both recipes use the same toolchain", got)
	}
}

func TestClosure(t *testing.T) {
	got, err := sample().Closure(closure(), "x86_64")
	if err != nil {
		t.Fatal(err)
	}
	s := sample().Inputs
	if diff := cmp.Diff([]Input{s[1], s[2], s[3], s[0]}, got); diff != "" {
		t.Errorf("Closure (-want +got):\n%s", diff)
	}
}

func TestClosureMissing(t *testing.T) {
	cases := map[string]struct {
		change func([]*recipe.Recipe)
		want   string
	}{
		"version": {
			func(c []*recipe.Recipe) { c[0].Sources[0].Version = "v2.8.0" },
			`go_module "mochi" is locked as github.com/mochi-mqtt/server/v2@v2.7.9`,
		},
		"url": {func(c []*recipe.Recipe) { c[1].Rootfs.URL = "https://example.org/" }, `the recipe has https://example.org/`},
		"pin": {func(c []*recipe.Recipe) { c[1].Rootfs.SHA256 = hexB }, "the recipe has https://example.com/x86_64.tar.gz sha256 bbbb"},
		"packages": {
			func(c []*recipe.Recipe) { c[0].Sources[0].Packages = nil },
			`v2.7.9 packages ./cmd ./${b}/... sha256`,
		},
		"new":    {func(c []*recipe.Recipe) { c[0].Sources[1].Name = "other" }, `http "other" is not locked`},
		"rename": {func(c []*recipe.Recipe) { c[1].Name = "alpine" }, `rootfs "alpine" for x86_64 is not locked`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			recipes := closure()
			c.change(recipes)
			_, err := sample().Closure(recipes, "x86_64")
			var missing *MissingError
			if !errors.As(err, &missing) {
				t.Fatalf("got %v, want a *MissingError", err)
			}
			if missing.Recipe != "mqtt" || len(missing.Inputs) != 1 || len(missing.Locked) != 1 || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want one input and %q", err, c.want)
			}
		})
	}
}

func TestClosureOfAnotherRecipe(t *testing.T) {
	recipes := closure()
	recipes[0].Name = "sftp"
	_, err := sample().Closure(recipes, "x86_64")
	var other *OtherRecipeError
	if !errors.As(err, &other) || other.Lock != "mqtt" || other.Recipe != "sftp" {
		t.Errorf("got %v, want an *OtherRecipeError", err)
	}
}

func TestUnionConflict(t *testing.T) {
	a := []Input{{Kind: KindHTTP, Name: "x", URL: "https://example.com/x86_64"}}
	b := []Input{{Kind: KindHTTP, Name: "x", URL: "https://example.com/aarch64"}}
	_, err := Union(a, b)
	var conflict *ConflictError
	if !errors.As(err, &conflict) {
		t.Errorf("got %v, want a *ConflictError", err)
	}
	if got, err := Union(a, a); err != nil || len(got) != 1 {
		t.Errorf("got %v, %v; want one input", got, err)
	}
}

func TestUpdateKeepsImages(t *testing.T) {
	cases := map[string]struct {
		change func(out *Output, in []Input)
		want   []string
	}{
		"nothing":    {func(*Output, []Input) {}, []string{"aarch64", "x86_64"}},
		"one arch":   {func(_ *Output, in []Input) { in[4].Size++ }, []string{"x86_64"}},
		"shared":     {func(_ *Output, in []Input) { in[1].SHA256 = hexB }, nil},
		"the output": {func(out *Output, _ []Input) { out.Compatibility++ }, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f, diags := Decode(FileName, sample().Encode())
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			out, in := f.Output, sample().Inputs
			c.change(&out, in)
			if err := f.Update(out, in, nil); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, im := range f.Images {
				got = append(got, im.Arch)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("images of %v stay, want %v", got, c.want)
			}
			if _, diags := Decode(FileName, f.Encode()); diags.HasErrors() {
				t.Error(diags)
			}
		})
	}
}

func TestSetImage(t *testing.T) {
	f := sample()
	f.SetImage(Image{Arch: "x86_64", Plan: "sha256:" + hexB, Digest: "sha256:" + hexA, Size: 7})
	if im, ok := f.Image("x86_64"); !ok || im.Plan != "sha256:"+hexB || im.Digest != "sha256:"+hexA || im.Size != 7 {
		t.Errorf("got %v", im)
	}
	if len(f.Images) != 2 || f.Images[0].Arch != "aarch64" {
		t.Errorf("images %v, want two, sorted", f.Images)
	}
	if _, ok := f.Image("riscv64"); ok {
		t.Error("an image that was never recorded")
	}
}
