package inputs

import (
	"context"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

// toolchain is the input of the mqtt recipe, for the machine the test runs on.
var toolchain = lock.Input{
	Kind: lock.KindToolchain, Name: "go", Arch: "x86_64",
	Module: "golang.org/toolchain", Version: "v0.0.1-go1.26.8.linux-" + runtime.GOARCH,
}

func TestToolchainArchive(t *testing.T) {
	m := modules{toolchain.Module + "@" + toolchain.Version: {
		"go.mod":                              "module golang.org/toolchain\n",
		"VERSION":                             "go1.26.8",
		"bin/go":                              "go",
		"pkg/tool/linux_amd64/compile":        "compile",
		"pkg/include/textflag.h":              "",
		"src/fmt/print.go":                    "package fmt",
		"src/fmt/print_test.go":               "package fmt",
		"src/os/testdata/hello":               "",
		"src/internal/testdatafile/x.go":      "package x",
		"src/cmd/compile/main.go":             "package main",
		"test/fixedbugs/a.go":                 "package a",
		"api/go1.txt":                         "",
		"doc/go_spec.html":                    "",
		"misc/editors":                        "",
		"src/crypto/internal/fips140test/a.s": "",
	}}
	m.serve(t, plain)
	f := newFetcher(t)
	got, err := f.Resolve(t.Context(), toolchain)
	if err != nil {
		t.Fatal(err)
	}
	lines, _ := listing(t, f.Store.Path(got.SHA256))
	if diff := cmp.Diff([]string{
		"755 go/",
		"644 go/VERSION",
		"755 go/bin/",
		"755 go/bin/go",
		"644 go/go.mod",
		"755 go/pkg/",
		"755 go/pkg/include/",
		"644 go/pkg/include/textflag.h",
		"755 go/pkg/tool/",
		"755 go/pkg/tool/linux_amd64/",
		"755 go/pkg/tool/linux_amd64/compile",
		"755 go/src/",
		"755 go/src/crypto/",
		"755 go/src/crypto/internal/",
		"755 go/src/crypto/internal/fips140test/",
		"644 go/src/crypto/internal/fips140test/a.s",
		"755 go/src/fmt/",
		"644 go/src/fmt/print.go",
		"755 go/src/internal/",
		"755 go/src/internal/testdatafile/",
		"644 go/src/internal/testdatafile/x.go",
	}, lines); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if err := newFetcher(t).Fetch(t.Context(), []lock.Input{got}); err != nil {
		t.Error(err)
	}
	// A file that is left out counts, too.
	m[toolchain.Module+"@"+toolchain.Version]["test/fixedbugs/a.go"] += "\n"
	m.serve(t, plain)
	wantError[*MismatchError](t, newFetcher(t).Fetch(t.Context(), []lock.Input{got}))
	wantClean(t, f)
}

// BenchmarkPackToolchain is what locking and fetching a toolchain cost beside the
// download.
func BenchmarkPackToolchain(b *testing.B) {
	store, err := OpenStore(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	f := &Fetcher{Store: store}
	g, err := f.newGo(false)
	if err != nil {
		b.Fatal(err)
	}
	defer g.close()
	if _, err := g.fetch(context.Background(), toolchain); err != nil {
		b.Skip(err)
	}
	for b.Loop() {
		archive, err := store.newTarball(f.transfer(toolchain))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := archive.packToolchain(context.Background(), g, toolchain); err != nil {
			b.Fatal(err)
		}
		if _, err := archive.sum(); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(archive.size)
		archive.discard()
	}
}
