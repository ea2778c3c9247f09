package failopen

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	podmanPolicy     = "/etc/containers/policy.json"
	podmanShared     = "/usr/share/containers/policy.json"
	podmanRegistries = "/etc/containers/registries.d"
	acceptAnything   = "insecureAcceptAnything"
	// shownScopes is how many scopes are shown of a kind.
	shownScopes = 5
)

const exportPodman = "tailsbuild policy export POLICY --for podman"

// podman looks at what podman, skopeo and others with containers/image ask before
// they use an image: containers-policy.json(5), containers-registries.d(5).
func podman(m *Machine) []Finding {
	if !m.any("/etc/containers", podmanShared, "/usr/bin/podman", "/usr/bin/skopeo") {
		return nil
	}
	file := podmanPolicy
	if m.Config != "" {
		if users := filepath.Join(m.Config, "containers/policy.json"); m.exists(users) {
			file = users
		}
	}
	if file == podmanPolicy && !m.exists(file) {
		if !m.exists(podmanShared) {
			return []Finding{{
				Place: "podman", Open: true, Says: podmanPolicy + " is missing",
				Means: "podman refuses everything, or has a default of its own that allows everything",
				Fix:   exportPodman,
			}}
		}
		file = podmanShared
	}
	all := []Finding{m.podmanPolicy(file)}
	return append(all, m.registries()...)
}

type podmanRequirements []struct {
	Type string `json:"type"`
}

// open reports whether the requirements, all of which have to be met, are none.
func (r podmanRequirements) open() bool {
	for _, q := range r {
		if q.Type != acceptAnything {
			return false
		}
	}
	return true
}

func (m *Machine) podmanPolicy(file string) Finding {
	open := func(says, means, fix string) Finding {
		return Finding{Place: "podman", Open: true, Says: file + says, Means: means, Fix: fix}
	}
	if r := m.others(file, m.User); r != "" {
		return open(": "+r, "who can change it decides what podman allows", "chown root and chmod go-w, on the file and its folders")
	}
	b, err := m.read(file)
	if err != nil {
		return open(" can't be read: "+reason(err), "it isn't known what podman allows", "look at it as root")
	}
	var p struct {
		Default    podmanRequirements                       `json:"default"`
		Transports map[string]map[string]podmanRequirements `json:"transports"`
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return open(" is wrong: "+err.Error(), "podman refuses everything, which tempts people to open it", exportPodman)
	}
	docker := p.Transports["docker"]
	base, ok := docker[""]
	if !ok {
		base = p.Default
	}
	if base.open() {
		return open(" has the default "+acceptAnything, "podman runs what nobody has signed, from every registry that has no scope of its own", exportPodman)
	}
	var scopes []string
	for _, name := range slices.Sorted(maps.Keys(docker)) {
		if docker[name].open() {
			scopes = append(scopes, fmt.Sprintf("%q", name))
		}
	}
	if n := len(scopes); n > shownScopes {
		scopes = append(scopes[:shownScopes], fmt.Sprintf("and %d more", n-shownScopes))
	}
	if len(scopes) > 0 {
		return open(" has "+acceptAnything+" for "+strings.Join(scopes, ", "), "podman runs what nobody has signed, from there", "give these scopes keys, or take them away; "+exportPodman)
	}
	return Finding{Place: "podman", Says: file + " refuses what no scope allows"}
}

type attachments struct {
	Use *bool `yaml:"use-sigstore-attachments"`
}

// registries looks for where podman is told to look for signatures, for each scope
// of the policy.
func (m *Machine) registries() []Finding {
	if m.Policy == nil {
		return nil
	}
	spaces, err := m.namespaces()
	if err != nil {
		return []Finding{{
			Place: "podman", Open: true, Says: err.Error(),
			Means: "podman can't read its configuration, or it isn't known what it says",
			Fix:   exportPodman,
		}}
	}
	var missing []string
	for _, s := range m.Policy.Scopes {
		name := s.Pattern.String()
		before, _, _ := strings.Cut(name, "*")
		if strings.Contains(name, "/") && !spaces.has(strings.TrimSuffix(before, "/")) {
			missing = append(missing, fmt.Sprintf("%q", name))
		}
	}
	if n := len(missing); n > shownScopes {
		missing = append(missing[:shownScopes], fmt.Sprintf("and %d more", n-shownScopes))
	}
	if len(missing) == 0 {
		return nil
	}
	return []Finding{{
		Place: "podman", Open: true, Says: "no file of " + podmanRegistries + " has use-sigstore-attachments: true for " + strings.Join(missing, ", "),
		Means: "podman doesn't look for signatures there: it refuses what is signed, or doesn't ask at all",
		Fix:   exportPodman,
	}}
}

// namespaces says where attachments are looked for; "" is the default.
type namespaces map[string]bool

// has reports whether attachments are looked for at name, by the longest namespace
// that has a say.
func (n namespaces) has(name string) bool {
	for {
		if use, ok := n[name]; ok {
			return use
		}
		i := strings.LastIndex(name, "/")
		if i < 0 {
			return n[""]
		}
		name = name[:i]
	}
}

func (m *Machine) namespaces() (namespaces, error) {
	found := namespaces{}
	files, err := filepath.Glob(filepath.Join(m.path(podmanRegistries), "*.yaml"))
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		file := filepath.Join(podmanRegistries, filepath.Base(path))
		b, err := m.read(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var f struct {
			Default *attachments           `yaml:"default-docker"`
			Docker  map[string]attachments `yaml:"docker"`
		}
		if err == nil {
			err = yaml.Unmarshal(b, &f)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %s", file, reason(err))
		}
		if f.Default != nil && f.Default.Use != nil {
			found[""] = *f.Default.Use
		}
		for name, a := range f.Docker {
			if a.Use != nil {
				found[name] = *a.Use
			}
		}
	}
	return found, nil
}
