package builder

import (
	"fmt"
	"runtime"
	"strconv"
)

// A variation is what one builder sets around the plan. A and B differ in every
// field, so an output that depends on one of them differs too. C is for auditors,
// who build once and compare with an image that A and B agreed on: it differs from
// both wherever there is a third way, and elsewhere mixes the two.
//
// The wall clock can't be set: a time namespace has none, and static programs
// read it without a system call. B's build step starts later than A's by Delay
// instead, so that at least the second differs.
type variation struct {
	Runtime     string // the OCI runtime's name
	Snapshotter string // BuildKit's name
	// Memory puts the builder's root on a tmpfs, which lists folders in the
	// reverse order of ext4.
	Memory bool

	Hostname string
	Domain   string
	Umask    uint32
	Home     string
	Env      []string
	// HalfCPUs leaves the steps half of the CPUs. Those it has are then shared
	// with the other builder by Shares (cgroups(7), cpu.shares), so that both
	// end at about the same time.
	HalfCPUs bool
	Shares   uint64
	// Persona is for personality(2): ADDR_NO_RANDOMIZE, UNAME26.
	Persona uintptr
	// Uptime is added to the boot-time and monotonic clocks, in seconds.
	Uptime int64
	NoFile uint64
	// Delay is how much later than the other's the build step starts, in
	// milliseconds.
	Delay int64
}

// From personality(2).
const (
	addrNoRandomize = 0x0040000
	uname26         = 0x0020000
)

// variations are those of the builders.
var variations = map[string]variation{
	"a": {
		Runtime:     "runc",
		Snapshotter: "overlayfs",
		Hostname:    "alder",
		Domain:      "one.invalid",
		Umask:       0o022,
		Home:        "/run/tailsbuild/home",
		Env:         []string{"TZ=UTC0", "LANG=C.UTF-8", "LC_ALL=C.UTF-8", "USER=root", "TERM=dumb"},
		Shares:      32,
		NoFile:      1024,
	},
	"b": {
		Runtime:     "crun",
		Snapshotter: "native",
		Memory:      true,
		Hostname:    "birch-with-a-longer-name",
		Domain:      "two.invalid",
		Umask:       0o077,
		Home:        "/run/tailsbuild/another/home",
		Env:         []string{"TZ=XYZ-13:30", "LANG=et_EE.UTF-8", "LC_ALL=et_EE.UTF-8", "USER=packager", "TERM=xterm", "CAPTURE_ENVIRONMENT=i_capture_the_environment"},
		HalfCPUs:    true,
		Shares:      1024,
		Persona:     addrNoRandomize | uname26,
		Uptime:      34_560_000,
		NoFile:      512,
		Delay:       1100,
	},
	Auditor: {
		Runtime:     "crun",
		Snapshotter: "overlayfs",
		Memory:      true,
		Hostname:    "cedar.example",
		Domain:      "three.invalid",
		Umask:       0o027,
		Home:        "/run/tailsbuild/auditor",
		Env:         []string{"TZ=NPT-5:45", "LANG=tr_TR.UTF-8", "LC_ALL=tr_TR.UTF-8", "USER=auditor", "TERM=vt100", "CAPTURE_ENVIRONMENT=i_capture_the_auditor"},
		Shares:      256,
		Persona:     uname26,
		Uptime:      1_000_003,
		NoFile:      4096,
	},
}

// cpus is how many CPUs the steps may run on.
func (v variation) cpus() int {
	if v.HalfCPUs {
		return max(1, runtime.NumCPU()/2)
	}
	return runtime.NumCPU()
}

// EmulationName is what a [Result]'s Variation calls the emulation of another machine,
// which both builders have in common: "aarch64 on x86_64".
const EmulationName = "emulation"

// record says what was set, for the evidence, and what emulated a plan for arch.
func (v variation) record(arch string) map[string]string {
	m := map[string]string{
		"runtime":     v.Runtime,
		"snapshotter": v.Snapshotter,
		"filesystem":  "disk",
		"hostname":    v.Hostname,
		"domainname":  v.Domain,
		"umask":       fmt.Sprintf("%04o", v.Umask),
		"home":        v.Home,
		"cpus":        strconv.Itoa(v.cpus()),
		"aslr":        strconv.FormatBool(v.Persona&addrNoRandomize == 0),
		"uname":       "as it is",
		"uptime":      fmt.Sprintf("+%ds", v.Uptime),
		"nofile":      fmt.Sprint(v.NoFile),
		"start":       fmt.Sprintf("+%dms", v.Delay),
		"clock":       "as it is",
	}
	if v.Memory {
		m["filesystem"] = "tmpfs"
	}
	if v.Persona&uname26 != 0 {
		m["uname"] = "2.6"
	}
	if emulated(arch) {
		m[EmulationName] = arch + " on " + machineArch()
	}
	for _, e := range v.Env {
		name, value, _ := cutEnv(e)
		m["env."+name] = value
	}
	return m
}
