// Package sandbox says how a service is run: what an image and its recipe declare,
// as the configuration of an OCI runtime (runtime-spec v1.0.2, config.md).
//
// Everything is refused that isn't declared: no capabilities, no devices but the six
// that every program expects, no new privileges, a read-only root, no network of the
// host, and limits of memory and processes. Whoever runs a service, to test it or to
// use it, gets its configuration from [Service], so that what is tested is what runs.
package sandbox

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// A Declaration is what is run and what it may do.
type Declaration struct {
	Name string
	// Image is the config of the image that was built. Its user is UID:GID.
	Image      ocispec.ImageConfig
	Privileges []recipe.Privilege
	Limits     recipe.Limits
}

// A Place is where a container runs. Its paths are absolute.
type Place struct {
	// Root is the folder with the container's tree.
	Root string
	// Args replace the image's entrypoint and command, when there are any.
	Args []string
	// Folders has this machine's folder for each volume and each declared mount,
	// by its path in the container.
	Folders map[string]string
	// Devices has the declared devices that this machine has, see [FindDevice].
	Devices map[string]specs.LinuxDevice
	// Network is the network namespace to join, as a path; "" is that of whoever
	// starts the container.
	Network string
	// Cgroup is the container's control group; "" is none, and then no limits.
	Cgroup  string
	Machine Machine
}

// The strict default.
const (
	// DefaultPids bounds a service whose recipe names no number of processes.
	DefaultPids = 128
	openFiles   = 1024
	scratchSize = "64m" // of /tmp, /run and /dev/shm, which count as memory, too
)

// Service returns the configuration under which d runs at a place: exactly what it
// declares. It is a function of its arguments, but for the filter of system calls,
// which follows this machine's architecture. It returns an [UnavailableError] for a
// privilege that can't be had there.
func Service(d Declaration, at Place) (*specs.Spec, error) {
	u, err := d.User()
	if err != nil {
		return nil, err
	}
	args := at.Args
	if len(args) == 0 {
		args = slices.Concat(d.Image.Entrypoint, d.Image.Cmd)
	}
	spec := strict(d.Name, u, at)
	spec.Root.Readonly = true
	spec.Process.Args, spec.Process.Env, spec.Process.Cwd = args, d.Image.Env, d.Image.WorkingDir
	spec.Process.NoNewPrivileges = true
	limit(spec, d.Limits, at)
	for _, path := range sortedKeys(d.Image.Volumes) {
		if err := mountFolder(spec, path, "rw", at); err != nil {
			return nil, err
		}
	}
	g := &grants{spec: spec, at: at}
	for _, p := range d.Privileges {
		if err := g.grant(p); err != nil {
			return nil, err
		}
	}
	g.finish()
	return spec, nil
}

// User returns whom the service runs as. Images that tailsbuild made have two numbers.
func (d Declaration) User() (u specs.User, err error) {
	if d.Image.User == "" {
		return u, nil
	}
	first, second, _ := strings.Cut(d.Image.User, ":")
	uid, err1 := strconv.ParseUint(first, 10, 32)
	gid, err2 := strconv.ParseUint(second, 10, 32)
	if err1 != nil || err2 != nil {
		return u, fmt.Errorf("user %q of the image is not two numbers", d.Image.User)
	}
	return specs.User{UID: uint32(uid), GID: uint32(gid)}, nil
}

// limit sets what d may take at most.
func limit(spec *specs.Spec, l recipe.Limits, at Place) {
	spec.Process.Rlimits = []specs.POSIXRlimit{
		{Type: "RLIMIT_CORE"},
		{Type: "RLIMIT_NOFILE", Hard: openFiles, Soft: openFiles},
	}
	if at.Cgroup == "" {
		return
	}
	pids := l.Pids
	if pids == 0 {
		pids = DefaultPids
	}
	spec.Linux.Resources.Pids = &specs.LinuxPids{Limit: &pids}
	if l.Memory == 0 {
		return
	}
	memory := l.Memory
	spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: &memory}
	if at.Machine.Swap {
		spec.Linux.Resources.Memory.Swap = &memory // memory and swap together
	}
}

// mountFolder adds one of the place's folders. mode is "ro" or "rw".
func mountFolder(spec *specs.Spec, path, mode string, at Place) error {
	source, ok := at.Folders[path]
	if !ok {
		return fmt.Errorf("there is no folder for %s", path)
	}
	spec.Mounts = append(spec.Mounts, specs.Mount{
		Destination: path, Type: "bind", Source: source,
		Options: []string{"bind", mode, "nosuid", "nodev", "noexec"},
	})
	return nil
}

// ServiceRoot is where a client finds the service's tree.
const ServiceRoot = "/service"

// clientCapabilities are those that container engines give by default.
var clientCapabilities = []string{
	"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
	"NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}

// Client returns the configuration of a container beside the service that d
// declares: root in a writable tree of its own, with the service's folders at the
// same paths, the service's tree in root, read-only at [ServiceRoot], and its
// capabilities and devices, so that it can be the service's peer. It has no limits.
func Client(d Declaration, root string, at Place) (*specs.Spec, error) {
	spec := strict("client", specs.User{}, at)
	spec.Process.Args, spec.Process.Cwd = at.Args, "/"
	spec.Process.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"}
	spec.Mounts = append(spec.Mounts, specs.Mount{
		Destination: ServiceRoot, Type: "bind", Source: root, Options: []string{"bind", "ro", "nosuid", "nodev"},
	})
	for _, path := range sortedKeys(at.Folders) {
		if err := mountFolder(spec, path, "rw", at); err != nil {
			return nil, err
		}
	}
	g := &grants{spec: spec, at: at}
	for _, name := range clientCapabilities {
		if at.Machine.hasCapability(name) {
			g.capabilities = append(g.capabilities, name)
		}
	}
	for _, p := range d.Privileges {
		if p.Kind == "device" || p.Kind == "capability" && !slices.Contains(g.capabilities, p.Name) {
			if err := g.grant(p); err != nil {
				return nil, err
			}
		}
	}
	g.finish()
	return spec, nil
}
