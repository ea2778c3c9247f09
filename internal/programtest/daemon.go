package programtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// startTime is how long a daemon may take to answer.
const startTime = time.Minute

// ownProc runs $0 with a /proc that shows its own namespace alone. In a chroot, /
// can't be made private, and /proc can.
const ownProc = `for m in / /proc; do mount --make-rprivate $m 2>/dev/null; done; mount -t proc proc /proc && exec "$0" "$@"`

// A Daemon is a program that runs beside the test.
type Daemon struct {
	process *exec.Cmd
	log     log
	ended   chan struct{} // closed when it has
	err     error
}

// Start starts a program, as root, and waits until ready says that it answers.
//
// It is the first process of its own PID and mount namespaces, and has the network
// of this process. It ends with this process at the latest, and nothing is left of
// what it has started.
func Start(ctx context.Context, ready func(context.Context) error, program string, args ...string) (*Daemon, error) {
	program, err := exec.LookPath(program)
	if err != nil {
		return nil, err
	}
	d := &Daemon{process: exec.Command("sh", append([]string{"-c", ownProc, program}, args...)...), ended: make(chan struct{})}
	d.process.Stdout, d.process.Stderr = &d.log, &d.log
	d.process.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig: syscall.SIGKILL, Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS,
	}
	started := make(chan error, 1)
	go func() {
		// The death signal is sent when this thread ends, not only with the process.
		runtime.LockOSThread()
		err := d.process.Start()
		started <- err
		if err == nil {
			d.err = d.process.Wait()
			close(d.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	if err := d.wait(ctx, ready); err != nil {
		d.Stop()
		return nil, fmt.Errorf("%s: %w\n%s", program, err, d.Log())
	}
	return d, nil
}

func (d *Daemon) wait(ctx context.Context, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-d.ended:
			return d.err
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Stop ends the daemon and all that it has started, and waits for that.
func (d *Daemon) Stop() {
	_ = d.process.Process.Kill() // it may have ended
	<-d.ended
}

// Log returns what it has written.
func (d *Daemon) Log() string { return d.log.String() }

// A log can be read while it is written.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
