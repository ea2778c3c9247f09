package release

import (
	"fmt"
	"path/filepath"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// known is what the two builds say of how they were made, so that a value that
// differs is recognised.
func (b *Build) known() cause.Builds {
	known := cause.Builds{Epoch: &b.Closure[0].Epoch, Varied: map[string]cause.Variation{}}
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
		layer, name := recipe.LayerConfig, ""
		if place := c.Places[0]; len(place) > 1 {
			if _, err := fmt.Sscanf(place[0], "layer %d", &layer); err == nil {
				name = place[1]
			}
		}
		r, rng := recipe.Origin(b.Closure, layer, name, commands[c.Name])
		if rng.Start.Line > 0 {
			c.Source = fmt.Sprintf("%s:%d", filepath.Join(b.Recipes, r.Name, recipe.FileName), rng.Start.Line)
		}
	}
}

// commands are words of a script that lead to a cause.
var commands = map[cause.Name][]string{
	cause.Timestamp:   {"date", "gzip", "tar ", "zip", "touch", "compileall", "go build"},
	cause.Epoch:       {"date", "time", "gcc", "go build"},
	cause.BuildPath:   {"go build", "go install", "gcc", "cc ", "make", "cargo", "compileall", "pwd", "PWD"},
	cause.BuildID:     {"go build", "go install", "gcc", "ld "},
	cause.Hostname:    {"hostname", "uname", "HOSTNAME"},
	cause.User:        {"whoami", "id ", "USER", "LOGNAME"},
	cause.Environment: {"env", "export", "TERM", "set"},
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
