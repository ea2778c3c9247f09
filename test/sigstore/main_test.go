// Package sigstore tests what tailsbuild signs and verifies with the services of
// sigstore themselves: rekor-tiles, timestamp-authority and fulcio, as they are.
//
// The tests run in a network namespace of their own, where nothing but this machine
// answers, since two of the services listen on all addresses with their metrics; and
// in a process namespace, so that the services end with them.
package sigstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gitlab.com/tailsbuild/tailsbuild/internal/programtest"
)

// programs are those of others that the tests run, by the name by which they do.
var programs = map[string]programtest.Program{
	"rekor-server":     {Folder: ".", Module: "github.com/sigstore/rekor-tiles/v2", Package: "cmd/rekor-server/posix"},
	"timestamp-server": {Folder: ".", Module: "github.com/sigstore/timestamp-authority/v2", Package: "cmd/timestamp-server"},
	"fulcio":           {Folder: ".", Module: "github.com/sigstore/fulcio"},
	"cosign":           {Folder: "../cosign", Module: "github.com/sigstore/cosign/v3", Package: "cmd/cosign"},
}

// insideVariable says that this process is in the namespaces; its value has where
// the programs are.
const insideVariable = "TAILSBUILD_TEST_PROGRAMS"

func TestMain(m *testing.M) {
	if dir := os.Getenv(insideVariable); dir != "" {
		if err := enter(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	code, err := outside()
	if err != nil {
		fmt.Fprintln(os.Stderr, "the services can't be tested with:", err)
		code = 1
		if os.Getenv("TAILSBUILD_REQUIRE_ALL") == "" && os.Getenv("CI") == "" {
			fmt.Println("--- SKIP:", err)
			code = 0
		}
	}
	os.Exit(code)
}

// outside builds the programs and starts this one again, in the namespaces.
func outside() (code int, err error) {
	dir, err := os.MkdirTemp("", "sigstore-programs-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if err := build(dir); err != nil {
		return 0, err
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	// The kernel kills the child with the thread that started it.
	runtime.LockOSThread()
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), insideVariable+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL,
	}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), nil
	}
	return 0, err
}

// build builds the programs, those of others once, and tailsbuild itself, and has
// them all in dir.
func build(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
	defer cancel()
	// One package at a time: several of these take a gigabyte.
	if err := os.Setenv("GOFLAGS", os.Getenv("GOFLAGS")+" -p=1"); err != nil {
		return err
	}
	for name, p := range programs {
		path, err := p.Build(ctx)
		if err != nil {
			return err
		}
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-ldflags=-s -w",
		"-o", filepath.Join(dir, "tailsbuild"), "gitlab.com/tailsbuild/tailsbuild/cmd/tailsbuild")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("tailsbuild can't be built: %w\n%s", err, out)
	}
	return nil
}

// enter makes the new namespaces fit to live in: /proc shows their processes, and
// their one network interface is up.
func enter() error {
	if err := unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
		return err
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}
