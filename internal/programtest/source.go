package programtest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
)

// A Source is a main package of a module that is built as its own go.mod and go.sum
// have it: for programs that are too large to be pinned by a module of ours.
type Source struct {
	Module, Version string
	Package         string // below Module
}

// Build downloads the module, verified by its checksum database, builds the program,
// without cgo, unless it was already, and returns its path.
func (s Source) Build(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(cache, "tailsbuild-test", path.Base(s.Package)+"-"+s.Version+"-"+runtime.Version())
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	dir, err := os.MkdirTemp("", "source-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	download := exec.CommandContext(ctx, "go", "mod", "download", "-json", s.Module+"@"+s.Version)
	download.Dir = dir // no module of ours
	out, err := download.Output()
	if err != nil {
		return "", fmt.Errorf("%s@%s: %w\n%s", s.Module, s.Version, err, out)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		return "", err
	}
	// The module cache can't be built in, where a go.mod needs replacements.
	if err := os.CopyFS(filepath.Join(dir, "src"), os.DirFS(module.Dir)); err != nil {
		return "", err
	}
	return binary, Build(ctx, binary, filepath.Join(dir, "src"), "./"+s.Package, nil)
}
