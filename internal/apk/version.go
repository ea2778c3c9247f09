package apk

import (
	"cmp"
	"strings"
)

const (
	maxVersion = 256
	// maxDigits is how many digits apk takes in one number.
	maxDigits = 17
)

// The kinds of part that a version has. Of two versions that are equal up to
// here, the one whose next part has the larger kind is the older one, unless a
// part is a pre-release suffix; so 1.2 < 1.2-r0 < 1.2_p1 < 1.2a < 1.2.1.
type partKind int

const (
	zeros        partKind = iota // after a dot: a number, or the zeros before it
	number                       // the first number, or one that follows zeros or a letter
	letter                       // 1.2a
	suffix                       // 1.2_rc
	suffixNumber                 // 1.2_rc1
	revision                     // 1.2-r1
	end
)

type part struct {
	kind partKind
	// value is a number, a letter's code, the rank of a suffix, or the negative
	// count of zeros before a number that begins with one: apk sorts 1.005, 1.0,
	// 1.05, 1.5.
	value int64
}

// suffixes are in the order in which apk looks for them, since "p" is also the
// beginning of "pre". Those below zero come before the release.
var suffixes = []struct {
	name string
	rank int64
}{
	{"alpha", -4},
	{"beta", -3},
	{"pre", -2},
	{"rc", -1},
	{"cvs", 0},
	{"svn", 1},
	{"git", 2},
	{"hg", 3},
	{"p", 4},
}

// A Version is a version that apk can order. The zero Version is not one.
type Version struct {
	text  string
	parts []part // the last one is of kind end
}

// ParseVersion parses a version as apk 2 does: 1.2.3, a letter, any number of
// suffixes such as _rc1, and a revision such as -r0. Like apk it takes much that
// no packager would write, for example "1." and "1.0b1". Its error is a
// *VersionError.
func ParseVersion(s string) (Version, error) {
	v := Version{text: s}
	if s == "" || len(s) > maxVersion {
		return Version{}, &VersionError{s}
	}
	kind, rest := number, s
	for {
		value, n, ok := readPart(kind, rest)
		if !ok {
			return Version{}, &VersionError{s}
		}
		v.parts = append(v.parts, part{kind, value})
		if kind == zeros && strings.HasPrefix(rest, "0") {
			kind, rest = number, rest[n:]
			continue
		}
		rest = rest[n:]
		if rest == "" {
			v.parts = append(v.parts, part{kind: end})
			return v, nil
		}
		next, n, ok := nextPart(kind, rest)
		if !ok {
			return Version{}, &VersionError{s}
		}
		kind, rest = next, rest[n:]
	}
}

// readPart returns the value of the part of that kind which s begins with, and
// its length.
func readPart(kind partKind, s string) (value int64, n int, ok bool) {
	switch kind {
	case letter:
		return int64(s[0]), 1, true
	case suffix:
		for _, known := range suffixes {
			if strings.HasPrefix(s, known.name) {
				return known.rank, len(known.name), true
			}
		}
		return 0, 0, s == "" // as in 1.0_, which apk takes
	case zeros:
		if n = len(s) - len(strings.TrimLeft(s, "0")); n > 0 {
			return int64(1 - n), n - 1, true // the last zero begins the number
		}
	}
	for ; n < len(s) && isDigit(s[n]); n++ {
		if n == maxDigits {
			return 0, 0, false
		}
		value = value*10 + int64(s[n]-'0')
	}
	return value, n, true
}

// nextPart returns the kind of part that s begins with, after one of kind, and
// how long the separator is.
func nextPart(kind partKind, s string) (next partKind, separator int, ok bool) {
	switch {
	case kind <= number && 'a' <= s[0] && s[0] <= 'z':
		return letter, 0, true
	case kind == letter && isDigit(s[0]):
		return number, 0, true
	case kind == suffix && isDigit(s[0]):
		return suffixNumber, 0, true
	case s[0] == '.':
		return zeros, 1, kind <= number
	case s[0] == '_':
		return suffix, 1, kind <= suffixNumber
	case strings.HasPrefix(s, "-r"):
		return revision, 2, true
	}
	return 0, 0, false
}

// String returns the version as it was parsed.
func (v Version) String() string { return v.text }

// Compare returns -1 if v is older than w, 1 if it is newer, and 0 if apk takes
// them for the same version.
func (v Version) Compare(w Version) int {
	c, _ := v.compare(w)
	return c
}

// compare is Compare. It also reports whether every part that both have is equal,
// so that one is the other's beginning.
func (v Version) compare(w Version) (c int, begins bool) {
	for i := range min(len(v.parts), len(w.parts)) {
		a, b := v.parts[i], w.parts[i]
		if a.kind == b.kind {
			if a.value != b.value {
				return cmp.Compare(a.value, b.value), false
			}
			continue
		}
		switch {
		case a.kind == suffix && a.value < 0:
			return -1, true
		case b.kind == suffix && b.value < 0:
			return 1, true
		}
		return cmp.Compare(b.kind, a.kind), true
	}
	return cmp.Compare(len(v.parts), len(w.parts)), true
}

// CompareVersions returns what Version.Compare does for the versions a and b. Its
// error is a *VersionError.
func CompareVersions(a, b string) (int, error) {
	v, err := ParseVersion(a)
	if err != nil {
		return 0, err
	}
	w, err := ParseVersion(b)
	if err != nil {
		return 0, err
	}
	return v.Compare(w), nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
