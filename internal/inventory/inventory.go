// Package inventory reads what an image says is in it, from the entries of its
// layers: the database of apk's packages, os-release, and the build information
// that the go command leaves in programs.
//
// All of that is the image's own word. It is read within limits, never executed,
// and the same layers always give the same inventory or the same error.
package inventory

import (
	"fmt"

	"gitlab.com/tailsbuild/tailsbuild/internal/apk"
)

// An Inventory is what an image has once all its layers are applied.
type Inventory struct {
	System System
	// Packages are those in apk's database, sorted by name.
	Packages []apk.Package
	// Programs are ELF files with the go command's build information, sorted by
	// path.
	Programs []Program
}

// A System is what os-release calls itself (os-release(5)), in the characters that
// it may use; "" for what isn't there or has others.
type System struct{ ID, Version string }

// A Program is a file that was built by the go command.
type Program struct {
	// Path is absolute.
	Path string
	// SHA256 is that of the file, in hex.
	SHA256 string
	// Go is the toolchain's version, "go1.26.8".
	Go string
	// Package is the path of its main package, and Main the module of that. A
	// module that was built where it lies has the version "(devel)", or none.
	Package string
	Main    Module
	// Modules are all others that it was built from, as they were: replacements in
	// place of what they replace. They are sorted, each once.
	Modules []Module
}

// A Module is one version of a Go module. Sum is the h1 sum of its content, "" if
// it isn't known.
type Module struct{ Path, Version, Sum string }

// Limits.
const (
	maxRelease = 64 << 10
	// maxProgram is how many bytes an ELF file may have, maxProgramRead how many of
	// them, read twice or not, may be needed to find build information, and maxRead
	// how many at once: the search for it reads 1 MiB, and what is found is in memory.
	maxProgram     = 1 << 30
	maxProgramRead = 256 << 20
	maxRead        = 2 << 20
	maxPrograms    = 1000
	maxModules     = 20_000 // of one program
)

// A FormatError reports a file of an image that is not what it should be.
type FormatError struct{ File, Problem string }

func (e *FormatError) Error() string { return fmt.Sprintf("%q in the image: %s", e.File, e.Problem) }

// A LimitError reports that What has more than Limit bytes or entries.
type LimitError struct {
	What  string
	Limit int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: more than %d, which is the limit", e.What, e.Limit)
}
