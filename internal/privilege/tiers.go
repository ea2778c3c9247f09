package privilege

import (
	"slices"
	"strings"
)

// fixed has the identifiers without a free part.
var fixed = map[string]Tier{
	"net.none":     Silent,
	"net.outbound": Asked, // what it opens bypasses Tor
	"net.publish":  Asked,
	"net.host":     Host, // loopback services, Tor's control port, abstract sockets

	"ns.cgroup": Host,
	"ns.ipc":    Host,
	"ns.pid":    Host,
	"ns.time":   Asked,
	"ns.user":   Asked,
	"ns.uts":    Asked,

	"seccomp.unconfined":     Host,
	"apparmor.unconfined":    Host,
	"systempaths.unconfined": Host,

	"nnp.off":     Asked,
	"rootfs.rw":   Shown,
	"limits.none": Shown,
}

// capabilities are those of capabilities(7).
var capabilities = map[string]Tier{
	"AUDIT_WRITE":      Shown,
	"CHOWN":            Shown,
	"KILL":             Shown,
	"NET_BIND_SERVICE": Shown,
	"SYS_CHROOT":       Shown,

	"BLOCK_SUSPEND":  Asked,
	"DAC_OVERRIDE":   Asked,
	"FOWNER":         Asked,
	"FSETID":         Asked,
	"IPC_LOCK":       Asked,
	"IPC_OWNER":      Asked,
	"LEASE":          Asked,
	"MKNOD":          Asked,
	"NET_ADMIN":      Asked, // in a network namespace of its own; net.host has the highest tier by itself
	"NET_BROADCAST":  Asked,
	"NET_RAW":        Asked,
	"SETFCAP":        Asked,
	"SETGID":         Asked,
	"SETPCAP":        Asked,
	"SETUID":         Asked,
	"SYS_NICE":       Asked,
	"SYS_RESOURCE":   Asked,
	"SYS_TTY_CONFIG": Asked,
	"WAKE_ALARM":     Asked,

	"AUDIT_CONTROL":      Host,
	"AUDIT_READ":         Host,
	"BPF":                Host,
	"CHECKPOINT_RESTORE": Host,
	"DAC_READ_SEARCH":    Host, // open_by_handle_at reads any file
	"LINUX_IMMUTABLE":    Host,
	"MAC_ADMIN":          Host,
	"MAC_OVERRIDE":       Host,
	"PERFMON":            Host,
	"SYSLOG":             Host,
	"SYS_ADMIN":          Host,
	"SYS_BOOT":           Host,
	"SYS_MODULE":         Host,
	"SYS_PACCT":          Host,
	"SYS_PTRACE":         Host,
	"SYS_RAWIO":          Host,
	"SYS_TIME":           Host,
}

// askedDevices are devices, and the beginnings of devices' names, that give away
// what they are about and not the whole host. All others do.
var askedDevices = []string{
	"/dev/net/tun", "/dev/snd", "/dev/snd/", "/dev/dri", "/dev/dri/", "/dev/video", "/dev/bus/usb/",
	"/dev/ttyUSB", "/dev/ttyACM", "/dev/hidraw", "/dev/kvm", "/dev/fuse",
}

func device(name string) Tier {
	for _, known := range askedDevices {
		rest, ok := strings.CutPrefix(name, known)
		switch {
		case !ok:
		case rest == "" && !strings.HasSuffix(known, "/"),
			strings.HasSuffix(known, "/"),
			rest != "" && strings.Trim(rest, "0123456789") == "":
			return Asked
		}
	}
	return Host
}

// hostPaths are folders that, with all below them, give away the host.
var hostPaths = []string{
	"/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/live", "/proc", "/root", "/run", "/sbin",
	"/sys", "/usr", "/var/lib", "/var/run", "/var/spool",
}

func mount(access, place string) Tier {
	if place == "/" || place == "/var" || place == "/home" {
		return Host
	}
	for _, dir := range hostPaths {
		if place == dir || strings.HasPrefix(place, dir+"/") {
			return Host
		}
	}
	if access == "rw" || strings.HasPrefix(place, "/home/") {
		return Asked
	}
	return Shown
}

// sysctl knows which parameters belong to a namespace, and so to the service
// alone.
func sysctl(name string) Tier {
	for _, prefix := range []string{"net.", "kernel.shm", "kernel.msg", "fs.mqueue."} {
		if strings.HasPrefix(name, prefix) {
			return Shown
		}
	}
	return Host
}

// Known returns what there is of each tier, by tier, for documentation: the
// identifiers without a free part, and kinds of the others.
func Known() [][]string {
	known := [][]string{
		Silent: nil,
		Shown:  {"mount.ro PATH", "sysctl.net.*", "sysctl.kernel.shm*", "sysctl.kernel.msg*", "sysctl.fs.mqueue.*"},
		Asked:  {"mount.rw PATH", "mount.ro /home/…"},
		Host:   {"mount.* of the system's folders", "dev.* of all other devices", "sysctl.* of all others", "netdev.NAME"},
	}
	for _, name := range askedDevices {
		if strings.HasSuffix(name, "/") {
			name += "*"
		}
		known[Asked] = append(known[Asked], "dev."+name)
	}
	for id, tier := range fixed {
		known[tier] = append(known[tier], id)
	}
	for name, tier := range capabilities {
		known[tier] = append(known[tier], "cap."+name)
	}
	for _, ids := range known {
		slices.Sort(ids)
	}
	return known
}
