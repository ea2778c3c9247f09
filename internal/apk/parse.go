package apk

import (
	"fmt"
	"strconv"
	"strings"
)

const maxName = 255

// parseIndex parses the packages of an APKINDEX: lines of one letter, a colon and
// a value, and an empty line after each package. Lines of the letters in skip are
// left out, and there are at most as many packages as most says.
func parseIndex(name, text, skip string, most int) ([]Package, error) {
	packages := make([]Package, 0, min(strings.Count(text, "\n\n"), most))
	var e entry
	for line := 1; text != ""; line++ {
		fail := func(problem string) ([]Package, error) {
			return nil, &FormatError{fmt.Sprintf("%s, line %d", name, line), problem, nil}
		}
		value, rest, ended := strings.Cut(text, "\n")
		if !ended {
			return fail("the file ends within a line")
		}
		text = rest
		if len(value) > maxIndexLine {
			return nil, &LimitError{fmt.Sprintf("%s, line %d", name, line), maxIndexLine}
		}
		if value != "" {
			if err := e.add(value, skip); err != nil {
				return fail(err.Error())
			}
			if text != "" {
				continue
			}
		}
		if e.seen == 0 {
			return fail("an empty line that ends no package")
		}
		if err := e.check(); err != nil {
			return fail(err.Error())
		}
		if len(packages) == most {
			return nil, &LimitError{"number of packages in " + name, int64(most)}
		}
		packages = append(packages, e.pkg)
		e = entry{}
	}
	return packages, nil
}

// An entry is a package of which some lines were read. seen has a bit for each
// letter that was.
type entry struct {
	pkg  Package
	seen uint64
}

// add takes one line, unless its letter is in skip.
func (e *entry) add(line, skip string) error {
	letter := line[0]
	if len(line) < 2 || line[1] != ':' || !isLetter(letter) {
		return fmt.Errorf("%q is no field", clip(line))
	}
	if strings.IndexByte(skip, letter) >= 0 {
		return nil
	}
	if hasControl(line) {
		return fmt.Errorf("field %c has a control character", letter)
	}
	bit := uint64(1) << (letter - 'A')
	if e.seen&bit != 0 {
		return fmt.Errorf("field %c is there twice", letter)
	}
	e.seen |= bit
	if err := e.pkg.set(letter, line[2:]); err != nil {
		return fmt.Errorf("field %c: %w", letter, err)
	}
	return nil
}

func (p *Package) set(letter byte, value string) (err error) {
	switch letter {
	case 'P':
		p.Name = value
	case 'V':
		p.Version = value
	case 'A':
		p.Arch = value
	case 'S':
		p.Size, err = parseSize(value)
	case 'I':
		p.InstalledSize, err = parseSize(value)
	case 'C':
		p.Checksum, err = parseChecksum(value)
	case 'T':
		p.Description = value
	case 'U':
		p.URL = value
	case 'L':
		p.License = value
	case 'o':
		p.Origin = value
	case 'm':
		p.Maintainer = value
	case 't':
		p.BuildTime, err = parseSize(value)
	case 'c':
		p.Commit = value
	case 'D':
		p.Depends = strings.Fields(value)
	case 'p':
		p.Provides = strings.Fields(value)
	case 'i':
		p.InstallIf = strings.Fields(value)
	case 'k':
		p.ProviderPriority, err = parseSize(value)
	default:
		// apk skips fields in lower case that it doesn't know, and packages that
		// have others.
		p.Uninstallable = p.Uninstallable || letter <= 'Z'
	}
	return err
}

// check reports what no entry can be without.
func (e *entry) check() error {
	for _, letter := range []byte("CPVAS") {
		if e.seen&(1<<(letter-'A')) == 0 {
			return fmt.Errorf("package %q has no field %c", clip(e.pkg.Name), letter)
		}
	}
	return checkIdentity(e.pkg.Name, e.pkg.Version, e.pkg.Arch)
}

// checkIdentity reports a name, version or architecture that could mean something
// else in a path, a URL or a lock.
func checkIdentity(name, version, arch string) error {
	for _, f := range []struct{ what, value, other string }{
		{"name of a package", name, "+._-"},
		{"version of a package", version, "+._-~"},
		{"architecture", arch, "_"},
	} {
		if f.value == "" || len(f.value) > maxName || !isAlnum(rune(f.value[0])) ||
			strings.ContainsFunc(f.value, func(r rune) bool { return !isAlnum(r) && !strings.ContainsRune(f.other, r) }) {
			return fmt.Errorf("%q is not the %s", clip(f.value), f.what)
		}
	}
	return nil
}

// parseSize parses a number that is not negative: a size, a time, a priority.
func parseSize(s string) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%q is no number", clip(s))
	}
	return int64(n), nil
}

// hasControl reports an ASCII control character in s.
func hasControl(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return true
		}
	}
	return false
}

func isLetter(c byte) bool { return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' }

func isAlnum(r rune) bool {
	return r < 0x80 && (isLetter(byte(r)) || isDigit(byte(r)))
}
