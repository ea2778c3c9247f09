package apk

import (
	"encoding/hex"
	"fmt"
	"strings"
)

const (
	maxInfo     = 4 << 20
	maxInfoLine = 64 << 10
)

// Info is what a package says of itself, in .PKGINFO.
type Info struct {
	Name, Version string
	Arch          string
	Description   string
	URL           string
	License       string
	// Origin is the name of the source package.
	Origin string
	// Commit is that of the package's sources.
	Commit     string
	Maintainer string
	Packager   string
	// BuildTime is in seconds since 1970.
	BuildTime int64
	// InstalledSize is in bytes.
	InstalledSize int64

	Depends, Provides, InstallIf []string
	// Replaces are packages whose files this one may overwrite.
	Replaces []string
	// Triggers are the folders whose changes run the package's trigger.
	Triggers         []string
	ProviderPriority int64

	// DataHash is the sha256, in hex, of the data archive's compressed bytes.
	DataHash string
}

// parseInfo parses a .PKGINFO: lines of a name, " = " and a value. Names that are
// not known are skipped, as apk does.
func parseInfo(what, text string) (*Info, error) {
	info := &Info{}
	seen := map[string]bool{}
	for n, line := range strings.Split(text, "\n") {
		fail := func(problem string) (*Info, error) {
			return nil, &FormatError{fmt.Sprintf("%s, line %d", what, n+1), problem, nil}
		}
		if len(line) > maxInfoLine {
			return nil, &LimitError{fmt.Sprintf("%s, line %d", what, n+1), maxInfoLine}
		}
		if line == "" || line[0] == '#' {
			continue
		}
		if hasControl(line) {
			return fail("has a control character")
		}
		key, value, ok := strings.Cut(line, " = ")
		if !ok {
			return fail(fmt.Sprintf("%q is no field", clip(line)))
		}
		if list := info.list(key); list != nil {
			*list = append(*list, strings.Fields(value)...)
			continue
		}
		if seen[key] {
			return fail(fmt.Sprintf("%q is there twice", clip(key)))
		}
		seen[key] = true
		if err := info.set(key, value); err != nil {
			return fail(err.Error())
		}
	}
	if err := checkIdentity(info.Name, info.Version, info.Arch); err != nil {
		return nil, &FormatError{what, err.Error(), nil}
	}
	if sum, err := hex.DecodeString(info.DataHash); err != nil || len(sum) != 32 {
		return nil, &FormatError{what, "has no sha256 of the data archive", nil}
	}
	return info, nil
}

// list returns the list that lines of key add to, nil when key has one value.
func (i *Info) list(key string) *[]string {
	switch key {
	case "depend":
		return &i.Depends
	case "provides":
		return &i.Provides
	case "install_if":
		return &i.InstallIf
	case "replaces":
		return &i.Replaces
	case "triggers":
		return &i.Triggers
	}
	return nil
}

func (i *Info) set(key, value string) (err error) {
	switch key {
	case "pkgname":
		i.Name = value
	case "pkgver":
		i.Version = value
	case "arch":
		i.Arch = value
	case "pkgdesc":
		i.Description = value
	case "url":
		i.URL = value
	case "license":
		i.License = value
	case "origin":
		i.Origin = value
	case "commit":
		i.Commit = value
	case "maintainer":
		i.Maintainer = value
	case "packager":
		i.Packager = value
	case "builddate":
		i.BuildTime, err = parseSize(value)
	case "size":
		i.InstalledSize, err = parseSize(value)
	case "provider_priority":
		i.ProviderPriority, err = parseSize(value)
	case "datahash":
		i.DataHash = strings.ToLower(value)
	}
	return err
}
