package builder

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Without root, a daemon also gets a user namespace, in which this user is root
// and the numbers that /etc/subuid gives the user are all others. The kernel
// grants a process its rights there only when it executes a program after the
// numbers were set, which takes newuidmap(1), so the daemon starts twice.

// rootless reports whether the builders need a user namespace.
func rootless() bool { return os.Geteuid() != 0 }

// mapped is how many numbers a user namespace has, its root included. It is the
// size of the range that adduser(8) gives out.
const mapped = 65536

// checkRootless returns a [MachineError] when user namespaces can't be used.
func checkRootless() error {
	for _, program := range []string{"newuidmap", "newgidmap"} {
		if _, err := exec.LookPath(program); err != nil {
			return &MachineError{Need: "root, or " + program + " for user namespaces"}
		}
	}
	for _, file := range []string{"/etc/subuid", "/etc/subgid"} {
		if _, err := subordinate(file); err != nil {
			return &MachineError{Need: "root, or a range of numbers in " + file, Err: err}
		}
	}
	return nil
}

// subordinate returns the first number of this user's range in file, which is
// /etc/subuid or /etc/subgid (subuid(5)).
func subordinate(file string) (int, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	uid := strconv.Itoa(os.Getuid())
	name := uid
	if u, err := user.LookupId(uid); err == nil {
		name = u.Username
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) != 3 || f[0] != name && f[0] != uid {
			continue
		}
		first, err1 := strconv.Atoi(f[1])
		count, err2 := strconv.Atoi(f[2])
		if err := errors.Join(err1, err2); err != nil {
			return 0, err
		}
		if count >= mapped-1 {
			return first, nil
		}
	}
	return 0, fmt.Errorf("%s has no range of %d for %s", file, mapped, name)
}

// mapIDs sets the numbers of the user namespace that process pid is in.
func mapIDs(pid int) error {
	for _, m := range []struct {
		program, file string
		self          int
	}{{"newuidmap", "/etc/subuid", os.Getuid()}, {"newgidmap", "/etc/subgid", os.Getgid()}} {
		first, err := subordinate(m.file)
		if err != nil {
			return err
		}
		out, err := exec.Command(m.program, strconv.Itoa(pid),
			"0", strconv.Itoa(m.self), "1",
			"1", strconv.Itoa(first), strconv.Itoa(mapped-1)).CombinedOutput()
		if err != nil {
			return &MachineError{Need: "user namespaces", Err: fmt.Errorf("%s: %w: %s", m.program, err, out)}
		}
	}
	return nil
}

// mapFD is where a program that starts without its numbers set waits for them.
const mapFD = 4

// asRoot is the last argument of a program's second run.
const asRoot = "as-root"

// becomeRoot waits until the numbers are set and starts this program again with
// the rights of root in its user namespace. It only returns in that second run,
// with that run's own arguments, or with an error.
func becomeRoot(args []string) ([]string, error) {
	if last := len(args) - 1; args[last] == asRoot {
		// The kernel forgets the parent-death signal with the change of rights.
		return args[:last], unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0)
	}
	wait := os.NewFile(mapFD, "map")
	var b [1]byte
	if n, _ := wait.Read(b[:]); n != 1 {
		return nil, errors.New("the user namespace got no numbers")
	}
	unix.CloseOnExec(mapFD)
	return nil, unix.Exec("/proc/self/exe", append(args, asRoot), os.Environ())
}

// removeName is argv[0] of tailsbuild as the one that removes a daemon's root:
// without root, only a process in the user namespace may.
const removeName = "tailsbuild-remove"

// removeRoot removes what a daemon kept.
func removeRoot(dir string) error {
	err := os.RemoveAll(dir)
	if err == nil || !rootless() {
		return err
	}
	cmd := &exec.Cmd{Path: "/proc/self/exe", Args: []string{removeName, dir}, Stderr: os.Stderr}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER, Pdeathsig: syscall.SIGKILL}
	if err := startMapped(cmd, nil); err != nil {
		return err
	}
	return cmd.Wait()
}

// startMapped starts cmd, whose SysProcAttr asks for a user namespace, and sets
// the namespace's numbers. files are cmd's from descriptor 3 on, at most one.
func startMapped(cmd *exec.Cmd, files []*os.File) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	defer w.Close()
	for len(files) < mapFD-3 {
		files = append(files, r)
	}
	cmd.ExtraFiles = append(files, r)
	if err := cmd.Start(); err != nil {
		return startError(err)
	}
	err = mapIDs(cmd.Process.Pid)
	if err == nil {
		_, err = w.Write([]byte{0})
	}
	if err != nil {
		cmd.Process.Kill()
		cmd.Wait()
	}
	return err
}

// runRemove is the remover's main.
func runRemove(args []string) error {
	args, err := becomeRoot(args)
	if err != nil {
		return err
	}
	if len(args) != 2 {
		return errors.New("want one argument")
	}
	return os.RemoveAll(args[1])
}
