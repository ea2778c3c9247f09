package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// comparing is the part of the cases' names that all have which compare a pair.
const comparing = "compare "

// compareDefinitions are the cases that compare pairs of images.
func compareDefinitions() []definition {
	var list []definition
	for _, d := range pairDefinitions {
		list = append(list, definition{
			name: "compare-" + pairFile(d.name), prepare: (*bench).preparePairs,
			open: func(b *bench, ctx context.Context) (*benchCase, error) { return b.openPair(ctx, d) },
		})
	}
	return list
}

// pairFile is a pair's name without what is awkward in names of files.
func pairFile(name string) string { return strings.NewReplacer(" ", "-", ",", "").Replace(name) }

// preparePairs makes the files of which all images are made.
func (b *bench) preparePairs(ctx context.Context) error {
	if b.pairs != nil {
		return nil
	}
	b.pairs = &pairs{dir: filepath.Join(b.dir, "files")}
	if err := os.MkdirAll(b.pairs.dir, 0o755); err != nil {
		return err
	}
	return b.pairs.prepare(ctx)
}

// openPair compares a pair with tailsbuild, beside what has to be done at least, and
// Debian's diffoscope, with the layers that differ, which it is told one by one: of
// images it names no file in them.
func (b *bench) openPair(ctx context.Context, d pair) (*benchCase, error) {
	dir := filepath.Join(b.dir, pairFile(d.name))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	size, err := b.pairs.write(ctx, d, dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	layers, err := differing(dir, len(d.trees(b.pairs)))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	c := &benchCase{
		name: comparing + d.name, milli: true, end: func() error { return os.RemoveAll(dir) },
		notes: []string{fmt.Sprintf("layers of one image: %d bytes, of which differ %d of %d", size, len(layers), len(d.trees(b.pairs)))},
	}
	compare := b.ours.command
	c.contenders = append(c.contenders, differs("tailsbuild compare", nil, len(layers) > 0, func(ctx context.Context) *exec.Cmd {
		return compare(ctx, "compare", filepath.Join(dir, "a"), filepath.Join(dir, "b"))
	}))
	if len(layers) == 0 {
		c.contenders = append(c.contenders, once("tailsbuild compare --by-digest", nil, 1, func(ctx context.Context) *exec.Cmd {
			return compare(ctx, "compare", "--by-digest", filepath.Join(dir, "a"), filepath.Join(dir, "b"))
		}))
		c.contenders = append(c.contenders, once("sha256sum of both", ratio("sha256sum"), 1, func(ctx context.Context) *exec.Cmd {
			return exec.CommandContext(ctx, "/bin/sh", "-euc", "sha256sum "+dir+"/?.*.tar.gz >/dev/null")
		}))
		return c, nil
	}
	c.contenders = append(c.contenders, once("gzip -dc | openssl sha256, both at once", ratio("gzip and sha256"), 1, func(ctx context.Context) *exec.Cmd {
		var script strings.Builder
		for _, side := range []string{"a", "b"} {
			script.WriteString("( ")
			for _, n := range layers {
				fmt.Fprintf(&script, "gzip -dc %s/%s.%d.tar.gz | openssl dgst -sha256 -binary >/dev/null; ", dir, side, n)
			}
			script.WriteString(") & ")
		}
		return exec.CommandContext(ctx, "/bin/sh", "-euc", script.String()+"wait")
	}))
	if _, err := exec.LookPath("diffoscope"); err != nil {
		c.notes = append(c.notes, "diffoscope is not installed")
		return c, nil
	}
	if !b.slow && d.slow {
		c.notes = append(c.notes, "diffoscope takes minutes: it runs with -slow")
		return c, nil
	}
	c.contenders = append(c.contenders, &contender{name: "diffoscope, layer by layer", rows: ratio("diffoscope"), run: func(ctx context.Context) error {
		for _, n := range layers {
			cmd := exec.CommandContext(ctx, "diffoscope", "--no-progress", "--text", filepath.Join(dir, "report.txt"),
				filepath.Join(dir, fmt.Sprintf("a.%d.tar.gz", n)), filepath.Join(dir, fmt.Sprintf("b.%d.tar.gz", n)))
			if err := isDifferent(start(cmd).wait()); err != nil {
				return err
			}
		}
		return nil
	}})
	return c, nil
}

// differing returns the numbers of the layers that differ.
func differing(dir string, layers int) ([]int, error) {
	var list []int
	for n := range layers {
		a, _, _, err := digests(filepath.Join(dir, fmt.Sprintf("a.%d.tar.gz", n)))
		if err != nil {
			return nil, err
		}
		b, _, _, err := digests(filepath.Join(dir, fmt.Sprintf("b.%d.tar.gz", n)))
		if err != nil {
			return nil, err
		}
		if a != b {
			list = append(list, n)
		}
	}
	return list, nil
}

// differs makes a contender of one program that exits with 1 when it finds what is to
// be found.
func differs(name string, rows []comparison, different bool, cmd func(context.Context) *exec.Cmd) *contender {
	return &contender{name: name, rows: rows, run: func(ctx context.Context) error {
		err := start(cmd(ctx)).wait()
		if different {
			return isDifferent(err)
		}
		return err
	}}
}

// isDifferent returns nil for exit code 1, which is what is wanted.
func isDifferent(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		return nil
	}
	if err == nil {
		return errors.New("found no difference")
	}
	return err
}
