// Package programtest has the programs of others that tests run: built as a Go module
// of their own pins them, or started as a daemon of the test's own.
package programtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// buildTime is how long a build may take, with all that it needs to download.
const buildTime = 20 * time.Minute

// A Program is the main package of a module that the Go module in Folder, with its
// path from the test's folder, requires.
type Program struct {
	Folder  string
	Module  string
	Package string // below Module, "" for the one there
	Tags    []string
}

// Path returns where the program is when it was built: in the user's cache folder.
// Name, version, the version of Go and the tags are part of its name.
func (p Program) Path() (string, error) {
	mod, err := os.ReadFile(filepath.Join(p.Folder, "go.mod"))
	if err != nil {
		return "", err
	}
	version := regexp.MustCompile(`(?m)^\s+` + regexp.QuoteMeta(p.Module) + ` (v[0-9.]+)( |$)`).FindSubmatch(mod)
	if version == nil {
		return "", fmt.Errorf("%s doesn't pin %s", p.Folder, p.Module)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	name := append([]string{path.Base(path.Join(p.Module, p.Package)), string(version[1]), runtime.Version()}, p.Tags...)
	return filepath.Join(cache, "tailsbuild-test", strings.Join(name, "-")), nil
}

// Build builds the program, without cgo, unless it was already, and returns its
// path.
func (p Program) Build(ctx context.Context) (string, error) {
	binary, err := p.Path()
	if err != nil {
		return "", err
	}
	return binary, Build(ctx, binary, p.Folder, path.Join(p.Module, p.Package), p.Tags)
}

// Build builds a package, as it is named in the folder dir, to the file binary,
// without cgo, unless that is there.
func Build(ctx context.Context, binary, dir, pkg string, tags []string) error {
	if _, err := os.Stat(binary); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(binary), 0o755); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(filepath.Dir(binary), ".build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	ctx, cancel := context.WithTimeout(ctx, buildTime)
	defer cancel()
	built := filepath.Join(temp, "program")
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-ldflags=-s -w",
		"-tags="+strings.Join(tags, ","), "-o", built, pkg)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s can't be built: %w\n%s", pkg, err, out)
	}
	return os.Rename(built, binary)
}
