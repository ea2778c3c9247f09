package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

var (
	buildScript   = regexp.MustCompile(`(?ms)^  build \{$.*?^    run = <<-EOT$\n(.*?)^    EOT$`)
	recipeVersion = regexp.MustCompile(`(?m)^  version +=  *"([^"]+)"$`)
	sourceFolder  = regexp.MustCompile(`\$SRC_[a-z0-9_]+`)
)

// script returns the script of the build block of a recipe that has one version, one
// source and no other variables.
func script(recipes, name string) (string, error) {
	b, err := os.ReadFile(filepath.Join(recipes, name, "recipe.hcl"))
	if err != nil {
		return "", err
	}
	run, version := buildScript.FindSubmatch(b), recipeVersion.FindSubmatch(b)
	if run == nil || version == nil {
		return "", fmt.Errorf("recipe %s has no script or no version where the benchmark looks for it", name)
	}
	s := strings.ReplaceAll(string(run[1]), "${self.version}", string(version[1]))
	if strings.Contains(s, "${") {
		return "", fmt.Errorf("recipe %s: its script has other variables than the version:\n%s", name, s)
	}
	return sourceFolder.ReplaceAllString(s, "$$SRC"), nil
}

// A compilation is the script of a recipe and its inputs, unpacked.
type compilation struct {
	script, dir              string
	toolchain, source, proxy string // folders
}

// openCompile unpacks the inputs of a recipe that compiles a Go module.
func (b *bench) openCompile(ctx context.Context, name string, inputs []input) (*compilation, error) {
	run, err := script(b.recipes(), name)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(b.dir, "compile-"+name)
	for _, kind := range []string{"toolchain", "go_module"} {
		in, err := the(kind, inputs)
		if err != nil {
			return nil, err
		}
		if err := b.unpack(ctx, in, filepath.Join(dir, kind)); err != nil {
			return nil, err
		}
	}
	return &compilation{
		script: run, dir: dir, toolchain: filepath.Join(dir, "toolchain", "go"),
		source: filepath.Join(dir, "go_module", "src"), proxy: filepath.Join(dir, "go_module", "proxy"),
	}, nil
}

func (c *compilation) close() error { return os.RemoveAll(c.dir) }

// bare returns a compile that is nothing else: no container, no network and empty caches.
func (c *compilation) bare(rows ...comparison) *contender {
	tmp := filepath.Join(c.dir, "tmp")
	return &contender{
		name: "one bare compile", rows: rows, after: func() error { return os.RemoveAll(tmp) },
		run: func(ctx context.Context) error {
			out := filepath.Join(tmp, "out")
			if err := os.MkdirAll(filepath.Join(out, "usr", "bin"), 0o755); err != nil {
				return err
			}
			cmd := exec.CommandContext(ctx, "/bin/sh", "-euc", c.script)
			cmd.Env = []string{
				"PATH=" + filepath.Join(c.toolchain, "bin") + ":/usr/bin:/bin", "GOROOT=" + c.toolchain,
				"GOCACHE=" + tmp + "/build", "GOMODCACHE=" + tmp + "/mod", "GOPATH=" + tmp + "/path",
				"GOENV=off", "GOTOOLCHAIN=local", "GOTELEMETRY=off", "GOSUMDB=off", "CGO_ENABLED=0",
				"GOPROXY=file://" + c.proxy + ",off", "GOFLAGS=-modcacherw", "SRC=" + c.source, "OUT=" + out, "TMPDIR=" + tmp,
			}
			if err := start(cmd).wait(); err != nil {
				return err
			}
			made, err := os.ReadDir(filepath.Join(out, "usr", "bin"))
			if err == nil && len(made) == 0 {
				err = errors.New("the script made no program")
			}
			return err
		},
	}
}

// unpack unpacks an input that is a tar archive into dir.
func (b *bench) unpack(ctx context.Context, in input, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return start(exec.CommandContext(ctx, "tar", "-x", "-f", b.ours.path(in), "-C", dir)).wait()
}
