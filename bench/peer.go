package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// The peers are of the version that tailsbuild embeds: go.mod pins both.
const (
	peerModule  = "github.com/moby/buildkit"
	peerVersion = "v0.34.2"
)

// peers are BuildKit's own programs.
type peers struct {
	buildkitd, buildctl string
	dir                 string // for the daemons of this run
	cgroup              string // for the containers of this run
}

// build builds the peers once, from what the go.mod in module pins, into the cache
// folder.
func (p *peers) build(ctx context.Context, cache, module string) error {
	dir := filepath.Join(cache, "buildkit-"+peerVersion)
	p.buildkitd, p.buildctl = filepath.Join(dir, "buildkitd"), filepath.Join(dir, "buildctl")
	if _, err := os.Stat(p.buildkitd); err == nil {
		return nil
	}
	fmt.Fprintf(os.Stderr, "bench: building BuildKit %s, once, into %s\n", peerVersion, dir)
	aside, err := os.MkdirTemp(cache, "buildkit-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(aside)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", aside+"/",
		peerModule+"/cmd/buildctl", peerModule+"/cmd/buildkitd")
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if err := start(cmd).wait(); err != nil {
		return err
	}
	return os.Rename(aside, dir)
}

// A daemon is a running buildkitd.
type daemon struct {
	peers
	cmd  *exec.Cmd
	dir  string
	done chan error // has how it ended
}

// start starts a daemon with nothing in its caches.
func (p peers) start(name string) (*daemon, error) {
	d := &daemon{peers: p, dir: filepath.Join(p.dir, name), done: make(chan error, 1)}
	if err := os.MkdirAll(d.dir, 0o755); err != nil {
		return nil, err
	}
	config := filepath.Join(d.dir, "buildkitd.toml")
	content := fmt.Sprintf("[worker.oci]\n  defaultCgroupParent = %q\n", p.cgroup)
	if err := os.WriteFile(config, []byte(content), 0o644); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(d.dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	d.cmd = exec.Command(p.buildkitd, "--config", config, "--root", filepath.Join(d.dir, "root"),
		"--addr", "unix://"+d.socket(), "--oci-worker-snapshotter=overlayfs",
		"--oci-worker-net=host", "--containerd-worker=false")
	d.cmd.Stdout, d.cmd.Stderr = log, log
	d.cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin", "TMPDIR="+d.dir)
	// Its mounts end with it.
	d.cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig: syscall.SIGTERM, Setpgid: true, Unshareflags: syscall.CLONE_NEWNS,
	}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { d.done <- d.cmd.Wait() }()
	return d, nil
}

func (d *daemon) socket() string { return filepath.Join(d.dir, "socket") }

// ready returns when the daemon listens.
func (d *daemon) ready(ctx context.Context) error {
	for {
		conn, err := net.Dial("unix", d.socket())
		if err == nil {
			return conn.Close()
		}
		select {
		case err := <-d.done:
			d.done <- err
			log, _ := os.ReadFile(filepath.Join(d.dir, "log")) // the error is the better half
			return fmt.Errorf("buildkitd ended: %w\n%s", err, log)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// stop ends the daemon and removes everything it has.
func (d *daemon) stop() error {
	err := d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.done:
	case <-time.After(20 * time.Second):
		err = errors.Join(errors.New("buildkitd did not end when asked"), d.cmd.Process.Kill())
		<-d.done
	}
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	return errors.Join(err, os.RemoveAll(d.dir))
}

// A dockerfile is what the peers build.
type dockerfile struct {
	dir   string            // with Dockerfile and what it copies
	named map[string]string // further contexts
	epoch string
}

// build starts a build without cache whose image becomes the archive out.
func (d *daemon) build(ctx context.Context, f dockerfile, out string) *running {
	args := []string{
		"--addr", "unix://" + d.socket(), "build", "--no-cache", "--progress", "quiet",
		"--frontend", "dockerfile.v0", "--local", "context=" + f.dir, "--local", "dockerfile=" + f.dir,
		"--opt", "build-arg:SOURCE_DATE_EPOCH=" + f.epoch,
		"--output", "type=oci,dest=" + out + ",rewrite-timestamp=true",
	}
	for name, dir := range f.named {
		args = append(args, "--local", name+"="+dir, "--opt", "context:"+name+"=local:"+name)
	}
	return start(exec.CommandContext(ctx, d.buildctl, args...))
}

// warm builds f twice in turn with a daemon that has built it before.
func (d *daemon) warm(ctx context.Context, f dockerfile) error {
	a, b := filepath.Join(d.dir, "a.tar"), filepath.Join(d.dir, "b.tar")
	for _, out := range []string{a, b} {
		if err := d.build(ctx, f, out).wait(); err != nil {
			return err
		}
	}
	return same(ctx, a, b)
}

// fresh builds f with two daemons at once that it starts and ends.
func (p peers) fresh(ctx context.Context, f dockerfile) (err error) {
	var daemons []*daemon
	for _, name := range []string{"fresh-a", "fresh-b"} {
		d, err := p.start(name)
		if err != nil {
			return errors.Join(err, stopAll(daemons))
		}
		daemons = append(daemons, d)
	}
	defer func() { err = errors.Join(err, stopAll(daemons)) }()
	var builds []*running
	for _, d := range daemons {
		if err := d.ready(ctx); err != nil {
			return err
		}
		builds = append(builds, d.build(ctx, f, d.archive()))
	}
	for _, b := range builds {
		err = errors.Join(err, b.wait())
	}
	if err != nil {
		return err
	}
	return same(ctx, daemons[0].archive(), daemons[1].archive())
}

func (d *daemon) archive() string { return filepath.Join(d.dir, "image.tar") }

func stopAll(daemons []*daemon) error {
	var errs []error
	for _, d := range daemons {
		errs = append(errs, d.stop())
	}
	return errors.Join(errs...)
}

// same compares two files as people do.
func same(ctx context.Context, a, b string) error {
	r := start(exec.CommandContext(ctx, "sha256sum", "--", a, b))
	if err := r.wait(); err != nil {
		return err
	}
	var sumA, nameA, sumB, nameB string
	if _, err := fmt.Fscan(r.output, &sumA, &nameA, &sumB, &nameB); err != nil {
		return fmt.Errorf("sha256sum: %w", err)
	}
	if sumA != sumB {
		return fmt.Errorf("the peer's two images differ: %s, %s", sumA, sumB)
	}
	return nil
}

// removeCgroups removes the empty groups called name in every hierarchy.
func removeCgroups(name string) error {
	dirs, err := filepath.Glob("/sys/fs/cgroup/*/" + name)
	if err != nil {
		return err
	}
	var errs []error
	for _, top := range append(dirs, filepath.Join("/sys/fs/cgroup", name)) {
		var below []string
		err := filepath.WalkDir(top, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.IsDir() {
				below = append(below, path)
			}
			return err
		})
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		errs = append(errs, err)
		for _, dir := range slices.Backward(below) {
			errs = append(errs, syscall.Rmdir(dir))
		}
	}
	return errors.Join(errs...)
}
