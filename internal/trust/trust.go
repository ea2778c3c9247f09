// Package trust is the client's side of the trust root: TUF metadata (specification
// 1.0.x) that binds an image's name and version to its manifest's digest, says who
// may sign which names, and expires.
//
// What the officers do with the same metadata is package trustroot.
package trust

import (
	"fmt"
	"strconv"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
)

// A Ref names one release of an image.
type Ref struct {
	Name    string `json:"name"`    // of the recipe
	Version string `json:"version"` // of what is packaged
	Release int    `json:"release"` // counts packagings of one version, from 0
}

// The rules for names and versions are those of recipes.
var (
	namePattern    = lazyregexp.New(`^[a-z0-9]+([.-][a-z0-9]+)*$`)
	versionPattern = lazyregexp.New(`^[0-9A-Za-z_][0-9A-Za-z._-]*$`)
)

const (
	maxName    = 63
	maxVersion = 100
	maxRelease = 9999
)

// Check returns a *[FormatError] when r names no release.
func (r Ref) Check() error {
	switch {
	case len(r.Name) > maxName || !namePattern.MatchString(r.Name):
		return &FormatError{What: "image name", Problem: fmt.Sprintf("%q is no recipe's name", r.Name)}
	case len(r.Version) > maxVersion || !versionPattern.MatchString(r.Version):
		return &FormatError{What: "image version", Problem: fmt.Sprintf("%q is no version", r.Version)}
	case r.Release < 0 || r.Release > maxRelease:
		return &FormatError{What: "image release", Problem: fmt.Sprintf("%d is not between 0 and %d", r.Release, maxRelease)}
	}
	return nil
}

// Path returns the path of r among the targets, NAME/VERSION-rRELEASE. [ParsePath]
// is its inverse.
func (r Ref) Path() string { return fmt.Sprintf("%s/%s-r%d", r.Name, r.Version, r.Release) }

// String returns r as people write it, NAME:VERSION-rRELEASE.
func (r Ref) String() string { return fmt.Sprintf("%s:%s-r%d", r.Name, r.Version, r.Release) }

// ParsePath reads the path of a target. A path that [Ref.Path] would not write
// gives a *[FormatError].
func ParsePath(path string) (Ref, error) {
	bad := &FormatError{What: "target path", Problem: fmt.Sprintf("%.200q is not NAME/VERSION-rRELEASE", path)}
	name, rest, ok := strings.Cut(path, "/")
	i := strings.LastIndex(rest, "-r")
	if !ok || i < 0 {
		return Ref{}, bad
	}
	release, err := strconv.Atoi(rest[i+2:])
	if err != nil {
		return Ref{}, bad
	}
	ref := Ref{Name: name, Version: rest[:i], Release: release}
	if ref.Check() != nil || ref.Path() != path {
		return Ref{}, bad
	}
	return ref, nil
}
