package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// A Machine is what a process may pass on to the containers it starts.
type Machine struct {
	// UserNamespace is whether root is root of a user namespace only.
	UserNamespace bool
	// Capabilities has a bit for each, by its number.
	Capabilities uint64
	// Swap is whether control groups count it.
	Swap bool
}

// capabilityNames are in the order of their numbers (linux/capability.h).
var capabilityNames = []string{
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
	"LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
	"SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
	"SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
	"MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
	"CHECKPOINT_RESTORE",
}

// overKernel are the capabilities that the kernel only heeds in the first user
// namespace (user_namespaces(7)): what they are about isn't any namespace's.
var overKernel = []string{
	"AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE", "BLOCK_SUSPEND", "BPF", "IPC_LOCK", "LEASE", "LINUX_IMMUTABLE",
	"MAC_ADMIN", "MAC_OVERRIDE", "MKNOD", "PERFMON", "SYSLOG", "SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_RAWIO",
	"SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "WAKE_ALARM",
}

func (m Machine) hasCapability(name string) bool {
	i := slices.Index(capabilityNames, name)
	return i >= 0 && m.Capabilities&(1<<i) != 0
}

// ThisMachine returns what this process may pass on.
func ThisMachine() (Machine, error) {
	var m Machine
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return m, err
	}
	found := false
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "CapBnd:"); ok {
			m.Capabilities, err = strconv.ParseUint(strings.TrimSpace(rest), 16, 64)
			found = err == nil
		}
	}
	if !found {
		return m, errors.New("/proc/self/status has no line CapBnd")
	}
	// user_namespaces(7): in the first one every number is its own.
	numbers, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return m, err
	}
	m.UserNamespace = !slices.Equal(strings.Fields(string(numbers)), []string{"0", "0", "4294967295"})
	_, v1 := os.Stat("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes")
	_, v2 := os.Stat("/sys/fs/cgroup/cgroup.controllers")
	m.Swap = v1 == nil || v2 == nil
	return m, nil
}

// FindDevice returns the device at path, for everybody in a container: which users
// are there is for the recipe to say. A machine whose kernel makes network tunnels
// may lack their node, which has a fixed number (linux, devices.txt).
func FindDevice(path string) (specs.LinuxDevice, error) {
	mode := fs.FileMode(0o666)
	d := specs.LinuxDevice{Path: path, FileMode: &mode}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) && path == "/dev/net/tun" {
		d.Type, d.Major, d.Minor = "c", 10, 200
		return d, nil
	}
	if err != nil {
		return d, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case ok && info.Mode()&fs.ModeCharDevice != 0:
		d.Type = "c"
	case ok && info.Mode()&fs.ModeDevice != 0:
		d.Type = "b"
	default:
		return d, fmt.Errorf("%s is no device", path)
	}
	d.Major, d.Minor = int64(unix.Major(uint64(st.Rdev))), int64(unix.Minor(uint64(st.Rdev)))
	return d, nil
}
