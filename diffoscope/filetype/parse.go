package filetype

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
)

// headSize is how many bytes of a file are looked at to tell its format.
const headSize = 4 << 10

// A parser knows one format, or several that begin alike.
type parser struct {
	format string
	// sniff reports whether a file is worth a try, by its first bytes and name.
	sniff func(head []byte, name string) bool
	parse func(in *input, b *builder) error
}

// parsers are in the order in which they are tried: those that know a file by its
// first bytes, then those that go by its name.
var parsers = []parser{
	{Gzip, prefix("\x1f\x8b\x08"), parseGzip},
	{Zstd, sniffZstd, parseZstd},
	{Xz, prefix(xzMagic), parseXz},
	{Bzip2, sniffBzip2, parseBzip2},
	{Zip, anyPrefix("PK\x03\x04", "PK\x05\x06"), parseZip},
	{Ar, anyPrefix(arMagic, thinMagic), parseAr},
	{ELF, prefix("\x7fELF"), parseELF},
	{MachO, sniffMacho, parseMacho},
	{ADB, sniffADB, parseADB},
	{Cpio, anyPrefix(cpioMagic, cpioSumMagic), parseCpio},
	{JKS, prefix(jksMagic), parseJKS},
	{Pyc, sniffPyc, parsePyc},
	{PE, sniffPE, parsePE},
	{LdCache, anyPrefix(ldMagic, ldOldMagic), parseLdCache},
	{SQLite, prefix(sqliteMagic), parseSqlite},
	{MO, anyPrefix("\xde\x12\x04\x95", "\x95\x04\x12\xde"), parseMo},
	{PNG, prefix(pngMagic), parsePNG},
	{Tar, sniffTar, parseTar},
	{PEM, sniffPEM, parsePEM},
	{X509, sniffX509, parseX509},
	{Passwd, sniffAccounts(Passwd), parseAccounts},
	{Shadow, sniffAccounts(Shadow), parseAccounts},
	{Group, sniffAccounts(Group), parseAccounts},
	{GShadow, sniffAccounts(GShadow), parseAccounts},
	{PkgInfo, called(".PKGINFO"), parsePkgInfo},
	{Installed, sniffInstalled, parseInstalled},
	{Manifest, called("MANIFEST.MF"), parseManifest},
}

// Parse takes the file c apart, which is called name. The format is told by the
// first bytes, and by the name, which may be a path, where these say nothing.
//
// The error is [ErrUnknown] if nobody knows the format, a [*FormatError] if the file
// is damaged, a [*LimitError] if it exceeds l, or c's. Contents are decoded when they
// are read, so theirs have the same errors, and must be used before c is closed.
func Parse(name string, c Content, l Limits) (*File, error) {
	in := newInput(c, l.defaults())
	head := make([]byte, min(headSize, c.Size()))
	if _, err := in.ReadAt(head, 0); err != nil && !(errors.Is(err, io.EOF) && len(head) == 0) {
		return nil, err
	}
	for _, p := range parsers {
		if !p.sniff(head, name) {
			continue
		}
		in.format = p.format
		b := &builder{file: File{Format: p.format}, limits: in.limits}
		err := b.run(p, in)
		var limit *LimitError
		if errors.As(err, &limit) && b.fields > 0 {
			// Members without fields are better than nothing.
			b = &builder{limits: in.limits, plain: true}
			b.file = File{Format: p.format, Skipped: fmt.Sprintf("fields of what is in it: %v", limit)}
			err = b.run(p, in)
		}
		if errors.Is(err, ErrUnknown) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return &b.file, nil
	}
	return nil, ErrUnknown
}

func prefix(magic string) func([]byte, string) bool { return anyPrefix(magic) }

func anyPrefix(magics ...string) func([]byte, string) bool {
	return func(head []byte, _ string) bool {
		for _, magic := range magics {
			if bytes.HasPrefix(head, []byte(magic)) {
				return true
			}
		}
		return false
	}
}

// called returns a sniffer for files with one of these base names.
func called(names ...string) func([]byte, string) bool {
	return func(_ []byte, name string) bool {
		for _, n := range names {
			if path.Base(name) == n {
				return true
			}
		}
		return false
	}
}
