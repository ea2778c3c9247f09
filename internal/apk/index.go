package apk

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// MaxIndex is how many bytes an index file may have.
const MaxIndex = 64 << 20

// Limits on an index, once decompressed. Alpine's largest has 8 MiB, 18,000
// packages, and lines of 24 KiB.
const (
	maxIndexUnpacked    = 512 << 20
	maxIndexDescription = 4 << 10
	maxIndexPackages    = 500_000
	maxIndexLine        = 1 << 20
)

// An Index is a repository's list of packages for one architecture.
type Index struct {
	// Description is what the repository calls this version of itself.
	Description string
	// Time is when the index was made, in seconds since 1970. It is signed, and
	// the only thing in an index that tells an old one from a new one.
	Time int64
	// Key is the name of the key that signed the index.
	Key string
	// Packages are in the order of the index.
	Packages []Package

	byName map[string][]*Package
}

// ReadIndex verifies b, the content of an APKINDEX.tar.gz file, with the
// repository's keys, and parses it. name only appears in errors.
//
// Its errors are *SignatureError, *FormatError and *LimitError.
func ReadIndex(name string, b []byte, keys Keys) (*Index, error) {
	if len(b) > MaxIndex {
		return nil, &LimitError{name, MaxIndex}
	}
	sigs, signed, err := cutSignatures(name, b)
	if err != nil {
		return nil, err
	}
	key, err := keys.verify(name, sigs, signed)
	if err != nil {
		return nil, err
	}
	in := bytes.NewReader(signed)
	gz, err := gzip.NewReader(in)
	if err != nil {
		return nil, formatError(name, "not a gzip file", err)
	}
	gz.Multistream(false)
	x := &Index{Key: key}
	if err := x.readArchive(name, &limitReader{gz, maxIndexUnpacked, maxIndexUnpacked, name}); err != nil {
		return nil, err
	}
	if in.Len() > 0 {
		return nil, &FormatError{name, "bytes follow the index", nil}
	}
	return x, nil
}

func (x *Index) readArchive(name string, archive io.Reader) error {
	const description, list = "DESCRIPTION", "APKINDEX"
	found := map[string]string{}
	err := readTar(name, archive, 2, func(h *tar.Header, r io.Reader) error {
		limit := int64(maxIndexUnpacked)
		switch {
		case h.Typeflag != tar.TypeReg || h.Name != description && h.Name != list:
			return &FormatError{name, fmt.Sprintf("has an entry %q", clip(h.Name)), nil}
		case h.Name == description:
			limit = maxIndexDescription
		default:
			x.Time = h.ModTime.Unix()
		}
		if _, has := found[h.Name]; has {
			return &FormatError{name, h.Name + " is there twice", nil}
		}
		content, err := readText(r, h.Size, limit, h.Name+" of "+name)
		if err != nil {
			return formatError(name, "not a tar archive", err)
		}
		found[h.Name] = content
		return nil
	})
	if err != nil {
		return err
	}
	text, ok := found[list]
	if !ok {
		return &FormatError{name, "has no " + list, nil}
	}
	x.Description = strings.TrimRight(found[description], "\n")
	if hasControl(x.Description) {
		return &FormatError{name, "has a control character in its description", nil}
	}
	if x.Packages, err = parseIndex(name, text, "", maxIndexPackages); err != nil {
		return err
	}
	return x.index(name)
}

// index makes Find work, and refuses what an index must not have twice.
func (x *Index) index(name string) error {
	x.byName = make(map[string][]*Package, len(x.Packages))
	for i := range x.Packages {
		p := &x.Packages[i]
		for _, other := range x.byName[p.Name] {
			if other.Version == p.Version {
				return &FormatError{name, p.String() + " is there twice", nil}
			}
		}
		x.byName[p.Name] = append(x.byName[p.Name], p)
	}
	for _, all := range x.byName {
		slices.SortStableFunc(all, newestFirst)
	}
	return nil
}

// newestFirst has versions that apk can't parse last.
func newestFirst(a, b *Package) int {
	v, errA := ParseVersion(a.Version)
	w, errB := ParseVersion(b.Version)
	switch {
	case errA == nil && errB == nil:
		return w.Compare(v)
	case errA == nil:
		return -1
	case errB == nil:
		return 1
	}
	return strings.Compare(a.Version, b.Version)
}

// Find returns the packages that have this name, newest first.
func (x *Index) Find(name string) []*Package { return slices.Clone(x.byName[name]) }
