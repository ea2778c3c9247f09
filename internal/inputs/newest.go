package inputs

import (
	"fmt"
	"go/version"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// NewestModule returns the newest version that is newer than current, or current.
// Versions and latest are what [Fetcher.Versions] returns. Pre-releases count only
// when current is one, and a pseudo-version only when current is one.
func NewestModule(current string, versions []string, latest string) string {
	pseudo := module.IsPseudoVersion(current)
	unstable := semver.Prerelease(current) != "" && !pseudo
	newest := current
	for _, v := range versions {
		if semver.Compare(v, newest) > 0 && (semver.Prerelease(v) == "" || unstable) {
			newest = v
		}
	}
	if pseudo && module.IsPseudoVersion(latest) && semver.Compare(latest, newest) > 0 {
		newest = latest
	}
	return newest
}

// goPrefix is what the versions of the module that has Go's releases begin with.
const goPrefix = "v0.0.1-go"

// A GoVersionError reports a toolchain's version that is not v0.0.1-goVERSION.OS-ARCH.
type GoVersionError struct{ Version string }

func (e *GoVersionError) Error() string {
	return fmt.Sprintf("%q is no version of a Go toolchain", e.Version)
}

// NewestGo returns Go's releases of current and, of the same system, the newest of
// versions and the newest that has the same language version (1.26 of 1.26.8), all
// without "go" in front. Pre-releases count only when current is one. Its error is
// a *GoVersionError, for current only.
func NewestGo(current string, versions []string) (locked, newest, patch string, err error) {
	locked, system, ok := goRelease(current)
	if !ok {
		return "", "", "", &GoVersionError{current}
	}
	newest, patch = locked, locked
	for _, v := range versions {
		release, other, ok := goRelease(v)
		if !ok || other != system || isGoPreRelease(release) && !isGoPreRelease(locked) {
			continue
		}
		if version.Compare("go"+release, "go"+newest) > 0 {
			newest = release
		}
		if version.Lang("go"+release) == version.Lang("go"+locked) && version.Compare("go"+release, "go"+patch) > 0 {
			patch = release
		}
	}
	return locked, newest, patch, nil
}

// goRelease splits v0.0.1-go1.26.8.linux-amd64 into 1.26.8 and linux-amd64.
func goRelease(v string) (release, system string, ok bool) {
	rest, ok := strings.CutPrefix(v, goPrefix)
	i := strings.LastIndex(rest, ".")
	if !ok || i < 0 || !version.IsValid("go"+rest[:i]) {
		return "", "", false
	}
	return rest[:i], rest[i+1:], true
}

func isGoPreRelease(release string) bool { return strings.ContainsAny(release, "br") }
