package inputs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/mod/module"
)

const (
	maxGoOutput = 64 << 20 // what the go command may print
	maxGoStderr = 16 << 10 // how much of its errors is kept
)

// A goCommand runs the go command with a module cache of its own, below dir,
// which is removed in the end. The user's settings say which proxies and checksum
// database it asks: GOPROXY, GOSUMDB, GOPRIVATE and so on.
type goCommand struct {
	bin string
	dir string
	env []string
}

// newGo makes a goCommand. locked means that every sum is known: the checksum
// database could add nothing and is not asked.
func (f *Fetcher) newGo(locked bool) (*goCommand, error) {
	bin := f.Go
	if bin == "" {
		bin = "go"
	}
	bin, err := exec.LookPath(bin)
	if err != nil {
		return nil, &ToolError{Tool: "go", Err: err}
	}
	dir, err := os.MkdirTemp(filepath.Join(f.Store.dir, "tmp"), "go-")
	if err != nil {
		return nil, &StoreError{Path: dir, Err: err}
	}
	g := &goCommand{bin: bin, dir: dir}
	for _, sub := range []string{"work", "cache", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, errors.Join(&StoreError{Path: dir, Err: err}, g.close())
		}
	}
	g.env = append(
		os.Environ(),
		"GOMODCACHE="+filepath.Join(dir, "mod"),
		"GOCACHE="+filepath.Join(dir, "cache"),
		"GOTMPDIR="+filepath.Join(dir, "tmp"),
		"GOTOOLCHAIN=local", "GOFLAGS=-modcacherw", "GOWORK=off", "GO111MODULE=on",
	)
	if os.Getenv("HOME") == "" && os.Getenv("GOPATH") == "" {
		g.env = append(g.env, "GOPATH="+filepath.Join(dir, "path"))
	}
	if locked {
		g.env = append(g.env, "GOSUMDB=off")
	}
	return g, nil
}

func (g *goCommand) close() error { return os.RemoveAll(g.dir) }

// work is the folder that the go command runs in.
func (g *goCommand) work() string { return filepath.Join(g.dir, "work") }

// run runs the go command and returns what it prints. When ctx is done, it and
// all it has started are killed.
func (g *goCommand) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, g.bin, args...)
	stdout := &boundedBuffer{limit: maxGoOutput}
	stderr := &tailBuffer{limit: maxGoStderr}
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = g.work(), g.env, stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	// The death signal is sent when this thread ends, not only with the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Run()
	if ctxErr := ctx.Err(); ctxErr != nil {
		return nil, ctxErr
	}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return stdout.buf.Bytes(), &CommandError{Args: append([]string{"go"}, args...), Output: stderr.String(), Err: err}
	case err != nil:
		return nil, &ToolError{Tool: g.bin, Err: err}
	}
	return stdout.buf.Bytes(), nil
}

// A goModule is one object that go mod download -json or go list -m -json prints.
type goModule struct {
	Path, Version string
	Versions      []string
	Error         any // a string or an object
	GoMod, Zip    string
}

// modules runs the go command and returns the modules it prints as JSON.
func (g *goCommand) modules(ctx context.Context, args ...string) ([]goModule, error) {
	out, err := g.run(ctx, args...)
	var modules []goModule
	dec := json.NewDecoder(bytes.NewReader(out))
	for {
		var m goModule
		if decErr := dec.Decode(&m); decErr == io.EOF {
			break
		} else if decErr != nil {
			return nil, errors.Join(err, &FormatError{File: "output of go " + args[0], Problem: "not JSON", Err: decErr})
		}
		modules = append(modules, m)
	}
	return modules, withModuleErrors(err, modules)
}

// withModuleErrors adds to a *CommandError what go printed as JSON, which then is
// the only place that says what went wrong.
func withModuleErrors(err error, modules []goModule) error {
	var command *CommandError
	if !errors.As(err, &command) {
		return err
	}
	for _, m := range modules {
		if m.Error != nil {
			text, _ := json.Marshal(m.Error)
			command.Output += "\n" + m.Path + "@" + m.Version + ": " + string(text)
		}
	}
	return err
}

// zip and gomod return where the go command has, or would have, a module's files.
func (g *goCommand) zip(path, version string) (string, error) {
	return g.cached(path, version, ".zip")
}

func (g *goCommand) gomod(path, version string) (string, error) {
	return g.cached(path, version, ".mod")
}

func (g *goCommand) cached(path, version, ext string) (string, error) {
	name, err := proxyName(path, version, ext)
	if err != nil {
		return "", err
	}
	return filepath.Join(g.dir, "mod", "cache", "download", filepath.FromSlash(name)), nil
}

// proxyName returns the path of a module's file in a module proxy
// (golang.org/ref/mod, section GOPROXY protocol).
func proxyName(path, version, ext string) (string, error) {
	escapedPath, err := module.EscapePath(path)
	if err != nil {
		return "", err
	}
	escapedVersion, err := module.EscapeVersion(version)
	if err != nil {
		return "", err
	}
	return escapedPath + "/@v/" + escapedVersion + ext, nil
}

// readSmall reads a file of at most limit bytes.
func readSmall(path string, limit int64) ([]byte, error) {
	file, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readLimited(file, path, limit)
}

func readLimited(r io.Reader, what string, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = &LimitError{What: what, Limit: limit}
	}
	return b, err
}

// exists reports whether there is a file at path.
func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// A boundedBuffer refuses more than limit bytes.
type boundedBuffer struct {
	buf   bytes.Buffer
	limit int
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	if b.buf.Len()+len(p) > b.limit {
		return 0, &LimitError{What: "output of the go command", Limit: int64(b.limit)}
	}
	return b.buf.Write(p)
}

// A tailBuffer keeps the last limit bytes.
type tailBuffer struct {
	buf   []byte
	limit int
}

func (b *tailBuffer) Write(p []byte) (int, error) {
	b.buf = append(b.buf, p...)
	if extra := len(b.buf) - b.limit; extra > 0 {
		b.buf = append(b.buf[:0], b.buf[extra:]...)
	}
	return len(p), nil
}

func (b *tailBuffer) String() string { return string(b.buf) }
