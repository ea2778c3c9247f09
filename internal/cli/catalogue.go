package cli

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"strings"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/regular"
)

// trustRootPrefix is before the name of a trust root where a file could be meant.
const trustRootPrefix = "trust-root:"

// Limits on a catalogue.
const (
	maxCatalogue = 4 << 20 // bytes
	maxEntries   = 10_000
)

// A catalogued is a release to be audited, and which image it has to be if that is
// known.
type catalogued struct {
	Target string        `json:"target"`
	Expect digest.Digest `json:"expect,omitempty"`
}

// A catalogueError reports a line of a catalogue that makes no sense.
type catalogueError struct {
	File   string
	Line   int
	Reason string
}

func (e *catalogueError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Reason) }

// readCatalogue reads a file of releases: a target a line, with the digest to expect
// after it, or a JSON object with both. Lines that are empty or begin with # don't
// count.
func readCatalogue(file string) ([]catalogued, error) {
	b, err := regular.Read(file, maxCatalogue)
	if err != nil {
		return nil, err
	}
	return parseCatalogue(file, b)
}

func parseCatalogue(file string, b []byte) ([]catalogued, error) {
	var all []catalogued
	seen := map[string]int{}
	n := 0
	for line := range bytes.Lines(b) {
		n++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		e, reason := parseEntry(line)
		if first, again := seen[e.Target]; reason == "" && again {
			reason = fmt.Sprintf("%q is on line %d already", e.Target, first)
		}
		if reason == "" && len(all) == maxEntries {
			reason = fmt.Sprintf("more than %d releases", maxEntries)
		}
		if reason != "" {
			return nil, &catalogueError{file, n, reason}
		}
		seen[e.Target] = n
		all = append(all, e)
	}
	return all, nil
}

func parseEntry(line []byte) (e catalogued, reason string) {
	if line[0] == '{' {
		var fields map[string]string
		if err := oci.UnmarshalJSON("entry", line, &fields); err != nil {
			return e, err.Error()
		}
		for name, value := range fields {
			switch name {
			case "target":
				e.Target = value
			case "expect":
				e.Expect = digest.Digest(value)
			default:
				return e, fmt.Sprintf("%q is neither target nor expect", name)
			}
		}
	} else {
		fields := strings.Fields(string(line))
		if len(fields) > 2 {
			return e, "more than a release and a digest"
		}
		e.Target = fields[0]
		if len(fields) == 2 {
			e.Expect = digest.Digest(fields[1])
		}
	}
	if e.Target == "" {
		return e, "no release"
	}
	if e.Expect != "" && (e.Expect.Validate() != nil || e.Expect.Algorithm() != digest.SHA256) {
		return e, fmt.Sprintf("%.100q is no digest, sha256:HEX", string(e.Expect))
	}
	return e, ""
}

// catalogue returns the releases that are to be audited. Those of a trust root are at
// the registry, under the names that it has for them, and have to be the images that
// it lists.
func (a *app) catalogue(ctx context.Context, f auditFlags) ([]catalogued, error) {
	name, ok := strings.CutPrefix(f.many.all, trustRootPrefix)
	if !ok {
		return readCatalogue(f.many.all)
	}
	by, err := a.newSignedBy(f)
	if err != nil {
		return nil, err
	}
	releases, err := by.judge.assessor.Releases(ctx, name)
	if err != nil {
		return nil, err
	}
	platform := f.judge.platform
	if platform == "" {
		platform = "linux/" + runtime.GOARCH
	}
	var all []catalogued
	for _, r := range releases {
		image, ok := r.Target.Platforms[platform]
		if !ok {
			a.warn("%s is not for %s", r.Ref, platform)
			continue
		}
		all = append(all, catalogued{Target: f.many.registry + "/" + r.Ref.String(), Expect: image})
	}
	return all, nil
}
