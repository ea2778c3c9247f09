package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
)

// epoch is the SOURCE_DATE_EPOCH of the peers' images; its value costs nothing.
const epoch = "1735689600"

func (b *bench) recipes() string { return filepath.Join(b.repository, "recipes") }

// trivialRecipes is a project of its own, with the trivial recipe.
func (b *bench) trivialRecipes() string { return filepath.Join(b.dir, "recipes") }

// prepareTrivial makes a project of the trivial recipe and the repository's base,
// and locks it to what the base is locked to.
func (b *bench) prepareTrivial(ctx context.Context) error {
	const base = "alpine-3.19"
	if err := b.ours.fetch(ctx, b.recipes(), base); err != nil {
		return err
	}
	dir := b.trivialRecipes()
	if err := copyProject(b.recipes(), dir, base); err != nil {
		return err
	}
	if err := os.CopyFS(filepath.Join(dir, "trivial"), os.DirFS(filepath.Join(b.dir, "cases", "trivial"))); err != nil {
		return err
	}
	inputs, err := b.ours.inputs(ctx, b.recipes(), base)
	if err != nil {
		return err
	}
	mirror := filepath.Join(b.dir, "mirror")
	if err := b.mirror(inputs, mirror); err != nil {
		return err
	}
	return start(b.ours.command(ctx, "lock", "trivial", "--recipes", dir,
		"--store", b.ours.store, "--mirror", mirror, "--offline")).wait()
}

// copyProject makes to a project with some recipes of from, and no mirrors.
func copyProject(from, to string, names ...string) error {
	for _, name := range names {
		if err := os.CopyFS(filepath.Join(to, name), os.DirFS(filepath.Join(from, name))); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(to, "tailsbuild.hcl"), nil, 0o644)
}

// mirror puts the inputs that have a URL into dir, by the URL's path.
func (b *bench) mirror(inputs []input, dir string) error {
	for _, in := range inputs {
		from, err := url.Parse(in.From)
		if err != nil {
			return err
		}
		if from.Scheme == "" { // a module
			continue
		}
		if err := place(b.ours.path(in), filepath.Join(dir, from.Path)); err != nil {
			return err
		}
	}
	return nil
}

// place copies a file, and makes the folders above it.
func place(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o644)
}

func (b *bench) openTrivial(ctx context.Context) (*benchCase, error) {
	inputs, err := b.ours.inputs(ctx, b.trivialRecipes(), "trivial")
	if err != nil {
		return nil, err
	}
	file := dockerfile{dir: filepath.Join(b.dir, "cases", "trivial"), epoch: epoch}
	return b.openImage(ctx, b.trivialRecipes(), "trivial", inputs, file)
}

// openSFTP gives the peers the same packages, as repositories that apk reads.
func (b *bench) openSFTP(ctx context.Context) (*benchCase, error) {
	inputs, err := b.ours.inputs(ctx, b.recipes(), "sftp")
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(b.dir, "cases", "sftp")
	packages := filepath.Join(b.dir, "inputs", "sftp")
	if err := b.mirror(inputs, packages); err != nil {
		return nil, err
	}
	if err := os.CopyFS(filepath.Join(dir, "files"), os.DirFS(filepath.Join(b.recipes(), "sftp", "files"))); err != nil {
		return nil, err
	}
	c, err := b.openImage(ctx, b.recipes(), "sftp", inputs, dockerfile{
		dir: dir, epoch: epoch, named: map[string]string{"packages": filepath.Join(packages, "alpine")},
	})
	if err != nil {
		return nil, err
	}
	note, err := b.sealedSize(ctx, "sftp")
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	c.notes = append(c.notes, note)
	return c, nil
}

// sealedSize says what the sealed inputs of a recipe add to the inputs themselves,
// those of its tests among them.
func (b *bench) sealedSize(ctx context.Context, name string) (string, error) {
	dir := filepath.Join(b.dir, "sealed")
	cmd := b.ours.command(ctx, "archive", name, "--detached", "--recipes", b.recipes(),
		"--store", b.ours.store, "--offline", "--output", dir, "--format", "json")
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := start(cmd).wait(); err != nil {
		return "", err
	}
	var inputs int64
	for d := json.NewDecoder(&out); ; {
		var line struct{ Archive struct{ Size int64 } }
		if err := d.Decode(&line); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return "", err
		}
		inputs += line.Archive.Size
	}
	var sealed int64
	blobs, err := os.ReadDir(filepath.Join(dir, "blobs", "sha256"))
	if err != nil {
		return "", err
	}
	for _, e := range blobs {
		info, err := e.Info()
		if err != nil {
			return "", err
		}
		sealed += info.Size()
	}
	return fmt.Sprintf("sealed inputs of %s: %d bytes, %.4f of the inputs' %d", name, sealed, float64(sealed)/float64(inputs), inputs),
		os.RemoveAll(dir)
}

func (b *bench) openMQTT(ctx context.Context) (*benchCase, error) {
	inputs, err := b.ours.inputs(ctx, b.recipes(), "mqtt")
	if err != nil {
		return nil, err
	}
	file := dockerfile{dir: filepath.Join(b.dir, "cases", "mqtt"), epoch: epoch}
	from, err := b.openCompile(ctx, "mqtt", inputs)
	if err != nil {
		return nil, err
	}
	file.named = map[string]string{"toolchain": from.toolchain, "source": from.source, "proxy": from.proxy}
	c, err := b.openImage(ctx, b.recipes(), "mqtt", inputs, file)
	if err != nil {
		return nil, err
	}
	c.contenders = append(c.contenders, from.bare(comparison{"ours - 2 * bare compile", (*contender).beyond}))
	return c, nil
}

// openImage gives the peers the same root file system, starts the warm daemon and
// has it build once.
func (b *bench) openImage(ctx context.Context, recipes, name string, inputs []input, file dockerfile) (*benchCase, error) {
	rootfs, err := the("rootfs", inputs)
	if err != nil {
		return nil, err
	}
	if err := place(b.ours.path(rootfs), filepath.Join(file.dir, "alpine-minirootfs.tar.gz")); err != nil {
		return nil, err
	}
	if err := b.peers.build(ctx, b.cache, filepath.Join(b.repository, "bench")); err != nil {
		return nil, err
	}
	d, err := b.peers.start("warm")
	if err != nil {
		return nil, err
	}
	if err = d.ready(ctx); err == nil {
		err = d.warm(ctx, file)
	}
	if err != nil {
		return nil, errors.Join(err, d.stop())
	}
	return &benchCase{name: name, daemon: d, contenders: []*contender{
		{name: "tailsbuild build --key", run: func(ctx context.Context) error { return b.ours.build(ctx, recipes, name) }},
		{name: "(a) buildctl, one warm daemon", rows: ratio("(a)"), daemon: d, run: func(ctx context.Context) error { return d.warm(ctx, file) }},
		{name: "(b) buildctl, two fresh daemons", rows: ratio("(b)"), run: func(ctx context.Context) error { return b.peers.fresh(ctx, file) }},
	}}, nil
}

// the returns the one input of a kind.
func the(kind string, inputs []input) (input, error) {
	for _, in := range inputs {
		if in.Kind == kind {
			return in, nil
		}
	}
	return input{}, fmt.Errorf("no input is a %s", kind)
}
