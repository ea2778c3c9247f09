package builder

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"

	"github.com/moby/buildkit/client"
	"golang.org/x/sys/unix"
)

// A process is tailsbuild itself, started again in namespaces of its own, which the
// kernel ends when this process ends.
type process struct {
	conn  net.Conn      // to it, at its descriptor connFD
	log   *tail         // what it and its children write
	ended chan struct{} // closed when it has ended
	err   error         // how, once ended is closed
	kill  func() error
}

// A daemon is a running builder.
type daemon struct {
	*process
	name   string
	client *client.Client
	dir    string
}

// startDaemon starts the builder called name below dir, which it makes. It loads the
// trees, files that are named by their sha256, before it answers.
func startDaemon(ctx context.Context, name, dir string, r run, trees []string) (*daemon, error) {
	v := variations[name]
	c := daemonConfig{
		Root:        filepath.Join(dir, "root"),
		Snapshotter: v.Snapshotter,
		Memory:      v.Memory,
		OCIRuntime:  v.Runtime,
		Rootless:    rootless(),
		Cgroup:      r.cgroup,
		Trees:       trees,
	}
	if err := os.MkdirAll(c.Root, 0o711); err != nil {
		return nil, err
	}
	var err error
	if c.Wrapper, err = writeWrapper(filepath.Join(dir, "bin"), v, r.start); err != nil {
		return nil, err
	}
	arg, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	d := &daemon{name: name, dir: dir}
	if d.process, err = startIsolated([]string{daemonName, string(arg)}, "TMPDIR="+c.Root); err != nil {
		return nil, err
	}
	once := make(chan net.Conn, 1) // there is one connection, and no other after it
	once <- d.conn
	dial := func(context.Context, string) (net.Conn, error) {
		select {
		case c := <-once:
			return c, nil
		default:
			return nil, errors.New("the daemon has ended")
		}
	}
	d.client, err = client.New(ctx, "unix:///"+name, client.WithContextDialer(dial))
	if err != nil {
		d.stop()
		return nil, err
	}
	return d, nil
}

// startIsolated starts this program with args and one variable beside PATH.
func startIsolated(args []string, env string) (*process, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socketpair: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	defer ours.Close()
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, err
	}
	output, w, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	defer w.Close()
	cmd := &exec.Cmd{
		Path:        "/proc/self/exe",
		Args:        args,
		Env:         []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", env},
		Stdout:      w,
		Stderr:      w,
		SysProcAttr: isolation(),
	}
	p := &process{conn: conn, log: &tail{max: 50}, ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The parent-death signal follows the thread that forked, so that
		// thread has to live as long as the process.
		runtime.LockOSThread()
		if err := startProcess(cmd, []*os.File{theirs}); err != nil {
			started <- err
			return
		}
		p.kill = cmd.Process.Kill
		started <- nil
		p.err = cmd.Wait()
		close(p.ended)
	}()
	if err := <-started; err != nil {
		output.Close()
		return nil, errors.Join(err, conn.Close())
	}
	go p.log.read(output)
	return p, nil
}

// end kills the process and waits until it has ended.
func (p *process) end() error {
	err := p.kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	<-p.ended
	return err
}

// isolation gives a process namespaces of its own, none of the terminal's
// signals, and death when this process dies.
func isolation() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{
		Setpgid:    true,
		Pdeathsig:  syscall.SIGKILL,
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
	}
	if rootless() {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
	}
	return attr
}

// startProcess starts cmd with files as its descriptors from 3 on.
func startProcess(cmd *exec.Cmd, files []*os.File) error {
	if rootless() {
		return startMapped(cmd, files)
	}
	cmd.ExtraFiles = files
	return startError(cmd.Start())
}

// startError says when it is the machine that allows no namespaces.
func startError(err error) error {
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) { // the second: no more namespaces
		return &MachineError{Need: "the right to make namespaces (root, or CAP_SYS_ADMIN)", Err: err}
	}
	return err
}

// stop ends the daemon with all its steps and removes what it left.
func (d *daemon) stop() error {
	var errs []error
	if d.client != nil {
		errs = append(errs, ignoreClosed(d.client.Close()))
	}
	errs = append(errs, d.end(), removeRoot(filepath.Join(d.dir, "root")))
	return errors.Join(errs...)
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) {
		return nil
	}
	return err
}

// writeWrapper makes the folder that BuildKit starts the OCI runtime from, and returns
// the path of what it starts.
func writeWrapper(dir string, v variation, start string) (string, error) {
	real, err := findRuntime(v.Runtime)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return "", err
	}
	w := wrapper{
		Runtime:    real,
		Variation:  v,
		Rootless:   rootless(),
		Start:      start,
		Hosts:      filepath.Join(dir, "hosts"),
		ResolvConf: filepath.Join(dir, "resolv.conf"),
	}
	config, err := json.Marshal(w)
	if err != nil {
		return "", err
	}
	for name, content := range map[string]string{
		w.Hosts:                           "127.0.0.1 localhost\n",
		w.ResolvConf:                      "",
		filepath.Join(dir, wrapperConfig): string(config),
	} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			return "", err
		}
	}
	link, script := filepath.Join(dir, wrapperName), filepath.Join(dir, "runtime")
	return script, errors.Join(
		os.Symlink("/proc/1/exe", link), // the daemon's, in its PID namespace
		os.WriteFile(script, fmt.Appendf(nil, runtimeScript, shellQuote(link), shellQuote(real)), 0o755),
	)
}

// runtimeScript is what BuildKit starts as the OCI runtime: the wrapper to run a step,
// and the runtime itself for the rest, since tailsbuild takes ten times as long to
// start. A container that crun has forgotten is only deleted by force.
const runtimeScript = `#!/bin/sh
for arg do
	[ "$arg" != run ] || exec %[1]s "$@"
done
for arg do
	shift
	set -- "$@" "$arg"
	[ "$arg" != delete ] || set -- "$@" --force
done
exec %[2]s "$@"
`

// findRuntime looks for an OCI runtime where distributions put it, since a
// user's PATH may lack the folders of system programs.
func findRuntime(name string) (string, error) {
	for _, dir := range []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"} {
		p := filepath.Join(dir, name)
		if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() && st.Mode().Perm()&0o111 != 0 {
			return p, nil
		}
	}
	return "", &MachineError{Need: name}
}

// A tail keeps the last lines that were written to it.
type tail struct {
	max   int
	mu    sync.Mutex
	lines []string
}

func (t *tail) read(r io.ReadCloser) {
	defer r.Close()
	s := bufio.NewScanner(r)
	for s.Scan() {
		t.add(s.Text())
	}
	io.Copy(io.Discard, r) // a line too long for the scanner must not block the writer
}

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, line)
	if len(t.lines) > t.max {
		t.lines = t.lines[len(t.lines)-t.max:]
	}
}

func (t *tail) last() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.lines...)
}
