package apk

import (
	"fmt"
	"strings"
)

// Limits on a list of releases. Alpine's have about ten, in 5 KiB.
const (
	// MaxReleases is how many bytes the list may have.
	MaxReleases = 1 << 20
	maxReleases = 1000
)

// A Release is one file of the newest release of an Alpine branch.
type Release struct {
	// Flavor is what kind of file it is, such as "alpine-minirootfs".
	Flavor  string
	Branch  string // "v3.19"
	Arch    string
	Version string // "3.19.4"
}

// ReadReleases reads b, a latest-releases.yaml file, as Alpine's mirrors have one
// beside the root file systems of a branch. Nobody signs it: what it says is a hint
// and nothing more. name only appears in errors, which are *FormatError and
// *LimitError.
//
// It reads the YAML that Alpine writes and no other: a list of tables whose texts
// are on the line of their name. Names that are not those of Release are skipped.
func ReadReleases(name string, b []byte) ([]Release, error) {
	if len(b) > MaxReleases {
		return nil, &LimitError{name, MaxReleases}
	}
	var all []Release
	for i, line := range strings.Split(string(b), "\n") {
		fail := func(problem string) ([]Release, error) {
			return nil, &FormatError{fmt.Sprintf("%s, line %d", name, i+1), problem, nil}
		}
		if hasControl(line) {
			return fail("has a control character")
		}
		if rest, ok := strings.CutPrefix(line, "-"); ok && (rest == "" || rest[0] == ' ') {
			if len(all) == maxReleases {
				return nil, &LimitError{"number of releases in " + name, maxReleases}
			}
			all = append(all, Release{})
			line = " " + rest
		}
		field, ok := strings.CutPrefix(line, "  ")
		if !ok || field == "" || field[0] == ' ' {
			continue // "---", an empty line, or more lines of a text
		}
		key, value, ok := strings.Cut(field, ":")
		if !ok || len(all) == 0 {
			return fail(fmt.Sprintf("%q is no field of a release", clip(line)))
		}
		if err := all[len(all)-1].set(key, strings.Trim(strings.TrimSpace(value), `"`)); err != nil {
			return fail(err.Error())
		}
	}
	return all, nil
}

func (r *Release) set(key, value string) error {
	field := map[string]*string{"flavor": &r.Flavor, "branch": &r.Branch, "arch": &r.Arch, "version": &r.Version}[key]
	if field == nil {
		return nil
	}
	if *field != "" {
		return fmt.Errorf("%s is there twice", key)
	}
	if key == "version" {
		if _, err := ParseVersion(value); err != nil {
			return err
		}
	}
	*field = value
	return nil
}
