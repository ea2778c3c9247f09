package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	"golang.org/x/sys/unix"
)

// A program that is started with machineVariable is the machine of one of the people
// in docs/three-auditors.md, on which it runs a command. The variables have who it
// is, the folder of all of them, and the socket of the registry.
const (
	machineVariable = "TAILSBUILD_TEST_MACHINE"
	insideVariable  = "TAILSBUILD_TEST_INSIDE"
	worldVariable   = "TAILSBUILD_TEST_WORLD"
	registrySocket  = "registry.socket"
)

// people are those of the document, each a user without rights, by number.
var people = []string{"tails", "oslo", "quito", "tunis", "user"}

const firstUser = 70000

// TestThreeAuditors does what docs/three-auditors.md says: three organisations, each
// with a user, a network, a builder, keys and a store of its own, take a release from
// a registry, and one of them has a builder that somebody tampered with.
func TestThreeAuditors(t *testing.T) {
	needBuilds(t)
	world, err := os.MkdirTemp("", "auditors-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(world) })
	if err := errors.Join(os.Chmod(world, 0o755), prepareWorld(t, world)); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", filepath.Join(world, registrySocket))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0)))}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	if err := os.Chmod(listener.Addr().String(), 0o666); err != nil {
		t.Fatal(err)
	}
	document(t, "three-auditors.md", world, 15, nil, "PATH="+filepath.Join(world, "bin")+":"+os.Getenv("PATH"))
}

// prepareWorld makes everybody's home, the program, and "as", which runs a command
// on somebody's machine.
func prepareWorld(t *testing.T, world string) error {
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	bin := filepath.Join(world, "bin")
	as := fmt.Sprintf("#!/bin/sh\nname=$1\nshift\nexec env %s=\"$name\" %s=%s %s/tailsbuild \"$@\"\n", machineVariable, worldVariable, world, bin)
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return err
	}
	var numbers strings.Builder
	for i, name := range people {
		home, id := filepath.Join(world, name), firstUser+i
		passwd = fmt.Appendf(passwd, "%s:x:%d:%d::%s:/bin/sh\n", name, id, id, home)
		fmt.Fprintf(&numbers, "%s:%d:65536\n", name, 1_000_000+i*100_000)
		if err := errors.Join(os.Mkdir(home, 0o755), os.Chown(home, id, id)); err != nil {
			return err
		}
	}
	return errors.Join(
		os.Mkdir(bin, 0o755),
		os.WriteFile(filepath.Join(bin, "tailsbuild"), self, 0o755),
		os.WriteFile(filepath.Join(bin, "as"), []byte(as), 0o755),
		os.WriteFile(filepath.Join(world, "passwd"), passwd, 0o644),
		os.WriteFile(filepath.Join(world, "numbers"), []byte(numbers.String()), 0o644),
	)
}

// machine runs a command as one of the people, and returns its exit code. The first
// run starts the second, which is in a network and mount namespace of its own.
func machine(name string, command []string) int {
	var err error
	if os.Getenv(insideVariable) == "" {
		cmd := exec.Command("/proc/self/exe", command...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		cmd.Env = append(os.Environ(), insideVariable+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
		err = cmd.Run()
	} else {
		err = inside(name, command)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "machine %s: %v\n", name, err)
		return 99
	}
	return 0
}

// inside runs the command on a machine whose network reaches the registry and
// nothing else.
func inside(name string, command []string) error {
	world := os.Getenv(worldVariable)
	home, who := filepath.Join(world, name), slices.Index(people, name)
	if who < 0 || len(command) == 0 {
		return fmt.Errorf("usage: as %s COMMAND", strings.Join(people, "|"))
	}
	if err := loopback(filepath.Join(world, registrySocket)); err != nil {
		return err
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = home, os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "TAILSBUILD_TEST_") && !strings.HasPrefix(v, "HOME=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "HOME="+home)
	private, err := privateMounts()
	if err != nil {
		return err
	}
	if private {
		id := uint32(firstUser + who)
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: id, Gid: id}
		if err := bind(map[string]string{"passwd": "/etc/passwd", "numbers": "/etc/subuid", "./numbers": "/etc/subgid"}, world); err != nil {
			return err
		}
	}
	if err := tamper(home); err != nil {
		return err
	}
	return cmd.Run()
}

// privateMounts keeps this machine's mounts to itself. In a chroot that takes a
// mount point as root, and there are no user namespaces, so that everybody builds as
// root.
func privateMounts() (user bool, err error) {
	err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if !errors.Is(err, unix.EINVAL) {
		return true, err
	}
	return false, errors.Join(
		unix.Mount("", "/proc", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("/", "/proc", "", unix.MS_BIND|unix.MS_REC, ""),
		unix.Chroot("/proc"),
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
	)
}

// bind puts files of the folder dir in the place of others.
func bind(files map[string]string, dir string) error {
	for from, to := range files {
		if f, err := os.OpenFile(to, os.O_RDONLY|os.O_CREATE, 0o644); err != nil {
			return err
		} else if err := errors.Join(f.Close(), unix.Mount(filepath.Join(dir, from), to, "", unix.MS_BIND, "")); err != nil {
			return fmt.Errorf("mount %s: %w", to, err)
		}
	}
	return nil
}

// tamper puts the crun that lies in somebody's home in the place of the machine's,
// which it calls CRUN.
func tamper(home string) error {
	script, err := os.ReadFile(filepath.Join(home, "crun"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	crun, err := exec.LookPath("crun")
	if err != nil {
		return err
	}
	real, err := os.ReadFile(crun)
	if err != nil {
		return err
	}
	moved, fake := filepath.Join(home, "crun.real"), filepath.Join(home, "crun.false")
	return errors.Join(
		os.WriteFile(moved, real, 0o755),
		os.WriteFile(fake, []byte(strings.ReplaceAll(string(script), "CRUN", moved)), 0o755),
		unix.Mount(fake, crun, "", unix.MS_BIND, ""),
	)
}

// loopback brings up the loopback device, and forwards port 5000 to a socket.
func loopback(socket string) error {
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
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("lo: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:5000")
	if err != nil {
		return err
	}
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			go forward(from, socket)
		}
	}()
	return nil
}

func forward(from net.Conn, socket string) {
	defer from.Close()
	to, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer to.Close()
	go io.Copy(to, from) // until either is closed
	_, _ = io.Copy(from, to)
}
