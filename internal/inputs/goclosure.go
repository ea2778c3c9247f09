package inputs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

const maxModules = 10_000

// closure returns the modules that building and testing the main module needs,
// with their sums: those that its go.sum vouches for.
//
// A module of which go.sum has the go.mod only is packed with that only; go build
// would refuse to read more. A module that go.sum doesn't name at all is an
// error: it could be anything.
func (g *goCommand) closure(ctx context.Context, main lock.Input) ([]lock.Module, error) {
	sums, err := g.setUp(main)
	if err != nil {
		return nil, err
	}
	if err := g.load(ctx, main.Packages); err != nil {
		return nil, err
	}
	versions, err := g.downloaded()
	if err != nil {
		return nil, err
	}
	if err := g.loadGoMods(ctx, versions); err != nil {
		return nil, err
	}
	var modules []lock.Module
	for _, v := range versions {
		if v.Path == main.Module && v.Version == main.Version {
			continue
		}
		m := lock.Module{Path: v.Path, Version: v.Version, GoModSum: sums[module.Version{Path: v.Path, Version: v.Version + "/go.mod"}]}
		if m.GoModSum == "" {
			return nil, &UnsummedError{Main: main.Module + "@" + main.Version, Module: v.String()}
		}
		file, err := g.zip(v.Path, v.Version)
		if err != nil {
			return nil, err
		}
		if has, err := exists(file); err != nil {
			return nil, err
		} else if has {
			m.Sum = sums[v]
		}
		modules = append(modules, m)
	}
	return modules, nil
}

// load lets the go command download what the given packages of the main module
// need, on any architecture and with or without cgo: the same for everyone who
// locks. Without packages, that is all that go.mod names.
func (g *goCommand) load(ctx context.Context, packages []string) error {
	if len(packages) == 0 {
		if _, err := g.modules(ctx, "mod", "download", "-json"); err != nil {
			return err
		}
		_, err := g.run(ctx, "mod", "graph")
		return err
	}
	for _, target := range [][]string{
		{"GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0"},
		{"GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=1"},
		{"GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0"},
		{"GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=1"},
	} {
		on := &goCommand{bin: g.bin, dir: g.dir, env: slices.Concat(g.env, target)}
		args := append([]string{"list", "-mod=readonly", "-deps", "--"}, packages...)
		if _, err := on.run(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// loadGoMods downloads the go.mod of those modules of which the go command has read
// the content alone: it looked whether they, too, have a package that another
// module has (go.dev/ref/mod#resolve-pkg-mod), which every build does again.
func (g *goCommand) loadGoMods(ctx context.Context, versions []module.Version) error {
	args := []string{"mod", "download", "-json"}
	for _, v := range versions {
		file, err := g.gomod(v.Path, v.Version)
		if err != nil {
			return err
		}
		if has, err := exists(file); err != nil {
			return err
		} else if !has {
			args = append(args, v.Path+"@"+v.Version)
		}
	}
	if len(args) == 3 {
		return nil
	}
	_, err := g.modules(ctx, args...)
	return err
}

// setUp unpacks the main module into the go command's folder and returns the sums
// of its go.sum.
func (g *goCommand) setUp(main lock.Input) (map[module.Version]string, error) {
	file, err := g.zip(main.Module, main.Version)
	if err != nil {
		return nil, err
	}
	z, err := openZip(file, main.Module, main.Version, maxModuleSize)
	if err != nil {
		return nil, err
	}
	defer z.close()
	if z.files[z.prefix+"go.mod"] == nil {
		return nil, &FormatError{File: z.prefix + "go.mod", Problem: "not there, so what the module needs is not known"}
	}
	if err := z.unpack(g.work()); err != nil {
		return nil, err
	}
	gosum, err := z.read("go.sum", maxGoSum)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return parseGoSum(gosum, z.prefix+"go.sum")
}

// parseGoSum returns the h1 sums of a go.sum file (golang.org/ref/mod, section
// go.sum files), by path and version; the version of a go.mod ends in "/go.mod".
func parseGoSum(b []byte, name string) (map[module.Version]string, error) {
	sums := map[module.Version]string{}
	for line := range bytes.Lines(b) {
		fields := strings.Fields(string(line))
		if len(fields) == 0 {
			continue
		}
		if len(fields) != 3 {
			return nil, &FormatError{File: name, Problem: fmt.Sprintf("%q is not a line of go.sum", line)}
		}
		if !strings.HasPrefix(fields[2], "h1:") {
			continue // another algorithm, which the go command ignores too
		}
		v := module.Version{Path: fields[0], Version: fields[1]}
		if old := sums[v]; old != "" && old != fields[2] {
			return nil, &FormatError{File: name, Problem: fmt.Sprintf("two sums for %s", v)}
		}
		sums[v] = fields[2]
	}
	return sums, nil
}

// downloaded returns the modules of which the go command has read the go.mod, the
// content or both, sorted by path and version.
func (g *goCommand) downloaded() ([]module.Version, error) {
	root := filepath.Join(g.dir, "mod", "cache", "download")
	var versions []module.Version
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		ext := filepath.Ext(path)
		if err != nil || d.IsDir() || ext != ".mod" && ext != ".zip" {
			return err
		}
		rel, err := filepath.Rel(root, strings.TrimSuffix(path, ext))
		if err != nil {
			return err
		}
		escapedPath, escapedVersion, ok := strings.Cut(filepath.ToSlash(rel), "/@v/")
		if !ok {
			return nil // not a module's
		}
		v, err := unescape(escapedPath, escapedVersion)
		versions = append(versions, v)
		if err == nil && len(versions) > 2*maxModules { // each has two files at most
			err = &LimitError{What: "number of modules", Limit: maxModules}
		}
		return err
	})
	slices.SortFunc(versions, func(a, b module.Version) int {
		return compareVersions(a.Path, a.Version, b.Path, b.Version)
	})
	return slices.Compact(versions), err
}

func compareVersions(aPath, aVersion, bPath, bVersion string) int {
	if c := strings.Compare(aPath, bPath); c != 0 {
		return c
	}
	if c := semver.Compare(aVersion, bVersion); c != 0 {
		return c
	}
	return strings.Compare(aVersion, bVersion)
}

func unescape(escapedPath, escapedVersion string) (module.Version, error) {
	path, err := module.UnescapePath(escapedPath)
	if err != nil {
		return module.Version{}, err
	}
	version, err := module.UnescapeVersion(escapedVersion)
	return module.Version{Path: path, Version: version}, err
}

// download fetches the locked modules, by version, whatever the go command would
// choose today.
func (g *goCommand) download(ctx context.Context, in lock.Input) error {
	whole := []string{"mod", "download", "-json", in.Module + "@" + in.Version}
	modOnly := []string{"list", "-m", "-json"}
	for _, m := range in.Modules {
		if m.Sum == "" {
			modOnly = append(modOnly, m.Path+"@"+m.Version)
		} else {
			whole = append(whole, m.Path+"@"+m.Version)
		}
	}
	if _, err := g.modules(ctx, whole...); err != nil {
		return err
	}
	if len(modOnly) == 3 {
		return nil
	}
	_, err := g.modules(ctx, modOnly...)
	return err
}

// An UnsummedError reports a module that Main needs and whose go.mod has no sum
// in Main's go.sum.
type UnsummedError struct{ Main, Module string }

func (e *UnsummedError) Error() string {
	return fmt.Sprintf("%s needs %s, which its go.sum has no sum for", e.Main, e.Module)
}
