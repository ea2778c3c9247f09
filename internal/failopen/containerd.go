package failopen

import (
	"debug/buildinfo"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

const (
	containerdConfig = "/etc/containerd/config.toml"
	bindirPlugin     = "io.containerd.image-verifier.v1.bindir"
	imagesPlugin     = "io.containerd.cri.v1.images"
	// olderImages is where that was in configurations before version 3.
	olderImages = "io.containerd.grpc.v1.cri"
	// defaultBinDir and defaultMaxVerifiers are containerd's.
	defaultBinDir       = "/opt/containerd/image-verifier/bin"
	defaultMaxVerifiers = 10
	// maxConfigs is how many files a configuration may import.
	maxConfigs = 64
)

const everything = "containerd allows every image"

var containerdPrograms = []string{"/usr/bin/containerd", "/usr/sbin/containerd", "/usr/local/bin/containerd"}

const exportContainerd = "tailsbuild policy export POLICY --for containerd"

// containerdSettings are those that decide whether a verifier is asked.
type containerdSettings struct {
	binDir       string
	maxVerifiers int64
	disabled     bool
	// local are settings with which Kubernetes' pulls ask no verifier.
	local []string
}

// containerd looks at the verifiers of containerd's own plugin, which allows
// everything when there are none (containerd, docs/image-verification.md).
func containerd(m *Machine) []Finding {
	if !m.any(append([]string{"/etc/containerd"}, containerdPrograms...)...) {
		return nil
	}
	if file := m.withoutVerifiers(); file != "" {
		return []Finding{{
			Place: "containerd", Open: true, Says: file + " is a containerd before 2.0, which asks no verifier",
			Means: everything,
			Fix:   "use containerd 2.1 or newer; then " + exportContainerd,
		}}
	}
	s, err := m.containerdSettings()
	if err != nil {
		return []Finding{{
			Place: "containerd", Open: true, Says: err.Error(),
			Means: "it isn't known whether containerd asks a verifier",
			Fix:   "mend the file, as containerd config dump shows it",
		}}
	}
	all := []Finding{m.verifiers(s)}
	if len(s.local) > 0 {
		all = append(all, Finding{
			Place: "containerd", Open: true, Says: "Kubernetes pulls images locally, because of " + strings.Join(s.local, ", "),
			Means: "only the transfer service asks verifiers: what Kubernetes pulls is not checked",
			Fix:   "take these settings away from the plugin " + imagesPlugin + ", or " + olderImages + " in older files; registries belong into config_path",
		})
	}
	return all
}

// withoutVerifiers returns a program that is a containerd without verifiers, which
// came with the module's second major version, or "". A program that doesn't say
// what it was built from is taken for a newer one: its configuration is looked at.
func (m *Machine) withoutVerifiers() string {
	for _, file := range containerdPrograms {
		info, err := buildinfo.ReadFile(m.path(file))
		if err == nil && strings.HasPrefix(info.Path, "github.com/containerd/containerd/cmd/") {
			return file
		}
	}
	return ""
}

// verifiers looks at the folder of verifiers.
func (m *Machine) verifiers(s containerdSettings) Finding {
	open := func(says, means, fix string) Finding {
		return Finding{Place: "containerd", Open: true, Says: says, Means: means, Fix: fix}
	}
	if s.disabled {
		return open("the plugin "+bindirPlugin+" is disabled", everything, "take it out of disabled_plugins in "+containerdConfig)
	}
	if !filepath.IsAbs(s.binDir) {
		return open(fmt.Sprintf("bin_dir %q is relative", s.binDir), "which folder it is depends on where containerd was started, and "+everything+" when there is none", "write an absolute path")
	}
	entries, err := os.ReadDir(m.path(s.binDir))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return open("the folder of verifiers, "+s.binDir+", is missing", everything, exportContainerd)
	case err != nil:
		return open("the folder of verifiers, "+s.binDir+": "+reason(err), "it isn't known whether containerd asks a verifier", "look at it as root")
	case len(entries) == 0:
		return open("the folder of verifiers, "+s.binDir+", is empty", everything, exportContainerd)
	case s.maxVerifiers >= 0 && int64(len(entries)) > s.maxVerifiers:
		return open(fmt.Sprintf("%s has %d verifiers, and max_verifiers is %d", s.binDir, len(entries), s.maxVerifiers), "containerd leaves out the last ones, by name", "set max_verifiers = -1")
	}
	var names []string
	for _, e := range entries {
		file := filepath.Join(s.binDir, e.Name())
		if r := m.others(file); r != "" {
			return open(fmt.Sprintf("%s: %s", file, r), "who can change or remove a verifier decides what containerd allows", "chown root and chmod go-w, on the file and its folders")
		}
		names = append(names, e.Name())
	}
	return Finding{Place: "containerd", Says: fmt.Sprintf("asks %s in %s", strings.Join(names, ", "), s.binDir)}
}

// A containerdFile is what is read of a file of containerd's configuration.
type containerdFile struct {
	Imports         []string                  `toml:"imports"`
	DisabledPlugins []string                  `toml:"disabled_plugins"`
	Plugins         map[string]map[string]any `toml:"plugins"`
}

// containerdSettings reads the configuration with all that it imports. Later files
// come before earlier ones.
func (m *Machine) containerdSettings() (containerdSettings, error) {
	s := containerdSettings{binDir: defaultBinDir, maxVerifiers: defaultMaxVerifiers}
	pending, seen := []string{containerdConfig}, map[string]bool{}
	local := map[string]bool{}
	for len(pending) > 0 {
		path := pending[0]
		pending = pending[1:]
		if seen[path] {
			continue
		}
		seen[path] = true
		if len(seen) > maxConfigs {
			return s, fmt.Errorf("%s imports more than %d files", containerdConfig, maxConfigs)
		}
		b, err := m.read(path)
		if errors.Is(err, fs.ErrNotExist) && path == containerdConfig {
			break // containerd has its defaults then
		}
		if err != nil {
			return s, fmt.Errorf("%s: %s", path, reason(err))
		}
		var f containerdFile
		if err := toml.Unmarshal(b, &f); err != nil {
			return s, fmt.Errorf("%s: %w", path, err)
		}
		imports, err := m.imports(path, f.Imports)
		if err != nil {
			return s, err
		}
		pending = append(pending, imports...)
		if err := s.merge(path, f, local); err != nil {
			return s, err
		}
	}
	s.local = slices.Sorted(maps.Keys(local))
	return s, nil
}

// imports resolves what the file at path imports.
func (m *Machine) imports(path string, imports []string) ([]string, error) {
	var all []string
	for _, p := range imports {
		if !filepath.IsAbs(p) {
			p = filepath.Join(filepath.Dir(path), p)
		}
		if !strings.Contains(p, "*") {
			all = append(all, filepath.Clean(p))
			continue
		}
		matches, err := filepath.Glob(m.path(p))
		if err != nil {
			return nil, fmt.Errorf("%s imports %q: %w", path, p, err)
		}
		for _, match := range matches {
			rel, err := filepath.Rel(m.Root, match)
			if err != nil {
				return nil, err
			}
			all = append(all, "/"+rel)
		}
	}
	return all, nil
}

func (s *containerdSettings) merge(path string, f containerdFile, local map[string]bool) error {
	s.disabled = s.disabled || slices.Contains(f.DisabledPlugins, bindirPlugin)
	plugin := f.Plugins[bindirPlugin]
	if v, ok := plugin["bin_dir"]; ok {
		dir, ok := v.(string)
		if !ok {
			return fmt.Errorf("%s: bin_dir is no text", path)
		}
		s.binDir = dir
	}
	if v, ok := plugin["max_verifiers"]; ok {
		n, ok := v.(int64)
		if !ok {
			return fmt.Errorf("%s: max_verifiers is no number", path)
		}
		s.maxVerifiers = n
	}
	for _, name := range localPulls(migrated(f.Plugins)) {
		local[name] = true
	}
	return nil
}

// migrated returns the settings of Kubernetes' images, with those that are where
// older configurations have them (containerd v2.4, plugins/cri/images, migrateConfig).
func migrated(plugins map[string]map[string]any) map[string]any {
	images := maps.Clone(plugins[imagesPlugin])
	if images == nil {
		images = map[string]any{}
	}
	take := func(from map[string]any, names ...string) {
		for _, name := range names {
			if v, ok := from[name]; ok {
				images[name] = v
			}
		}
	}
	older := plugins[olderImages]
	take(older, "registry", "max_concurrent_downloads", "image_pull_with_sync_fs")
	inner, _ := older["containerd"].(map[string]any)
	take(inner, "disable_snapshot_annotations", "discard_unpacked_layers")
	return images
}

// localPulls returns the settings of Kubernetes' images with which containerd falls
// back to pulls of its own (containerd v2.4, CheckLocalImagePullConfigs).
func localPulls(images map[string]any) []string {
	var names []string
	for name, local := range map[string]any{
		"use_local_image_pull": true, "discard_unpacked_layers": true, "image_pull_with_sync_fs": true, "disable_snapshot_annotations": false,
	} {
		if images[name] == local {
			names = append(names, name)
		}
	}
	if n, ok := images["max_concurrent_downloads"]; ok && n != int64(3) {
		names = append(names, "max_concurrent_downloads")
	}
	registry, _ := images["registry"].(map[string]any)
	for _, name := range []string{"mirrors", "configs", "auths"} {
		if table, ok := registry[name].(map[string]any); ok && len(table) > 0 {
			names = append(names, "registry."+name)
		}
	}
	return names
}
