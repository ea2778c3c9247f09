package privilege

import (
	"os"
	"strings"
	"testing"

	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

func TestTiers(t *testing.T) {
	for want, ids := range map[Tier]string{
		Silent: "net.none",
		Shown: "cap.NET_BIND_SERVICE|cap.SYS_CHROOT|rootfs.rw|limits.none|mount.ro /media|sysctl.net.ipv4.ip_forward|" +
			"sysctl.kernel.shmmax",
		Asked: "net.outbound|net.publish|cap.NET_ADMIN|cap.NET_RAW|cap.SETUID|dev./dev/net/tun|dev./dev/snd|dev./dev/snd/seq|" +
			"dev./dev/video0|dev./dev/video12|dev./dev/ttyUSB0|dev./dev/kvm|ns.uts|ns.user|nnp.off|mount.rw /media|mount.ro /home/amnesia",
		Host: "net.host|netdev.eth0|cap.SYS_ADMIN|cap.DAC_READ_SEARCH|dev./dev/sda|dev./dev/mem|dev./dev/nvme0n1|dev./dev/videodisk|" +
			"dev./dev/net/tunnel|dev./dev/bus|ns.pid|ns.ipc|seccomp.unconfined|apparmor.unconfined|systempaths.unconfined|" +
			"mount.ro /|mount.ro /etc|mount.ro /run/docker.sock|mount.rw /live/persistence/x|mount.ro /home|mount.rw /proc/sys|" +
			"sysctl.kernel.core_pattern|sysctl.vm.overcommit_memory",
	} {
		for s := range strings.SplitSeq(ids, "|") {
			id, err := Parse(s)
			if err != nil {
				t.Errorf("%s: %v", s, err)
			}
			if got := id.Tier(); got != want {
				t.Errorf("%s has tier %d, want %d", s, got, want)
			}
		}
	}
}

// What isn't an identifier has the highest tier, should somebody skip Parse.
func TestUnknown(t *testing.T) {
	for _, s := range []string{
		"", "cap", "cap.", "cap.CAP_KILL", "cap.ALL", "cap.kill", "privileged", "hooks", "net", "net.all", "net.host ", "dev./dev",
		"dev./dev/", "dev./dev/../etc", "dev.all", "dev.", "mount.ro", "mount.ro media", "mount.ro /a/../etc", "mount.rx /a",
		"mount.ro /a:b", "mount.ro  /a", "mount./a", "netdev.", "netdev.a/b", "netdev.aaaaaaaaaaaaaaaaaaaaaa", "ns.mount", "sysctl.kernel",
		"sysctl.", "seccomp.default", "nnp.on", "rootfs", "argv.x", "mount.propagation", "mount.ro /" + strings.Repeat("a", 5000),
	} {
		if id, err := Parse(s); err == nil || id != "" {
			t.Errorf("%q is accepted", s)
		}
		if got := ID(s).Tier(); got != Host {
			t.Errorf("%q has tier %d", s, got)
		}
	}
}

// TestOf: everything that a recipe can declare has an identifier.
func TestOf(t *testing.T) {
	const file = "../recipe/testdata/good/everything.hcl"
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, diags := recipe.Decode(file, src, recipe.Env{Vars: map[string]string{"alpine": "3.19"}})
	if r == nil || len(r.Privileges) < 5 {
		t.Fatal(diags)
	}
	for _, p := range r.Privileges {
		if _, err := Of(p.Kind, p.Name); err != nil {
			t.Errorf("%s %s: %v", p.Kind, p.Name, err)
		}
	}
	for declared, want := range map[[2]string]ID{
		{"capability", "SYS_CHROOT"}:  "cap.SYS_CHROOT",
		{"device", "/dev/snd"}:        "dev./dev/snd",
		{"mount", "/media:rw"}:        "mount.rw /media",
		{"network", "outbound"}:       "net.outbound",
		{"netdev", "wlan0"}:           "netdev.wlan0",
		{"namespace", "time"}:         "ns.time",
		{"seccomp", "unconfined"}:     "seccomp.unconfined",
		{"apparmor", "unconfined"}:    "apparmor.unconfined",
		{"systempaths", "unconfined"}: "systempaths.unconfined",
		{"nnp", "off"}:                "nnp.off",
		{"rootfs", "rw"}:              "rootfs.rw",
		{"limits", "none"}:            "limits.none",
		{"sysctl", "a.b"}:             "sysctl.a.b",
	} {
		if got, err := Of(declared[0], declared[1]); got != want || err != nil {
			t.Errorf("%v is %q, %v; want %q", declared, got, err, want)
		}
	}
	for _, bad := range [][2]string{{"capability", "ALL"}, {"privileged", "x"}, {"mount", "/media"}, {"mount", "/media:rx"}, {"", ""}} {
		if got, err := Of(bad[0], bad[1]); err == nil {
			t.Errorf("%v is %q", bad, got)
		}
	}
}

// Every capability that a recipe can declare has a tier here, and no other.
func TestCapabilities(t *testing.T) {
	for name := range capabilities {
		src := "service \"x\" {\n  version = \"1\"\n  base = \"b\"\n  privilege \"capability\" \"" + name + "\" { reason = \"x\" }\n}\n"
		if _, diags := recipe.Decode("x", []byte(src), recipe.Env{}); diags.HasErrors() {
			t.Errorf("%s: %v", name, diags)
		}
	}
	if len(capabilities) != 41 {
		t.Errorf("%d capabilities, want the 41 of capabilities(7)", len(capabilities))
	}
}
