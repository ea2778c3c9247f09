package recipe

import (
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// LayerConfig stands for an image's config and manifest, which are no layer.
const LayerConfig = -1

// Origin returns the recipe of closure that wrote name, a path in the given layer of
// the image, and the lines in it, which are as few as can be known: an image's first
// layer is the rootfs, its second the base's packages if it has any, and the last the
// recipe's own. Of a script, it is the line that has the name and one of words.
func Origin(closure []*Recipe, layer int, name string, words []string) (*Recipe, hcl.Range) {
	own, base := closure[0], closure[len(closure)-1]
	switch {
	case layer == LayerConfig && own.Runtime != nil:
		return own, own.Runtime.Range // the config says how it is run
	case layer == LayerConfig:
		return own, own.Range
	case layer == 0 && base.Rootfs != nil:
		return base, base.Rootfs.Range
	case layer == 0:
		return base, base.Range
	case layer == 1 && len(base.Packages) > 0:
		return base, base.PackagesRange
	}
	return own, own.written("/"+strings.Trim(name, "/"), words)
}

// written returns the lines that put name into the recipe's own layer.
func (r *Recipe) written(name string, words []string) hcl.Range {
	for _, f := range r.Files {
		if f.Path == name {
			return f.Range
		}
	}
	for _, u := range r.Users {
		if u.Home == name {
			return u.Range
		}
	}
	if users := []string{"/etc/passwd", "/etc/group", "/etc/shadow"}; len(r.Users) > 0 && slices.Contains(users, name) {
		return r.Users[0].Range
	}
	if r.Runtime != nil && slices.ContainsFunc(r.Runtime.Volumes, func(v Volume) bool { return v.Path == name }) {
		return r.Runtime.Range
	}
	switch {
	case len(r.Packages) > 0 && (r.Build == nil || ofPackages(name)):
		return r.PackagesRange
	case r.Build != nil:
		return r.line(r.Build.RunRange, name, words)
	}
	return r.Range
}

// ofPackages reports whether name is a file that installing packages writes, whatever
// is in them.
func ofPackages(name string) bool {
	return slices.ContainsFunc([]string{
		"/lib/apk/", "/usr/lib/apk/", "/etc/apk/", "/var/cache/", "/var/log/", "/etc/passwd", "/etc/group", "/etc/shadow",
	}, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// line narrows a script down to the line that has the file's name and one of words, or
// at least one of these.
func (r *Recipe) line(rng hcl.Range, name string, words []string) hcl.Range {
	lines := strings.Split(string(r.Bytes), "\n")
	best, most := rng, 0
	for n := rng.Start.Line; n >= 1 && n <= min(rng.End.Line, len(lines)); n++ {
		text := lines[n-1]
		if strings.HasPrefix(strings.TrimSpace(text), "#") {
			continue
		}
		score := 0
		if strings.Contains(text, name) {
			score += 6
		} else if base := path.Base(name); len(base) > 1 && strings.Contains(text, base) {
			score += 3
		}
		if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) }) {
			score += 2
		}
		if score > most {
			most = score
			best = hcl.Range{Filename: rng.Filename, Start: hcl.Pos{Line: n, Column: 1}, End: hcl.Pos{Line: n, Column: len(text) + 1}}
		}
	}
	return best
}
