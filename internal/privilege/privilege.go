// Package privilege knows what services can ask for beyond the strict default, by
// one identifier each, and how much each gives away.
//
// Nothing is without a tier: what isn't known here has the highest one, or no
// identifier at all.
package privilege

import (
	"fmt"
	"path"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
)

// A Tier says how much a privilege gives away.
type Tier int

// The tiers.
const (
	Silent  Tier = 0 // part of the strict default
	Shown   Tier = 1 // shown to the person
	Asked   Tier = 2 // the person confirms it by name
	Host    Tier = 3 // the same as root on the host
	highest      = Host
)

// Describe says in a few words what the tier means.
func (t Tier) Describe() string {
	switch t {
	case Silent:
		return "nothing beyond the strict default"
	case Shown:
		return "what a person is shown"
	case Asked:
		return "what a person confirms by name"
	}
	return "what equals root on the host"
}

// An ID names one privilege: "cap.NET_ADMIN", "dev./dev/net/tun",
// "mount.ro /media", "net.outbound", "ns.pid", "sysctl.net.ipv4.ip_forward".
type ID string

// An Error reports that Text is no privilege's identifier.
type Error struct{ Text string }

func (e *Error) Error() string { return fmt.Sprintf("%q is no privilege", e.Text) }

// prefixes are the first parts of identifiers, by a recipe's kind of privilege.
var prefixes = map[string]string{
	"capability": "cap", "device": "dev", "network": "net", "netdev": "netdev", "namespace": "ns", "sysctl": "sysctl",
	"seccomp": "seccomp", "apparmor": "apparmor", "systempaths": "systempaths", "nnp": "nnp", "rootfs": "rootfs", "limits": "limits",
}

// Of returns the identifier of a privilege as a recipe declares it: its kind and
// its name. What no recipe can declare gives an *[Error].
func Of(kind, name string) (ID, error) {
	if kind == "mount" {
		for _, access := range []string{"ro", "rw"} {
			if place, ok := strings.CutSuffix(name, ":"+access); ok {
				return Parse("mount." + access + " " + place)
			}
		}
	}
	prefix, ok := prefixes[kind]
	if !ok {
		return "", &Error{kind + " " + name}
	}
	return Parse(prefix + "." + name)
}

// Parse checks that s is an identifier. Otherwise it returns an *[Error].
func Parse(s string) (ID, error) {
	kind, name, _ := strings.Cut(s, ".")
	if !valid(kind, name) {
		return "", &Error{s}
	}
	return ID(s), nil
}

// maxName bounds what follows the first dot: paths have 4096 bytes at most.
const maxName = 4096 + len("ro ")

var (
	netdevName = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$`)
	sysctlName = lazyregexp.New(`^[a-z0-9_-]+(\.[a-z0-9_-]+)+$`)
)

func valid(kind, name string) bool {
	if len(name) > maxName {
		return false
	}
	switch kind {
	case "cap":
		_, ok := capabilities[name]
		return ok
	case "dev":
		return cleanPath(name) && strings.HasPrefix(name, "/dev/")
	case "mount":
		_, place, ok := strings.Cut(name, " ")
		return ok && (strings.HasPrefix(name, "ro ") || strings.HasPrefix(name, "rw ")) && cleanPath(place)
	case "netdev":
		return netdevName.MatchString(name)
	case "sysctl":
		return sysctlName.MatchString(name)
	}
	_, ok := fixed[kind+"."+name]
	return ok
}

func cleanPath(s string) bool {
	return strings.HasPrefix(s, "/") && path.Clean(s) == s && !strings.ContainsAny(s, ":\x00\n")
}

// Tier returns how much the privilege gives away. An ID that [Parse] would not
// return has the highest tier.
func (id ID) Tier() Tier {
	kind, name, _ := strings.Cut(string(id), ".")
	if !valid(kind, name) {
		return highest
	}
	switch kind {
	case "cap":
		return capabilities[name]
	case "dev":
		return device(name)
	case "mount":
		access, place, _ := strings.Cut(name, " ")
		return mount(access, place)
	case "sysctl":
		return sysctl(name)
	case "netdev":
		return Host
	}
	return fixed[string(id)]
}
