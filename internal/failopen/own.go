package failopen

import (
	"fmt"
	"path"
	"slices"
)

const (
	acceptedFile = "/etc/tailsbuild/accepted.hcl"
	// serviceState is where root's services keep what the user's state folder has.
	serviceState = "/var/lib/tailsbuild"
)

// own looks at tailsbuild's files.
func own(m *Machine) []Finding {
	return slices.Concat(m.policy(), m.named(), m.accepted(), m.cache(m.State, m.User), m.cache(serviceState))
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

// named looks at the files that the policy names and that decide.
func (m *Machine) named() []Finding {
	if m.Policy == nil || m.PolicyFile == "" {
		return nil
	}
	var all []Finding
	for _, file := range m.Policy.Files() {
		if !path.IsAbs(file) {
			file = path.Join(path.Dir(m.PolicyFile), file)
		}
		f := Finding{Place: "policy", Says: file}
		if r := m.others(file, m.User); r != "" {
			f.Open, f.Says = true, fmt.Sprintf("%s: %s", file, r)
			f.Means = "the policy has all else verified by it: who can change it decides what is trusted, and while it is missing, that is refused"
			f.Fix = "chown root " + file + " and its folders, and chmod go-w"
		}
		all = append(all, f)
	}
	return all
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
	} else if m.AcceptedProblem != "" {
		f.Open, f.Says = true, m.AcceptedProblem
		f.Means = "none of the images that it names is accepted, which is safe, but isn't what somebody meant"
		f.Fix = "write it as docs/policy.md has it"
	}
	return []Finding{f}
}

// cache looks at what is remembered of trust roots in dir, which root and owners may
// change.
func (m *Machine) cache(dir string, owners ...uint32) []Finding {
	if dir == "" || !m.exists(dir) {
		return nil
	}
	f := Finding{Place: "cache", Says: dir}
	if r := m.othersIn(dir, owners...); r != "" {
		f.Open, f.Says = true, fmt.Sprintf("%s: %s", dir, r)
		f.Means = "who can change what is remembered of trust roots can have older releases and revoked keys accepted"
		f.Fix = "chmod -R go-w " + dir + " and its folders; when somebody else may have been there, remove it"
	}
	return []Finding{f}
}
