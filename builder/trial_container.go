package builder

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// A container is one that runc runs, and waits for.
type container struct {
	cmd     *exec.Cmd
	pidFile string
	read    chan struct{} // closed when all that it wrote was read
	ended   chan struct{} // closed when runc has ended
}

// start runs the container called part. What it writes goes to out.
func (t *trial) start(part Part, spec *specs.Spec, out *tail) (*container, error) {
	bundle := t.path("bundle-" + string(part))
	b, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(os.Mkdir(bundle, 0o700), os.WriteFile(bundle+"/config.json", b, 0o600)); err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	c := &container{pidFile: bundle + "/pid", read: make(chan struct{}), ended: make(chan struct{})}
	c.cmd = &exec.Cmd{
		Path: t.config.Runtime,
		Args: []string{"runc", "--root", "/run/runc", "run", "--bundle", bundle, "--pid-file", c.pidFile, string(part)},
		Env:  os.Environ(), Stdout: w, Stderr: w,
	}
	if err := c.cmd.Start(); err != nil {
		r.Close()
		return nil, err
	}
	go func() {
		defer close(c.read)
		out.read(r)
	}()
	go func() {
		defer close(c.ended)
		_ = c.cmd.Wait() // exitCode says how
		select {
		case <-c.read:
		case <-time.After(drainTime):
		}
	}()
	return c, nil
}

// drainTime is how long the last words of a container that has ended may take.
const drainTime = 2 * time.Second

// exitCode returns that of the container's process, with 128 added to the number of
// a signal that ended it, or 1 if runc could not start it. The container has ended.
func (c *container) exitCode() int {
	code := c.cmd.ProcessState.ExitCode()
	if code < 0 { // runc itself was ended by a signal
		return 128
	}
	return code
}

// stop ends the container if it still runs.
func (c *container) stop() {
	select {
	case <-c.ended:
		return
	default:
	}
	b, err := os.ReadFile(c.pidFile)
	if pid, bad := strconv.Atoi(strings.TrimSpace(string(b))); err == nil && bad == nil {
		// Its other processes end with the first of their PID namespace.
		_ = unix.Kill(pid, unix.SIGKILL)
	}
	select {
	case <-c.ended: // and runc has removed its control group
	case <-time.After(drainTime):
	}
}
