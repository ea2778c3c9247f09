// Package enginetest starts Docker's daemon for tests: the real one, with nothing in
// common with one of the machine's.
package enginetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// A Docker is a running daemon.
type Docker struct {
	// Host is its address, for DOCKER_HOST.
	Host string
	stop func() error
}

// ownProc runs $0 with a /proc that shows its own namespace alone. In a chroot, /
// can't be made private, and /proc can.
const ownProc = `for m in / /proc; do mount --make-rprivate $m 2>/dev/null; done; mount -t proc proc /proc && exec "$0" "$@"`

// startTime is how long a daemon may take to answer.
const startTime = time.Minute

// StartDocker starts a daemon that keeps all it has in the folder dir. It needs root
// and the programs dockerd and docker. It has the network of this process,
// and gives containers none.
//
// The daemon is the first process of its own PID namespace, and ends with this
// thread at the latest: nothing of it is left.
func StartDocker(ctx context.Context, dir string) (*Docker, error) {
	program, err := exec.LookPath("dockerd")
	if err != nil {
		return nil, err
	}
	config, socket := filepath.Join(dir, "daemon.json"), filepath.Join(dir, "docker.sock")
	if err := os.WriteFile(config, []byte("{}"), 0o600); err != nil { // not the machine's
		return nil, err
	}
	cmd := exec.Command("sh", "-c", ownProc, program,
		"--host", "unix://"+socket, "--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"),
		"--pidfile", filepath.Join(dir, "pid"), "--config-file", config,
		"--storage-driver", "vfs", "--bridge", "none", "--iptables=false", "--ip6tables=false")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig: syscall.SIGKILL, Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS,
	}
	ended := make(chan error, 1)
	started := make(chan error, 1)
	go func() {
		// The death signal is sent when this thread ends, not only with the process.
		runtime.LockOSThread()
		started <- cmd.Start()
		ended <- cmd.Wait()
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	d := &Docker{Host: "unix://" + socket}
	d.stop = func() error {
		err := cmd.Process.Kill()
		<-ended
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		if exec.CommandContext(ctx, "docker", "--host", d.Host, "version").Run() == nil {
			return d, nil
		}
		select {
		case err := <-ended:
			return nil, fmt.Errorf("dockerd: %w\n%s", err, log.Bytes())
		case <-ctx.Done():
			return nil, fmt.Errorf("dockerd doesn't answer: %w\n%s", errors.Join(ctx.Err(), d.stop()), log.Bytes())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Stop ends the daemon and all that it has started.
func (d *Docker) Stop() error { return d.stop() }
