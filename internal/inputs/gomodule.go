package inputs

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/mod/sumdb/dirhash"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

// pack fetches a go_module or toolchain input with the go command, packs it and
// puts it into the store. It returns in with Sum, Modules, Size and SHA256.
//
// Without in.Sum, the checksum database vouches for the module, and the module's
// go.sum for all that it needs. Otherwise in does, and exactly the modules of
// in.Modules are fetched.
func (f *Fetcher) pack(ctx context.Context, in lock.Input, t *transfer) (lock.Input, error) {
	if f.Offline {
		return lock.Input{}, missing(in, goDownload, &OfflineError{Location: goDownload})
	}
	// The go command takes a toolchain only with the checksum database's word.
	g, err := f.newGo(in.Sum != "" && in.Kind == lock.KindGoModule)
	if err != nil {
		return lock.Input{}, err
	}
	defer g.close()
	t.from(goDownload, 0)
	got := in
	if got.Modules, err = g.fetch(ctx, in); err != nil {
		return lock.Input{}, missing(in, goDownload, err)
	}
	b, err := f.Store.newTarball(t)
	if err != nil {
		return lock.Input{}, err
	}
	defer b.discard()
	if in.Kind == lock.KindToolchain {
		got.Sum, err = b.packToolchain(ctx, g, in)
	} else {
		got.Sum, err = b.packModule(ctx, g, got)
	}
	if err != nil {
		return lock.Input{}, err
	}
	if got.SHA256, err = b.sum(); err != nil {
		return lock.Input{}, err
	}
	got.Size = b.size
	if err := checkPacked(in, got); err != nil {
		return lock.Input{}, err
	}
	return got, f.Store.put(b.file, got.SHA256)
}

// checkPacked compares what was packed with what is locked, if it is.
func checkPacked(want, got lock.Input) error {
	e := &MismatchError{Input: want.String(), File: want.Module + "@" + want.Version}
	switch {
	case want.Sum != "" && want.Sum != got.Sum:
		e.What, e.Want, e.Got = "h1", want.Sum, got.Sum
	case want.SHA256 != "" && want.SHA256 != got.SHA256:
		e.What, e.Want, e.Got = "sha256", want.SHA256, got.SHA256
	case want.SHA256 != "" && want.Size != got.Size:
		e.What, e.Want, e.Got = "size", fmt.Sprint(want.Size), fmt.Sprint(got.Size)
	default:
		return nil
	}
	return e
}

// What the go command is asked, as a location.
const (
	goDownload = "go mod download"
	goList     = "go list"
)

// missing returns err as that of an input of which command could not get what was
// asked. What was wrong before or after it ran is returned as it is.
func missing(in lock.Input, command string, err error) error {
	var failed *CommandError
	var offline *OfflineError
	if !errors.As(err, &failed) && !errors.As(err, &offline) {
		return err
	}
	return &MissingError{Input: in.String(), Tried: []Attempt{{Location: command, Err: err}}}
}

// fetch downloads what in needs and returns the modules beside in itself.
func (g *goCommand) fetch(ctx context.Context, in lock.Input) ([]lock.Module, error) {
	if in.Kind == lock.KindGoModule && in.Sum != "" {
		return in.Modules, g.download(ctx, in)
	}
	if _, err := g.modules(ctx, "mod", "download", "-json", in.Module+"@"+in.Version); err != nil {
		return nil, err
	}
	if in.Kind == lock.KindToolchain {
		return nil, nil
	}
	return g.closure(ctx, in)
}

// packModule writes the archive of a go_module input: the module itself below
// src/, and below proxy/ a file tree of the GOPROXY protocol with all the modules
// it needs. Every module but in itself is checked against its sum in in.Modules;
// packModule returns the h1 sum of in.
func (b *tarball) packModule(ctx context.Context, g *goCommand, in lock.Input) (string, error) {
	for _, m := range in.Modules {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		if err := b.packDependency(g, in, m); err != nil {
			return "", err
		}
	}
	file, err := g.zip(in.Module, in.Version)
	if err != nil {
		return "", err
	}
	z, err := openZip(file, in.Module, in.Version, maxModuleSize)
	if err != nil {
		return "", err
	}
	defer z.close()
	return z.hash(func(name string, f *zip.File) (io.Writer, error) {
		return b.start("src/"+strings.TrimPrefix(name, z.prefix), int64(f.UncompressedSize64), 0o644)
	})
}

// packDependency writes the files of one module below proxy/.
func (b *tarball) packDependency(g *goCommand, in lock.Input, m lock.Module) error {
	info, err := json.Marshal(struct{ Version string }{m.Version})
	if err != nil {
		return err
	}
	if err := b.addProxy(m, ".info", info); err != nil {
		return err
	}
	file, err := g.gomod(m.Path, m.Version)
	if err != nil {
		return err
	}
	gomod, err := readSmall(file, maxGoMod)
	if err != nil {
		return err
	}
	sum, err := goModSum(gomod)
	if err != nil {
		return err
	}
	if sum != m.GoModSum {
		return &MismatchError{Input: in.String(), File: m.Path + "@" + m.Version + "/go.mod", What: "h1", Want: m.GoModSum, Got: sum}
	}
	if err := b.addProxy(m, ".mod", gomod); err != nil || m.Sum == "" {
		return err
	}
	return b.packZip(g, in, m)
}

func (b *tarball) packZip(g *goCommand, in lock.Input, m lock.Module) error {
	file, err := g.zip(m.Path, m.Version)
	if err != nil {
		return err
	}
	z, err := openZip(file, m.Path, m.Version, maxModuleSize)
	if err != nil {
		return err
	}
	defer z.close()
	name, err := proxyName(m.Path, m.Version, ".zip")
	if err != nil {
		return err
	}
	w, err := b.start("proxy/"+name, z.repackedSize(), 0o644)
	if err != nil {
		return err
	}
	sum, err := z.repack(w)
	if err != nil {
		return err
	}
	if sum != m.Sum {
		return &MismatchError{Input: in.String(), File: m.Path + "@" + m.Version, What: "h1", Want: m.Sum, Got: sum}
	}
	return nil
}

func (b *tarball) addProxy(m lock.Module, ext string, content []byte) error {
	name, err := proxyName(m.Path, m.Version, ext)
	if err != nil {
		return err
	}
	return b.add("proxy/"+name, content)
}

// goModSum returns the h1 sum of a go.mod file.
func goModSum(gomod []byte) (string, error) {
	return dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(gomod)), nil
	})
}
