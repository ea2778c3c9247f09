package lock

import (
	"encoding/base64"
	"net/url"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
)

var (
	namePattern = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)
	hexPattern  = lazyregexp.New(`^[0-9a-f]{64}$`)
	keyPattern  = lazyregexp.New(`^[A-Za-z0-9_@+][A-Za-z0-9._@+-]*\.rsa\.pub$`)
	apkPattern  = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9._+~-]{0,127}$`)
	wantPattern = lazyregexp.New(`^!?[A-Za-z0-9_./:][A-Za-z0-9._+:/@<>=~-]{0,255}$`)
)

func isName(s string) bool { return namePattern.MatchString(s) }
func isHex(s string) bool  { return hexPattern.MatchString(s) }
func isArch(s string) bool { return s == "x86_64" || s == "aarch64" }

// isAPK reports whether s can be the name or version of an apk, and so a part of
// its file's name.
func isAPK(s string) bool { return apkPattern.MatchString(s) }

// isKey reports whether s can be the name of a key's file.
func isKey(s string) bool { return len(s) <= 255 && keyPattern.MatchString(s) }

// isWanted reports whether s can be what apk is asked to install.
func isWanted(s string) bool { return wantPattern.MatchString(s) }

func isDigest(s string) bool {
	hex, ok := strings.CutPrefix(s, "sha256:")
	return ok && isHex(hex)
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil && u.Fragment == ""
}

func isModule(s string) bool { return module.CheckPath(s) == nil }

func isVersion(s string) bool {
	return len(s) <= 256 && semver.IsValid(s) && s == module.CanonicalVersion(s)
}

// isPackage reports whether s is a pattern for packages below the module's folder,
// and so never a flag.
func isPackage(s string) bool {
	return s == "." || strings.HasPrefix(s, "./") && len(s) <= 1024
}

// isSum reports whether s is a sum of golang.org/x/mod/sumdb/dirhash's first kind.
func isSum(s string) bool {
	enc, ok := strings.CutPrefix(s, "h1:")
	sum, err := base64.StdEncoding.Strict().DecodeString(enc)
	return ok && err == nil && len(sum) == 32
}

// parseModule parses what Module.String writes.
func parseModule(s string) (Module, bool) {
	fields := strings.Split(s, " ")
	var m Module
	switch len(fields) {
	case 3:
		version, ok := strings.CutSuffix(fields[1], "/go.mod")
		m = Module{Path: fields[0], Version: version, GoModSum: fields[2]}
		if !ok {
			return Module{}, false
		}
	case 4:
		m = Module{Path: fields[0], Version: fields[1], Sum: fields[2], GoModSum: fields[3]}
		if !isSum(m.Sum) {
			return Module{}, false
		}
	default:
		return Module{}, false
	}
	ok := module.Check(m.Path, m.Version) == nil && isVersion(m.Version) && isSum(m.GoModSum)
	return m, ok
}
