package apk

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/klauspost/compress/gzip"
)

// Limits on a package, once decompressed.
const (
	maxControl        = 16 << 20
	maxControlEntries = 100
	maxData           = 16 << 30
	maxDataEntries    = 1 << 20
	// maxHead is how much of a file the signatures and the control archive may take.
	maxHead = maxControl + maxSignatureTar
)

// scripts are the files of the control archive beside .PKGINFO.
var scripts = []string{
	".pre-install", ".post-install", ".pre-upgrade", ".post-upgrade",
	".pre-deinstall", ".post-deinstall", ".trigger",
}

// A Verified package is a file that is what its index and its signature say.
type Verified struct {
	Info Info
	// Key is the name of the key that signed it.
	Key string
	// Scripts are the names of what it runs when it is installed, upgraded or
	// removed, such as ".post-install", in the file's order.
	Scripts []string
}

// Verify reads the whole package file, of size bytes, and checks that it is the
// one of the index entry p, which must come from a verified index: size,
// checksum, name, version and architecture are p's; one of the keys has signed
// the control archive, and no signature with a key of the set is wrong; the data
// archive has the sha256 that the control archive says; and there is nothing else.
// It refuses entries of the data archive that apk must not be given, and
// decompresses it only once its sha256 is known to be right.
//
// Its errors are *MismatchError, *SignatureError, *PathError, *FormatError,
// *LimitError, and those of file.
func (p *Package) Verify(file io.ReaderAt, size int64, keys Keys) (*Verified, error) {
	if size != p.Size {
		return nil, p.mismatch("size", strconv.FormatInt(p.Size, 10), strconv.FormatInt(size, 10))
	}
	head, err := p.readHead(file, size)
	if err != nil {
		return nil, err
	}
	if sum := Checksum(sha1.Sum(head.control)); sum != p.Checksum {
		return nil, p.mismatch("checksum", p.Checksum.String(), sum.String())
	}
	v := &Verified{}
	if v.Key, err = keys.verify(p.String(), head.sigs, head.control); err != nil {
		return nil, err
	}
	if err := v.readControl(p, head.archive); err != nil {
		return nil, err
	}
	data := io.NewSectionReader(file, head.size, size-head.size)
	if err := p.verifyData(data, v.Info.DataHash); err != nil {
		return nil, err
	}
	return v, nil
}

// CheckNames checks that the package file, of size bytes, says that it has p's name,
// version and architecture. It is for files that the caller knows by their sha256, and
// looks at no signature. Its errors are those of [Package.Verify].
func (p *Package) CheckNames(file io.ReaderAt, size int64) error {
	head, err := p.readHead(file, size)
	if err != nil {
		return err
	}
	return new(Verified).readControl(p, head.archive)
}

// A head is what comes before a package's data archive.
type head struct {
	sigs    []signature
	control []byte // compressed, which is what is signed
	archive []byte
	size    int64 // of all of it
}

func (p *Package) readHead(file io.ReaderAt, size int64) (*head, error) {
	b := make([]byte, min(size, maxHead))
	if n, err := file.ReadAt(b, 0); n < len(b) {
		return nil, fmt.Errorf("%s: %w", p, unexpected(err))
	}
	sigs, rest, err := cutSignatures(p.String(), b)
	if err != nil {
		return nil, err
	}
	control, archive, rest, err := splitMember(p.String()+", control archive", rest, maxControl)
	if err != nil {
		return nil, err
	}
	return &head{sigs, control, archive, int64(len(b) - len(rest))}, nil
}

func (p *Package) mismatch(what, want, got string) error {
	return &MismatchError{p.String(), what, want, got}
}

// readControl reads the control archive.
func (v *Verified) readControl(p *Package, archive []byte) error {
	what := p.String() + ", control archive"
	text, found := "", false
	err := readTar(what, bytes.NewReader(archive), maxControlEntries, func(h *tar.Header, r io.Reader) error {
		isInfo := h.Name == ".PKGINFO"
		switch {
		case h.Typeflag != tar.TypeReg || !isInfo && !slices.Contains(scripts, h.Name):
			return &FormatError{what, fmt.Sprintf("has an entry %q", clip(h.Name)), nil}
		case isInfo && found || slices.Contains(v.Scripts, h.Name):
			return &FormatError{what, h.Name + " is there twice", nil}
		case !isInfo:
			v.Scripts = append(v.Scripts, h.Name)
			return nil
		}
		var err error
		if text, err = readText(r, h.Size, maxInfo, ".PKGINFO of "+p.String()); err != nil {
			return formatError(what, "not a tar archive", err)
		}
		found = true
		return nil
	})
	if err != nil {
		return err
	}
	if !found {
		return &FormatError{what, "has no .PKGINFO", nil}
	}
	info, err := parseInfo(p.String()+", .PKGINFO", text)
	if err != nil {
		return err
	}
	v.Info = *info
	arch := info.Arch
	if arch == "noarch" { // an index gives such packages its own architecture
		arch = p.Arch
	}
	for _, f := range []struct{ what, want, got string }{
		{"name", p.Name, info.Name},
		{"version", p.Version, info.Version},
		{"arch", p.Arch, arch},
	} {
		if f.want != f.got {
			return p.mismatch(f.what, f.want, f.got)
		}
	}
	return nil
}

// verifyData reads data twice: its bytes, then what is in them.
func (p *Package) verifyData(data *io.SectionReader, want string) error {
	h := sha256.New()
	if _, err := io.Copy(h, data); err != nil {
		return fmt.Errorf("%s: %w", p, err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		return p.mismatch("datahash", want, got)
	}
	if _, err := data.Seek(0, io.SeekStart); err != nil {
		return err
	}
	what := p.String() + ", data archive"
	in := bufio.NewReaderSize(data, 64<<10)
	gz, err := gzip.NewReader(in)
	if err != nil {
		return formatError(what, "not a gzip file", err)
	}
	gz.Multistream(false)
	tree := newTree(p.String())
	err = readTar(what, &limitReader{gz, maxData, maxData, what}, maxDataEntries, func(h *tar.Header, _ io.Reader) error {
		return tree.add(h)
	})
	if err != nil {
		return err
	}
	if _, err := in.ReadByte(); err != io.EOF {
		return &FormatError{what, "bytes follow the archive", nil}
	}
	return nil
}
