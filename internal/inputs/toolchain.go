package inputs

import (
	"archive/zip"
	"context"
	"io"
	"path"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

// packToolchain writes the archive of a toolchain input: the module's files below
// go/, the programs with mode 0755, without what no build reads (unread). It
// returns the module's h1 sum.
func (b *tarball) packToolchain(ctx context.Context, g *goCommand, in lock.Input) (string, error) {
	file, err := g.zip(in.Module, in.Version)
	if err != nil {
		return "", err
	}
	z, err := openZip(file, in.Module, in.Version, maxToolchainSize)
	if err != nil {
		return "", err
	}
	defer z.close()
	return z.hash(func(name string, file *zip.File) (io.Writer, error) {
		name = strings.TrimPrefix(name, z.prefix)
		if err := ctx.Err(); err != nil || unread(name) {
			return nil, err
		}
		return b.start("go/"+name, int64(file.UncompressedSize64), toolchainMode(name))
	})
}

// unread reports whether no build reads the toolchain's file called name: its own
// tests and their data, its documentation and API lists, and the sources of its
// own programs, which are there ready to run. The module's sum is over all files,
// these included.
func unread(name string) bool {
	top, _, _ := strings.Cut(name, "/")
	switch top {
	case "api", "doc", "misc", "test":
		return true
	}
	return strings.HasPrefix(name, "src/cmd/") || strings.HasSuffix(name, "_test.go") || strings.Contains("/"+name, "/testdata/")
}

// toolchainMode returns the mode of the toolchain's file called name. A module's
// zip file has no modes; the go command gives them back by place, too.
func toolchainMode(name string) int64 {
	dir := path.Dir(name)
	if dir == "bin" || strings.HasPrefix(dir, "pkg/tool/") {
		return 0o755
	}
	return 0o644
}
