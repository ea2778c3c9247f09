// Package filetype takes a file apart into parts with names: an archive into its
// members, a program into its sections, a compressed file into header and content.
//
// A parser sees one file, never two: what differs is found by comparing the parts of
// two files by name, and inside those that are files themselves. Parsers explain and
// never decide, so one that gives up, on what is damaged or too large, loses an
// explanation and nothing else. All input is hostile: everything has a limit, and
// nothing panics.
package filetype

import (
	"errors"
	"fmt"
	"io"
)

// The formats.
const (
	Gzip      = "gzip"
	APK       = "apk" // Alpine's package format 2: concatenated gzip members
	Tar       = "tar"
	Zip       = "zip"
	JAR       = "jar" // a zip with a manifest
	Cpio      = "cpio"
	JKS       = "jks" // a key store of Java's
	Ar        = "ar"
	Zstd      = "zstd"
	Xz        = "xz"
	Bzip2     = "bzip2"
	Pyc       = "pyc"
	SQLite    = "sqlite"
	MO        = "mo" // messages of gettext
	PNG       = "png"
	PE        = "pe"
	PEM       = "pem"
	X509      = "x509"
	LdCache   = "ld.so.cache"
	Passwd    = "passwd"
	Shadow    = "shadow"
	Group     = "group"
	GShadow   = "gshadow"
	PkgInfo   = "pkginfo"      // .PKGINFO, of an apk
	Installed = "apk database" // lib/apk/db/installed, and indexes
	Manifest  = "manifest"     // of a JAR
	ELF       = "elf"
	MachO     = "mach-o"
	ADB       = "apk 3" // Alpine's package format 3
	Deb       = "deb"   // an ar that begins with debian-binary
)

// A Content is the bytes of a file.
type Content interface {
	io.ReaderAt
	// Size is in bytes.
	Size() int64
}

// A File is a file that was taken apart.
type File struct {
	// Format is the parser's name for it, for example "gzip".
	Format string
	// Parts are in the file's order, each name once.
	Parts []Part
	// Skipped says, in words, what of the file is in no part because of a limit, "" if
	// nothing is.
	Skipped string
}

// A Part is a field, which has a value, or a piece with content of its own.
type Part struct {
	// Name is the format's own word, for example "mtime", ".rodata", a member's
	// path. It comes from the file: quote it.
	Name string
	// Value is a field's, as text: times in RFC 3339, numbers in decimal.
	Value string
	// Open returns the content, decoded; nil for a field. What it returns may fail
	// halfway, and is closed by the caller. It is a [RawContent] if the content stands
	// in the file as it is.
	Open func() (io.ReadCloser, error)
	// Length is how many bytes the content has once it is decoded, as the file says; 0 if
	// it doesn't say.
	Length int64
	// Fields are what the file says about this part: a member's mtime and mode.
	// They have no content, and no fields of their own.
	Fields []Part
	// Encoding says how the content is encoded in the file, for example "deflate", ""
	// if it stands there as it is. Encoded otherwise, it may be the same content.
	Encoding string
	// Of is the name of the part whose content this one explains, "" if there is
	// none: where that is the same, so is this.
	Of string
	// Text says that Value or content is the format's own rendering, for people, of
	// what is binary in the file: rows of a database, the names in a code object.
	Text bool
	// Derived says that the part follows from others: a checksum, a length, an offset.
	// It is only of interest when nothing else in the file differs.
	Derived bool
	// Near says what is at an offset of the content, for example in which function, ""
	// where that isn't known. It is nil for contents that have no names for places.
	Near func(offset int64) string
	// Offset and Size are which bytes of the file the part stands for, for what no
	// part explains. A part that repeats what others have, for people, has no Size.
	Offset, Size int64
}

// A RawContent is one that need not be read from its beginning to its end.
type RawContent interface {
	io.ReadCloser
	// Section returns all of it. Its error is that of Read, when too much was read.
	Section() (*io.SectionReader, error)
}

// Limits bound what a parser reads. A zero field means its default.
type Limits struct {
	// Parts is how many a file may have, fields among them. The default is 100,000.
	Parts int
	// Memory is how many bytes a parser may hold at once. The default is 16 MiB.
	Memory int64
	// Decoded is how many bytes all contents of one file may have once they are
	// decoded. The default is 4 GiB.
	Decoded int64
}

// ErrUnknown reports that no parser knows a file.
var ErrUnknown = errors.New("no known file type")

// defaults returns l with its zero fields set.
func (l Limits) defaults() Limits {
	if l.Parts <= 0 {
		l.Parts = 100_000
	}
	if l.Memory <= 0 {
		l.Memory = 16 << 20
	}
	if l.Decoded <= 0 {
		l.Decoded = 4 << 30
	}
	return l
}

// A LimitError reports that a file is too large, in What, to be taken apart.
type LimitError struct {
	What  string
	Limit int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("not taken apart: more than %d %s", e.Limit, e.What)
}

// A FormatError reports a file that isn't what its first bytes say.
type FormatError struct{ Format, Detail string }

func (e *FormatError) Error() string { return e.Format + ": " + e.Detail }
