package failopen

import (
	"fmt"
	"strings"
)

const acceptedFile = "/etc/tailsbuild/accepted.hcl"

// own looks at tailsbuild's files.
func own(m *Machine) []Finding {
	return append(append(m.policy(), m.accepted()...), m.cache()...)
}

func (m *Machine) policy() []Finding {
	f := Finding{Place: "policy", Says: m.PolicyFile}
	if m.PolicyFile == "" {
		return nil
	}
	if r := m.others(m.PolicyFile, m.User); r != "" {
		f.Open, f.Says = true, fmt.Sprintf("%s: %s", m.PolicyFile, r)
		f.Means = "who can change the policy decides what is trusted"
		f.Fix = "chown root " + m.PolicyFile + " and its folders, and chmod go-w"
		return []Finding{f}
	}
	if m.Policy == nil {
		f.Open, f.Says = true, m.PolicyFile+" can't be read, or is wrong"
		f.Means = "what is wrong is refused, which is safe, but nothing is enforced elsewhere by it"
		f.Fix = "tailsbuild policy check " + m.PolicyFile
	}
	return []Finding{f}
}

func (m *Machine) accepted() []Finding {
	if !m.exists(acceptedFile) {
		return nil
	}
	f := Finding{Place: "accepted", Says: acceptedFile}
	if r := m.others(acceptedFile); r != "" {
		f.Open, f.Says = true, fmt.Sprintf("%s: %s", acceptedFile, r)
		f.Means = "it names images that may run unsigned; tailsbuild accepts none of them like that"
		f.Fix = "look at what it names, then chown root and chmod go-w on it and its folders"
	}
	return []Finding{f}
}

// cache looks at what is remembered of trust roots.
func (m *Machine) cache() []Finding {
	dir := m.State
	if dir == "" || !m.exists(dir) {
		return nil
	}
	f := Finding{Place: "cache", Says: dir}
	if r := m.others(dir, m.User); r != "" {
		f.Open, f.Says = true, fmt.Sprintf("%s: %s", dir, r)
		f.Means = "who can change what is remembered of trust roots can have older releases and revoked keys accepted"
		f.Fix = "chmod -R go-w " + dir + " and its folders; when somebody else may have been there, remove it"
	}
	return []Finding{f}
}

// docker looks for settings of Docker Content Trust, which was switched off.
func docker(m *Machine) []Finding {
	var set []string
	for _, v := range m.Env {
		if name, value, _ := strings.Cut(v, "="); strings.HasPrefix(name, contentTrust) && value != "" {
			set = append(set, name)
		}
	}
	if b, err := m.read("/etc/environment"); err == nil && strings.Contains(string(b), contentTrust) {
		set = append(set, "/etc/environment")
	}
	if len(set) == 0 {
		return nil
	}
	return []Finding{{
		Place: "docker", Open: true,
		Says:  "Docker Content Trust is asked for, in " + strings.Join(set, ", "),
		Means: "its servers are switched off in December 2026, and newer docker programs ignore it: docker pull checks no signature",
		Fix:   "take it away; pull by digest what tailsbuild verified, or use podman or containerd with tailsbuild policy export",
	}}
}

const contentTrust = "DOCKER_CONTENT_TRUST"
