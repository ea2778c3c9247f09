package failopen

import (
	"strings"
)

const contentTrust = "DOCKER_CONTENT_TRUST"

// docker looks for Docker's daemon, which has no place for a verifier, and for
// settings of Docker Content Trust, which was switched off.
func docker(m *Machine) []Finding {
	var all []Finding
	if m.any("/usr/bin/dockerd", "/usr/sbin/dockerd", "/usr/local/bin/dockerd", "/run/docker.sock", "/var/run/docker.sock") {
		all = append(all, Finding{
			Place: "docker", Open: true,
			Says:  "docker's daemon is here, and verifies no signature",
			Means: "docker pull and docker run use what a registry sends, whatever the policy says",
			Fix:   "have docker pull with tailsbuild pull --engine docker, by the digest that was verified, and let nobody else talk to its socket; or use podman or containerd with tailsbuild policy export",
		})
	}
	var set []string
	for _, v := range m.Env {
		if name, value, _ := strings.Cut(v, "="); strings.HasPrefix(name, contentTrust) && value != "" {
			set = append(set, name)
		}
	}
	if b, err := m.read("/etc/environment"); err == nil && strings.Contains(string(b), contentTrust) {
		set = append(set, "/etc/environment")
	}
	if len(set) > 0 {
		all = append(all, Finding{
			Place: "docker", Open: true,
			Says:  "Docker Content Trust is asked for, in " + strings.Join(set, ", "),
			Means: "its servers are switched off in December 2026, and newer docker programs ignore it: docker pull checks no signature",
			Fix:   "take it away; pull by digest what tailsbuild verified, or use podman or containerd with tailsbuild policy export",
		})
	}
	return all
}
