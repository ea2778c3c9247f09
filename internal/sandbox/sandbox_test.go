package sandbox

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// everything is a machine whose root is root.
var everything = Machine{Capabilities: 1<<len(capabilityNames) - 1, Swap: true}

func place() Place {
	tun, err := FindDevice("/dev/net/tun")
	if err != nil {
		panic(err)
	}
	return Place{
		Root:    "/bundle/rootfs",
		Folders: map[string]string{"/srv/app": "/work/app", "/media": "/work/media"},
		Devices: map[string]specs.LinuxDevice{"/dev/net/tun": tun},
		Cgroup:  "/tailsbuild/service",
		Machine: everything,
	}
}

func declaration(privileges ...recipe.Privilege) Declaration {
	return Declaration{
		Name: "app",
		Image: ocispec.ImageConfig{
			User: "10022:10022", Env: []string{"PATH=/bin", "A=b"}, WorkingDir: "/srv",
			Entrypoint: []string{"/usr/bin/app"}, Cmd: []string{"--level", "1"},
			Volumes: map[string]struct{}{"/srv/app": {}},
		},
		Privileges: privileges,
		Limits:     recipe.Limits{Memory: 64 << 20, Pids: 7},
	}
}

func privilege(kind, name string) recipe.Privilege {
	return recipe.Privilege{Kind: kind, Name: name, Reason: "a test"}
}

// strictService is what a service gets that declares no privilege, without the
// filter of system calls.
func strictService() *specs.Spec {
	memory, pids := int64(64<<20), int64(7)
	return &specs.Spec{
		Version: "1.0.2", Hostname: "app",
		Root: &specs.Root{Path: "/bundle/rootfs", Readonly: true},
		Process: &specs.Process{
			User: specs.User{UID: 10022, GID: 10022},
			Args: []string{"/usr/bin/app", "--level", "1"}, Env: []string{"PATH=/bin", "A=b"}, Cwd: "/srv",
			Capabilities: &specs.LinuxCapabilities{
				Bounding: []string{}, Effective: []string{}, Inheritable: []string{}, Permitted: []string{}, Ambient: []string{},
			},
			Rlimits:         []specs.POSIXRlimit{{Type: "RLIMIT_CORE"}, {Type: "RLIMIT_NOFILE", Hard: 1024, Soft: 1024}},
			NoNewPrivileges: true,
		},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "noexec", "mode=0755", "size=64k"}},
			{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
			{Destination: "/dev/shm", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "nodev", "noexec", "size=64m", "mode=1777"}},
			{Destination: "/tmp", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "nodev", "noexec", "size=64m", "mode=1777"}},
			{Destination: "/run", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "nodev", "noexec", "size=64m", "mode=0755", "uid=10022", "gid=10022"}},
			{Destination: "/srv/app", Type: "bind", Source: "/work/app", Options: []string{"bind", "rw", "nosuid", "nodev", "noexec"}},
		},
		Linux: &specs.Linux{
			CgroupsPath: "/tailsbuild/service",
			Resources: &specs.LinuxResources{
				Devices: []specs.LinuxDeviceCgroup{{Access: "rwm"}},
				Memory:  &specs.LinuxMemory{Limit: &memory, Swap: &memory},
				Pids:    &specs.LinuxPids{Limit: &pids},
			},
			Namespaces:  []specs.LinuxNamespace{{Type: "pid"}, {Type: "mount"}, {Type: "ipc"}, {Type: "uts"}, {Type: "cgroup"}},
			MaskedPaths: maskedPaths, ReadonlyPaths: readonlyPaths,
		},
	}
}

// Each privilege changes what it is about, and nothing else.
func TestService(t *testing.T) {
	for _, test := range []struct {
		name       string
		privileges []recipe.Privilege
		change     func(*specs.Spec)
	}{
		{"nothing", nil, func(*specs.Spec) {}},
		{"capabilities", []recipe.Privilege{privilege("capability", "SYS_TIME"), privilege("capability", "NET_ADMIN")}, func(s *specs.Spec) {
			names := []string{"CAP_NET_ADMIN", "CAP_SYS_TIME"}
			s.Process.Capabilities = &specs.LinuxCapabilities{
				Bounding: names, Effective: names, Inheritable: names, Permitted: names, Ambient: names,
			}
		}},
		{"device", []recipe.Privilege{privilege("device", "/dev/net/tun")}, func(s *specs.Spec) {
			d := place().Devices["/dev/net/tun"]
			s.Linux.Devices = []specs.LinuxDevice{d}
			s.Linux.Resources.Devices = append(s.Linux.Resources.Devices, specs.LinuxDeviceCgroup{
				Allow: true, Type: "c", Major: &d.Major, Minor: &d.Minor, Access: "rw",
			})
		}},
		{"mount to read", []recipe.Privilege{privilege("mount", "/media:ro")}, func(s *specs.Spec) {
			s.Mounts = append(s.Mounts, specs.Mount{
				Destination: "/media", Type: "bind", Source: "/work/media", Options: []string{"bind", "ro", "nosuid", "nodev", "noexec"},
			})
		}},
		{"mount to write", []recipe.Privilege{privilege("mount", "/media:rw")}, func(s *specs.Spec) {
			s.Mounts = append(s.Mounts, specs.Mount{
				Destination: "/media", Type: "bind", Source: "/work/media", Options: []string{"bind", "rw", "nosuid", "nodev", "noexec"},
			})
		}},
		{"namespace", []recipe.Privilege{privilege("namespace", "pid")}, func(s *specs.Spec) {
			s.Linux.Namespaces = s.Linux.Namespaces[1:]
		}},
		{"root", []recipe.Privilege{privilege("rootfs", "rw")}, func(s *specs.Spec) { s.Root.Readonly = false }},
		{"new privileges", []recipe.Privilege{privilege("nnp", "off")}, func(s *specs.Spec) { s.Process.NoNewPrivileges = false }},
		{"system paths", []recipe.Privilege{privilege("systempaths", "unconfined")}, func(s *specs.Spec) {
			s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = nil, nil
		}},
		{"no limits", []recipe.Privilege{privilege("limits", "none")}, func(s *specs.Spec) {
			s.Linux.Resources.Memory, s.Linux.Resources.Pids = nil, nil
		}},
		{"not the configuration's", []recipe.Privilege{privilege("network", "outbound"), privilege("apparmor", "unconfined"), privilege("namespace", "time")}, func(*specs.Spec) {}},
	} {
		got, err := Service(declaration(test.privileges...), place())
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if got.Linux.Seccomp == nil || got.Linux.Seccomp.DefaultAction == specs.ActAllow {
			t.Errorf("%s: system calls are not filtered", test.name)
		}
		got.Linux.Seccomp = nil
		want := strictService()
		test.change(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// The filter lets through what a capability is for, and is not there when the
// recipe says so.
func TestSeccomp(t *testing.T) {
	allowed := func(privileges ...recipe.Privilege) []string {
		spec, err := Service(declaration(privileges...), place())
		if err != nil {
			t.Fatal(err)
		}
		if spec.Linux.Seccomp == nil {
			return nil
		}
		var names []string
		for _, call := range spec.Linux.Seccomp.Syscalls {
			if call.Action == specs.ActAllow && len(call.Args) == 0 {
				names = append(names, call.Names...)
			}
		}
		return names
	}
	if names := allowed(); !slices.Contains(names, "openat") || slices.Contains(names, "mount") || slices.Contains(names, "chroot") {
		t.Errorf("without privileges: %q", names)
	}
	if !slices.Contains(allowed(privilege("capability", "SYS_CHROOT")), "chroot") {
		t.Error("SYS_CHROOT doesn't let chroot through")
	}
	if names := allowed(privilege("seccomp", "unconfined")); names != nil {
		t.Errorf("unconfined: %q", names)
	}
}

// Root has no ambient capabilities; a service without limits of its own has those
// of the default; without control groups there are none.
func TestServiceDefaults(t *testing.T) {
	d := declaration(privilege("capability", "CHOWN"))
	d.Image.User, d.Limits = "0:0", recipe.Limits{}
	at := place()
	at.Args = []string{"/bin/check"}
	spec, err := Service(d, at)
	if err != nil {
		t.Fatal(err)
	}
	if c := spec.Process.Capabilities; len(c.Ambient)+len(c.Inheritable) != 0 || len(c.Bounding) != 1 {
		t.Errorf("root's capabilities are %+v", c)
	}
	if r := spec.Linux.Resources; *r.Pids.Limit != DefaultPids || r.Memory != nil {
		t.Errorf("the limits are %+v", r)
	}
	if diff := cmp.Diff(at.Args, spec.Process.Args); diff != "" {
		t.Error(diff)
	}
	at.Cgroup = ""
	if spec, err = Service(d, at); err != nil || spec.Linux.Resources != nil || spec.Linux.CgroupsPath != "" {
		t.Errorf("without control groups: %+v, %v", spec.Linux.Resources, err)
	}
	d.Image.User = "app"
	if _, err := Service(d, at); err == nil {
		t.Error("the user app has no number, and was accepted")
	}
}

func TestUnavailable(t *testing.T) {
	for _, test := range []struct {
		privilege recipe.Privilege
		change    func(*Place)
		gone      bool
	}{
		{privilege("capability", "SYS_TIME"), func(at *Place) { at.Machine.UserNamespace = true }, true},
		{privilege("capability", "NET_ADMIN"), func(at *Place) { at.Machine.UserNamespace = true }, false},
		{privilege("capability", "SYS_RESOURCE"), func(at *Place) { at.Machine.Capabilities &^= 1 << 24 }, true},
		{privilege("capability", "SYS_TIME"), func(at *Place) { at.Machine.Capabilities &^= 1 << 24 }, false},
		{privilege("device", "/dev/net/tun"), func(at *Place) { at.Devices = nil }, true},
		{privilege("sysctl", "net.ipv4.ip_forward"), func(*Place) {}, true},
		{privilege("netdev", "wlan0"), func(*Place) {}, true},
	} {
		at := place()
		test.change(&at)
		_, err := Service(declaration(test.privilege), at)
		var unavailable *UnavailableError
		if errors.As(err, &unavailable) != test.gone {
			t.Errorf("%v: got %v, want an UnavailableError: %v", test.privilege, err, test.gone)
		}
	}
	at := place()
	at.Folders = nil
	if _, err := Service(declaration(), at); err == nil {
		t.Error("a volume without a folder was accepted")
	}
	if _, err := Service(declaration(privilege("magic", "x")), place()); err == nil {
		t.Error("an unknown kind of privilege was accepted")
	}
}

// A client is root with what engines give by default, and the service's devices and
// capabilities, in a writable tree.
func TestClient(t *testing.T) {
	at := place()
	at.Machine.Capabilities &^= 1 << slices.Index(capabilityNames, "MKNOD")
	at.Args = []string{"/bin/sh", "-euc", "true"}
	d := declaration(privilege("capability", "NET_ADMIN"), privilege("capability", "CHOWN"), privilege("device", "/dev/net/tun"), privilege("rootfs", "rw"))
	spec, err := Client(d, "/bundle/service", at)
	if err != nil {
		t.Fatal(err)
	}
	if spec.Root.Readonly || spec.Process.User.UID != 0 || len(spec.Linux.Devices) != 1 || spec.Linux.Resources.Pids != nil {
		t.Errorf("the client is %+v", spec)
	}
	want := []string{
		"CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE",
		"CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
	}
	if diff := cmp.Diff(want, spec.Process.Capabilities.Effective); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var mounts []string
	for _, m := range spec.Mounts[6:] {
		mounts = append(mounts, m.Source+" "+m.Destination+" "+m.Options[1])
	}
	if diff := cmp.Diff([]string{"/bundle/service /service ro", "/work/media /media rw", "/work/app /srv/app rw"}, mounts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFindDevice(t *testing.T) {
	d, err := FindDevice("/dev/null")
	if err != nil || d.Type != "c" || d.Major != 1 || d.Minor != 3 || *d.FileMode != 0o666 {
		t.Errorf("got %+v, %v", d, err)
	}
	for _, path := range []string{"/dev", "/dev/nothing-here"} {
		if _, err := FindDevice(path); err == nil {
			t.Errorf("%s is a device", path)
		}
	}
}

func TestThisMachine(t *testing.T) {
	m, err := ThisMachine()
	if err != nil || m.Capabilities == 0 {
		t.Errorf("got %+v, %v", m, err)
	}
}
