package sandbox

import (
	"fmt"
	"slices"

	"github.com/containerd/containerd/v2/contrib/seccomp"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// An UnavailableError reports a declared privilege that can't be had here. Reason
// says what is in the way.
type UnavailableError struct {
	Kind, Name string
	Reason     string
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("privilege %s %q can't be had here: %s", e.Kind, e.Name, e.Reason)
}

// grants adds privileges to the configuration of one container.
type grants struct {
	spec         *specs.Spec
	at           Place
	capabilities []string
	// unconfined is whether system calls are not filtered.
	unconfined bool
}

// grant adds p. Networks are given by whoever makes the place's network namespace.
func (g *grants) grant(p recipe.Privilege) error {
	switch p.Kind {
	case "capability":
		return g.capability(p)
	case "device":
		return g.device(p)
	case "mount":
		path, mode := p.Name[:len(p.Name)-3], p.Name[len(p.Name)-2:]
		return mountFolder(g.spec, path, mode, g.at)
	case "namespace":
		g.spec.Linux.Namespaces = slices.DeleteFunc(g.spec.Linux.Namespaces, func(n specs.LinuxNamespace) bool {
			return n.Type == namespaceTypes[p.Name]
		})
	case "sysctl":
		return &UnavailableError{p.Kind, p.Name, "a recipe can't say yet which value it is to have"}
	case "rootfs":
		g.spec.Root.Readonly = false
	case "nnp":
		g.spec.Process.NoNewPrivileges = false
	case "seccomp":
		g.unconfined = true
	case "systempaths":
		g.spec.Linux.MaskedPaths, g.spec.Linux.ReadonlyPaths = nil, nil
	case "limits":
		if g.spec.Linux.Resources != nil {
			g.spec.Linux.Resources.Memory, g.spec.Linux.Resources.Pids = nil, nil
		}
	case "network", "apparmor": // none is set by the configuration
	case "netdev":
		return &UnavailableError{p.Kind, p.Name, "OCI runtimes of today don't move network interfaces"}
	default:
		return fmt.Errorf("there is no kind of privilege %q", p.Kind)
	}
	return nil
}

// namespaceTypes are those that a container has of its own. user and time are the
// host's anyway.
var namespaceTypes = map[string]specs.LinuxNamespaceType{
	"cgroup": specs.CgroupNamespace,
	"ipc":    specs.IPCNamespace,
	"pid":    specs.PIDNamespace,
	"uts":    specs.UTSNamespace,
}

func (g *grants) capability(p recipe.Privilege) error {
	switch {
	case g.at.Machine.UserNamespace && slices.Contains(overKernel, p.Name):
		return &UnavailableError{p.Kind, p.Name, "it is over the kernel itself, which root in a user namespace has no power over; run as root of the machine"}
	case !g.at.Machine.hasCapability(p.Name):
		return &UnavailableError{p.Kind, p.Name, "this process doesn't have it itself, as in a container"}
	}
	g.capabilities = append(g.capabilities, p.Name)
	return nil
}

func (g *grants) device(p recipe.Privilege) error {
	d, ok := g.at.Devices[p.Name]
	if !ok {
		return &UnavailableError{p.Kind, p.Name, "this machine has no such device"}
	}
	g.spec.Linux.Devices = append(g.spec.Linux.Devices, d)
	if r := g.spec.Linux.Resources; r != nil {
		r.Devices = append(r.Devices, specs.LinuxDeviceCgroup{
			Allow: true, Type: d.Type, Major: &d.Major, Minor: &d.Minor, Access: "rw",
		})
	}
	return nil
}

// finish sets what depends on all capabilities. For a user other than root they
// are ambient, too (capabilities(7)): only so they outlive the start of a program.
func (g *grants) finish() {
	names := []string{}
	for _, name := range g.capabilities {
		names = append(names, "CAP_"+name)
	}
	slices.Sort(names)
	c := g.spec.Process.Capabilities
	c.Bounding, c.Permitted, c.Effective = names, names, names
	if g.spec.Process.User.UID != 0 {
		c.Inheritable, c.Ambient = names, names
	}
	g.spec.Linux.Seccomp = nil
	if !g.unconfined {
		g.spec.Linux.Seccomp = seccomp.DefaultProfile(g.spec)
	}
}
