// Package apk reads what Alpine's package manager does, in the formats of
// apk-tools 2: signed repository indexes (APKINDEX.tar.gz), packages (.apk),
// public keys, versions and constraints, and the database of what is installed.
//
// It resolves nothing: which packages a constraint needs is decided by apk itself.
// It uses no network, clock or environment, reads nothing without a limit, and
// returns nothing from a file before a key of the caller's has signed it, but from
// the database, which nobody signs.
//
// The formats have no specification but apk-tools. An index is two gzip members: a
// tar archive with signatures, and one with DESCRIPTION and APKINDEX, whose bytes
// are signed as they are. A package is three: the signatures, the control archive
// with .PKGINFO and scripts, whose bytes are signed, and the data archive, whose
// sha256 .PKGINFO has.
package apk

import (
	"encoding/base64"
	"fmt"
	"strings"
)

var encoding = base64.StdEncoding.Strict()

// A Package is the entry of one package in an index.
type Package struct {
	// Name and Version have no character that means something in a path or URL.
	Name, Version string
	Arch          string
	// Size is that of the package's file, in bytes.
	Size int64
	// InstalledSize is in bytes.
	InstalledSize int64
	// Checksum is the SHA-1 of the control archive's compressed bytes.
	Checksum Checksum

	Description string
	URL         string
	License     string
	// Origin is the name of the source package.
	Origin     string
	Maintainer string
	// BuildTime is in seconds since 1970.
	BuildTime int64
	// Commit is that of the package's sources.
	Commit string

	// Depends, Provides and InstallIf are as in the index: ParseConstraint reads
	// those of Depends and InstallIf. What is provided is a name or name=version,
	// and the version need not be one that ParseVersion takes.
	Depends, Provides, InstallIf []string
	// ProviderPriority decides between packages that provide the same name.
	ProviderPriority int64
	// Uninstallable says that the entry has a field which apk 2 doesn't know and
	// so doesn't install the package.
	Uninstallable bool
}

// String returns "name-version".
func (p *Package) String() string { return p.Name + "-" + p.Version }

// A Checksum is the SHA-1 that identifies a package to apk. It is checked where
// apk does and never relied on alone.
type Checksum [20]byte

// String returns the checksum as an index has it, "Q1" and base64.
func (c Checksum) String() string { return "Q1" + encoding.EncodeToString(c[:]) }

// parseChecksum parses what String returns.
func parseChecksum(s string) (Checksum, error) {
	text, ok := strings.CutPrefix(s, "Q1")
	if ok && len(text) == encoding.EncodedLen(len(Checksum{})) {
		if sum, err := encoding.DecodeString(text); err == nil && len(sum) == len(Checksum{}) {
			return Checksum(sum), nil
		}
	}
	return Checksum{}, fmt.Errorf("%q is no SHA-1 checksum of apk's", clip(s))
}
