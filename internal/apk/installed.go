package apk

import "unicode/utf8"

// MaxInstalled is how many bytes a database of installed packages may have. That of
// 15 packages has 40 kB, and one with 10,000 files 1 MB more.
const MaxInstalled = 16 << 20

const maxInstalledPackages = 10_000

// fileFields are the letters of the lines about the folders and files of a
// package, which come as often as it has some.
const fileFields = "FMRaZ"

// ParseInstalled parses text, the content of lib/apk/db/installed: the packages
// that apk has installed below a root, in its order. It has the format of an index,
// with lines about files, which are skipped. name only appears in errors, which are
// *FormatError and *LimitError.
//
// Other than an index, it is signed by nobody: it is what whoever wrote the root
// says. What isn't UTF-8, or has a name twice, is refused.
func ParseInstalled(name, text string) ([]Package, error) {
	if len(text) > MaxInstalled {
		return nil, &LimitError{name, MaxInstalled}
	}
	if !utf8.ValidString(text) {
		return nil, &FormatError{name, "not UTF-8", nil}
	}
	packages, err := parseIndex(name, text, fileFields, maxInstalledPackages)
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool, len(packages))
	for _, p := range packages {
		if seen[p.Name] {
			return nil, &FormatError{name, p.Name + " is there twice", nil}
		}
		seen[p.Name] = true
	}
	return packages, nil
}
