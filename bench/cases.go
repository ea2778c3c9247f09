package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed cases
var caseFiles embed.FS

// epoch is the SOURCE_DATE_EPOCH of the peers' images; its value costs nothing.
const epoch = "1735689600"

// compile is the command of recipes/mqtt and of the peers' Dockerfile.
const compile = `go build -trimpath -buildvcs=false -ldflags="-s -w -buildid=" -o "$OUT/usr/bin/mqtt" ./cmd`

// A contender is one way to do a case.
type contender struct {
	name   string
	daemon *daemon // that was there before, or nil
	run    func(context.Context) error
	after  func() error // clears up, outside the measured time, or nil
	costs  []cost
}

// A benchCase is one image and everyone who makes it, ours first.
type benchCase struct {
	name       string
	contenders []*contender
	daemon     *daemon // the warm one
}

func (c *benchCase) close() error { return c.daemon.stop() }

// round has every contender make the image once, in turn.
func (c *benchCase) round(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, roundLimit)
	defer cancel()
	for _, k := range c.contenders {
		got, err := measure(k.daemon, func() error { return k.run(ctx) })
		if err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
		k.costs = append(k.costs, got)
		if k.after == nil {
			continue
		}
		if err := k.after(); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
	}
	return nil
}

func (b *bench) recipes() string { return filepath.Join(b.repository, "recipes") }

// trivialRecipes is a project of its own, with the trivial recipe.
func (b *bench) trivialRecipes() string { return filepath.Join(b.dir, "recipes") }

// prepare makes a key and the files of the cases, and fills the store.
func (b *bench) prepare(ctx context.Context, names []string) error {
	files, err := fs.Sub(caseFiles, "cases")
	if err != nil {
		return err
	}
	if err := os.CopyFS(filepath.Join(b.dir, "cases"), files); err != nil {
		return err
	}
	if err := b.ours.newKey(ctx); err != nil {
		return err
	}
	for _, name := range names {
		if name == "trivial" {
			err = b.prepareTrivial(ctx)
		} else {
			err = b.ours.fetch(ctx, b.recipes(), name)
		}
		if err != nil {
			return fmt.Errorf("prepare %s: %w", name, err)
		}
	}
	return nil
}

// prepareTrivial makes a project of the trivial recipe and the repository's base,
// and locks it to what the base is locked to.
func (b *bench) prepareTrivial(ctx context.Context) error {
	const base = "alpine-3.19"
	if err := b.ours.fetch(ctx, b.recipes(), base); err != nil {
		return err
	}
	dir := b.trivialRecipes()
	if err := os.CopyFS(filepath.Join(dir, base), os.DirFS(filepath.Join(b.recipes(), base))); err != nil {
		return err
	}
	if err := os.CopyFS(filepath.Join(dir, "trivial"), os.DirFS(filepath.Join(b.dir, "cases", "trivial"))); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "tailsbuild.hcl"), nil, 0o644); err != nil {
		return err
	}
	inputs, err := b.ours.inputs(ctx, b.recipes(), base)
	if err != nil {
		return err
	}
	from, err := url.Parse(inputs["rootfs"].From)
	if err != nil {
		return err
	}
	mirror := filepath.Join(b.dir, "mirror")
	if err := place(b.ours.path(inputs["rootfs"]), filepath.Join(mirror, from.Path)); err != nil {
		return err
	}
	return start(b.ours.command(ctx, "lock", "trivial", "--recipes", dir,
		"--store", b.ours.store, "--mirror", mirror, "--offline")).wait()
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

// openCase gives the peers the same inputs, starts the warm daemon and has it
// build once.
func (b *bench) openCase(ctx context.Context, name string) (_ *benchCase, err error) {
	recipes := b.recipes()
	if name == "trivial" {
		recipes = b.trivialRecipes()
	}
	inputs, err := b.ours.inputs(ctx, recipes, name)
	if err != nil {
		return nil, err
	}
	file := dockerfile{dir: filepath.Join(b.dir, "cases", name), epoch: epoch}
	if err := place(b.ours.path(inputs["rootfs"]), filepath.Join(file.dir, "alpine-minirootfs.tar.gz")); err != nil {
		return nil, err
	}
	var bare *contender
	if name == "mqtt" {
		if bare, err = b.openCompile(ctx, inputs, &file); err != nil {
			return nil, err
		}
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
	c := &benchCase{name: name, daemon: d, contenders: []*contender{
		{name: "tailsbuild build --key", run: func(ctx context.Context) error { return b.ours.build(ctx, recipes, name) }},
		{name: "(a) buildctl, one warm daemon", daemon: d, run: func(ctx context.Context) error { return d.warm(ctx, file) }},
		{name: "(b) buildctl, two fresh daemons", run: func(ctx context.Context) error { return b.peers.fresh(ctx, file) }},
	}}
	if bare != nil {
		c.contenders = append(c.contenders, bare)
	}
	return c, nil
}

// openCompile unpacks the inputs of mqtt, for the Dockerfile and for a compile
// that is nothing else.
func (b *bench) openCompile(ctx context.Context, inputs map[string]input, file *dockerfile) (*contender, error) {
	dir := filepath.Join(b.dir, "inputs")
	for _, kind := range []string{"toolchain", "go_module"} {
		to := filepath.Join(dir, kind)
		if err := os.MkdirAll(to, 0o755); err != nil {
			return nil, err
		}
		if err := start(exec.CommandContext(ctx, "tar", "-x", "-f", b.ours.path(inputs[kind]), "-C", to)).wait(); err != nil {
			return nil, err
		}
	}
	toolchain := filepath.Join(dir, "toolchain", "go")
	source, proxy := filepath.Join(dir, "go_module", "src"), filepath.Join(dir, "go_module", "proxy")
	file.named = map[string]string{"toolchain": toolchain, "source": source, "proxy": proxy}
	tmp := filepath.Join(b.dir, "compile")
	return &contender{
		name: "one bare compile",
		run: func(ctx context.Context) error {
			cmd := exec.CommandContext(ctx, "/bin/sh", "-euc", "mkdir -p \"$OUT\" && "+compile)
			cmd.Dir = source
			cmd.Env = []string{
				"PATH=" + filepath.Join(toolchain, "bin") + ":/usr/bin:/bin", "GOROOT=" + toolchain,
				"GOCACHE=" + tmp + "/build", "GOMODCACHE=" + tmp + "/mod", "GOPATH=" + tmp + "/path",
				"GOENV=off", "GOTOOLCHAIN=local", "GOTELEMETRY=off", "GOSUMDB=off", "CGO_ENABLED=0",
				"GOPROXY=file://" + proxy + ",off", "GOFLAGS=-modcacherw", "OUT=" + tmp, "TMPDIR=" + tmp,
			}
			return start(cmd).wait()
		},
		after: func() error { return os.RemoveAll(tmp) },
	}, nil
}

// write prints the costs of all contenders, and ours as a part of the others'.
func (c *benchCase) write(w io.Writer) error {
	var s strings.Builder
	row := func(name string, columns ...any) {
		fmt.Fprintf(&s, "%-34s %20v %20v  %s\n", append([]any{name}, columns...)...)
	}
	row("\n"+c.name, "wall s", "CPU s", "others' CPUs")
	for _, k := range c.contenders {
		row(k.name, k.spread(wall), k.spread(cpu), fmt.Sprintf("%.1f", k.spread(others).median))
	}
	us := c.contenders[0]
	for i, k := range c.contenders[1:3] {
		row(fmt.Sprintf("ours / (%c)", 'a'+i), us.over(k, wall), us.over(k, cpu), "")
	}
	if len(c.contenders) > 3 {
		bare := c.contenders[3]
		row("ours - 2 * bare compile", us.beyond(bare, wall), us.beyond(bare, cpu), "")
	}
	_, err := io.WriteString(w, s.String())
	return err
}

func wall(c cost) float64   { return c.wall.Seconds() }
func cpu(c cost) float64    { return c.cpu.Seconds() }
func others(c cost) float64 { return c.others }

func (k *contender) spread(of func(cost) float64) spread {
	var values []float64
	for _, c := range k.costs {
		values = append(values, of(c))
	}
	return spreadOf(values)
}

// over returns k's cost as a multiple of the other's in the same round.
func (k *contender) over(other *contender, of func(cost) float64) spread {
	var values []float64
	for i, c := range k.costs {
		values = append(values, of(c)/of(other.costs[i]))
	}
	return spreadOf(values)
}

// beyond returns how much more k took than twice the other in the same round.
func (k *contender) beyond(other *contender, of func(cost) float64) spread {
	var values []float64
	for i, c := range k.costs {
		values = append(values, of(c)-2*of(other.costs[i]))
	}
	return spreadOf(values)
}
