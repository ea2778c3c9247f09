package release

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// known is what the two builds say of how they were made, so that a value that
// differs is recognised.
func (b *Build) known() cause.Builds {
	known := cause.Builds{Epoch: b.Closure[0].Epoch, HasEpoch: true, Varied: map[string]cause.Variation{}}
	for side, r := range []*builder.Result{b.A, b.B} {
		known.Started[side] = r.Started
	}
	for _, v := range evidence.Variation(b.A.Variation, b.B.Variation) {
		known.Varied[v.Name] = cause.Variation{A: v.Values[0], B: v.Values[1]}
	}
	return known
}

// trace says of each cause which line of which recipe it comes from, as far as that
// can be known: the first place decides.
func (b *Build) trace(causes []diffoscope.Cause) {
	for i := range causes {
		c := &causes[i]
		if len(c.Places) == 0 || len(c.Places[0]) == 0 {
			continue
		}
		r, rng := origin(b.Closure, c.Places[0], c.Name)
		if rng.Start.Line > 0 {
			c.Source = fmt.Sprintf("%s:%d", filepath.Join(b.Recipes, r.Name, recipe.FileName), rng.Start.Line)
		}
	}
}

// origin returns the recipe that a place of the image comes from, and the lines in
// it: an image's first layer is the rootfs, its second the base's packages if it has
// any, and the last the recipe's own.
func origin(closure []*recipe.Recipe, place []string, why cause.Name) (*recipe.Recipe, hcl.Range) {
	own, base := closure[0], closure[len(closure)-1]
	var layer int
	if _, err := fmt.Sscanf(place[0], "layer %d", &layer); err != nil || len(place) < 2 {
		if own.Runtime != nil {
			return own, own.Runtime.Range // the config says how it is run
		}
		return own, own.Range
	}
	switch {
	case layer == 0 && base.Rootfs != nil:
		return base, base.Rootfs.Range
	case layer == 0:
		return base, base.Range
	case layer == 1 && len(base.Packages) > 0:
		return base, base.PackagesRange
	}
	return own, written(own, "/"+strings.Trim(place[1], "/"), why)
}

// written returns the lines that put name into a recipe's own layer.
func written(r *recipe.Recipe, name string, why cause.Name) hcl.Range {
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
	if r.Runtime != nil && slices.ContainsFunc(r.Runtime.Volumes, func(v recipe.Volume) bool { return v.Path == name }) {
		return r.Runtime.Range
	}
	switch {
	case len(r.Packages) > 0 && (r.Build == nil || ofPackages(name)):
		return r.PackagesRange
	case r.Build != nil:
		return line(r, r.Build.RunRange, name, why)
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

// commands are words of a script that lead to a cause.
var commands = map[cause.Name][]string{
	cause.Timestamp:   {"date", "gzip", "tar ", "zip", "touch", "compileall", "go build"},
	cause.Epoch:       {"date", "time", "gcc", "go build"},
	cause.BuildPath:   {"go build", "go install", "gcc", "cc ", "make", "cargo", "compileall", "pwd", "PWD"},
	cause.BuildID:     {"go build", "go install", "gcc", "ld "},
	cause.Hostname:    {"hostname", "uname", "HOSTNAME"},
	cause.User:        {"whoami", "id ", "USER", "LOGNAME"},
	cause.Umask:       {"umask", "install", "mkdir", "chmod", "cp "},
	cause.Ownership:   {"tar ", "chown", "cpio", "ar "},
	cause.Locale:      {"sort", "ls", "date", "printf"},
	cause.TimeZone:    {"date", "zip"},
	cause.Parallelism: {"nproc", "-j", "xz", "zstd", "MAKEFLAGS"},
	cause.Order:       {"find", "ls ", "tar ", "ar ", "zip", "cat ", "*"},
	cause.HashOrder:   {"python", "perl", "go run"},
	cause.Random:      {"uuid", "random", "RANDOM", "mktemp", "openssl", "ssh-keygen", "$$"},
	cause.Kernel:      {"uname", "/proc/"},
	cause.Compression: {"gzip", "xz", "zstd", "bzip2", "zip", "tar "},
	cause.Signature:   {"sign", "gpg", "openssl"},
}

// line narrows a script down to the line that has the file's name and a command that
// is known to lead to the cause, or one of these.
func line(r *recipe.Recipe, rng hcl.Range, name string, why cause.Name) hcl.Range {
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
		if slices.ContainsFunc(commands[why], func(c string) bool { return strings.Contains(text, c) }) {
			score += 2
		}
		if score > most {
			most = score
			best = hcl.Range{Filename: rng.Filename, Start: hcl.Pos{Line: n, Column: 1}, End: hcl.Pos{Line: n, Column: len(text) + 1}}
		}
	}
	return best
}
