package recipe

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
)

// A privilegeKind says which names a kind of privilege has. Whether an image
// that asks for one may run is for the policy to say, not for the recipe.
type privilegeKind struct {
	doc   string
	check hclschema.Check
}

var privilegeKinds = map[string]privilegeKind{
	"capability":  {"A Linux capability, without `CAP_`.", checkCapability},
	"device":      {"A device of the host, as a path below `/dev`.", checkDevice},
	"mount":       {"A path of the host: `PATH:ro` to read it, `PATH:rw` to write it as well.", checkMount},
	"network":     {"`outbound`: opens connections; `publish`: listens outside; `host`: has the host's own network.", hclschema.OneOf([]string{"outbound", "publish", "host"}, "Unknown privilege", "privilege of the network")},
	"netdev":      {"A network interface of the host, which moves into the service.", hclschema.Matches(`[A-Za-z0-9][A-Za-z0-9_.-]*`, 15, "Unknown privilege", "is no name of a network interface.")},
	"namespace":   {"A namespace shared with the host: `cgroup`, `ipc`, `pid`, `time`, `user` or `uts`.", hclschema.OneOf([]string{"cgroup", "ipc", "pid", "time", "user", "uts"}, "Unknown privilege", "namespace")},
	"sysctl":      {"A kernel parameter, with dots.", hclschema.Matches(`[a-z0-9_-]+(\.[a-z0-9_-]+)+`, 128, "Unknown privilege", `is no name of a kernel parameter, as in "net.ipv4.ip_forward".`)},
	"seccomp":     {"`unconfined`: no filter of system calls.", hclschema.OneOf([]string{"unconfined"}, "Unknown privilege", "state of seccomp")},
	"apparmor":    {"`unconfined`: no AppArmor profile.", hclschema.OneOf([]string{"unconfined"}, "Unknown privilege", "state of AppArmor")},
	"systempaths": {"`unconfined`: all of `/proc` and `/sys`.", hclschema.OneOf([]string{"unconfined"}, "Unknown privilege", "state of the system's paths")},
	"nnp":         {"`off`: programs may gain privileges when they start others (setuid).", hclschema.OneOf([]string{"off"}, "Unknown privilege", "state of no_new_privs")},
	"rootfs":      {"`rw`: the root is writable.", hclschema.OneOf([]string{"rw"}, "Unknown privilege", "state of the root")},
	"limits":      {"`none`: no limits of memory and processes.", hclschema.OneOf([]string{"none"}, "Unknown privilege", "state of the limits")},
}

func privilegeKindNames() []string { return slices.Sorted(maps.Keys(privilegeKinds)) }

func checkPrivilegeKind(s string) *hclschema.Problem {
	if _, ok := privilegeKinds[s]; ok {
		return nil
	}
	if slices.Contains([]string{"privileged", "hooks", "argv", "all"}, strings.ToLower(s)) {
		return hclschema.Wrong("Privilege is everything at once", hclschema.Quote(s)+" has no bounds that a person could agree to. Name each thing that the service needs.")
	}
	known := privilegeKindNames()
	return hclschema.Wrong("Unknown kind of privilege", fmt.Sprintf("%s is none of %s.%s", hclschema.Quote(s), hclschema.Choices(known), hclschema.Suggest(s, known)))
}

// capabilities are those of capabilities(7).
var capabilities = []string{
	"AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE", "BLOCK_SUSPEND", "BPF", "CHECKPOINT_RESTORE", "CHOWN",
	"DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE",
	"LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE", "MKNOD", "NET_ADMIN", "NET_BIND_SERVICE", "NET_BROADCAST",
	"NET_RAW", "PERFMON", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYSLOG", "SYS_ADMIN", "SYS_BOOT",
	"SYS_CHROOT", "SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO", "SYS_RESOURCE", "SYS_TIME",
	"SYS_TTY_CONFIG", "WAKE_ALARM",
}

func checkCapability(s string) *hclschema.Problem {
	if slices.Contains(capabilities, s) {
		return nil
	}
	if strings.EqualFold(s, "ALL") {
		return hclschema.Wrong("Privilege is everything at once", "All capabilities together are root on the host. Name each one that the service needs.")
	}
	return hclschema.Wrong("Unknown capability", fmt.Sprintf("%s is not in capabilities(7); names have no CAP_ and are in capitals.%s",
		hclschema.Quote(s), hclschema.Suggest(strings.TrimPrefix(strings.ToUpper(s), "CAP_"), capabilities)))
}

func checkDevice(s string) *hclschema.Problem {
	if path.Clean(s) != s || !strings.HasPrefix(s, "/dev/") {
		return hclschema.Wrong("Not a device", hclschema.Quote(s)+` is no clean path below /dev, as in "/dev/net/tun". Name each device by itself.`)
	}
	return nil
}

func checkMount(s string) *hclschema.Problem {
	place, readOnly := strings.CutSuffix(s, ":ro")
	place, writable := strings.CutSuffix(place, ":rw")
	if readOnly == writable || strings.Contains(place, ":") || checkPath(place) != nil {
		return hclschema.Wrong("Not a mount", hclschema.Quote(s)+` is no clean absolute path with :ro or :rw, as in "/media:ro".`)
	}
	return nil
}
