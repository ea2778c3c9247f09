package sandbox

import (
	"fmt"
	"maps"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// maskedPaths can't be read, and readonlyPaths not be written, as container
// engines have them.
var (
	maskedPaths = []string{
		"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
		"/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap",
		"/sys/firmware",
	}
	readonlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
)

// strict is a container with nothing, whose first process is u's: no capabilities,
// an empty /tmp and /run, and the devices null, zero, full, random, urandom and tty,
// which runtimes make in any /dev. Control groups can't be seen.
func strict(name string, u specs.User, at Place) *specs.Spec {
	spec := &specs.Spec{
		Version:  "1.0.2", // what runc 1.1 knows; nothing newer is used
		Hostname: name,
		Root:     &specs.Root{Path: at.Root},
		Process:  &specs.Process{User: u, Capabilities: &specs.LinuxCapabilities{}},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "noexec", "mode=0755", "size=64k"}},
			{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
			scratch("/dev/shm", "mode=1777"), scratch("/tmp", "mode=1777"),
			// runc 1.1 keeps the mode that the image's /run has, so it is the owner who may write.
			scratch("/run", "mode=0755", fmt.Sprintf("uid=%d", u.UID), fmt.Sprintf("gid=%d", u.GID)),
		},
		Linux: &specs.Linux{
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.PIDNamespace},
				{Type: specs.MountNamespace},
				{Type: specs.IPCNamespace},
				{Type: specs.UTSNamespace},
				{Type: specs.CgroupNamespace},
			},
			MaskedPaths:   slices.Clone(maskedPaths),
			ReadonlyPaths: slices.Clone(readonlyPaths),
		},
	}
	if at.Network != "" {
		spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace, Path: at.Network})
	}
	if at.Cgroup != "" {
		spec.Linux.CgroupsPath = at.Cgroup
		spec.Linux.Resources = &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}}
	}
	return spec
}

// scratch is an empty folder in memory.
func scratch(path string, options ...string) specs.Mount {
	return specs.Mount{
		Destination: path, Type: "tmpfs", Source: "tmpfs",
		Options: append([]string{"nosuid", "nodev", "noexec", "size=" + scratchSize}, options...),
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
