package inputs

import (
	"archive/zip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/klauspost/compress/flate"
	"golang.org/x/mod/sumdb/dirhash"
	modzip "golang.org/x/mod/zip"
)

// Limits on a module's zip file. The toolchain is one module too, and exempt from
// the size limit of module proxies.
const (
	maxModuleSize    = modzip.MaxZipFile
	maxToolchainSize = 2 << 30
	maxModuleFiles   = 200_000
	maxGoMod         = modzip.MaxGoMod
	maxGoSum         = 16 << 20
)

// A moduleZip is a module's zip file as a proxy serves it. The order, times and
// compression of its entries are the proxy's and mean nothing.
type moduleZip struct {
	prefix string // of every entry: "path@version/"
	names  []string
	files  map[string]*zip.File
	closer io.Closer
}

// openZip opens the zip file of a module and checks its names and sizes, but not
// its content: that is what hash does.
func openZip(file, module, version string, maxSize uint64) (*moduleZip, error) {
	r, err := zip.OpenReader(file)
	if err != nil {
		return nil, &FormatError{File: file, Problem: "not a zip file", Err: err}
	}
	r.RegisterDecompressor(zip.Deflate, flate.NewReader)
	z := &moduleZip{prefix: module + "@" + version + "/", files: map[string]*zip.File{}, closer: r}
	if err := z.index(r.File, file, maxSize); err != nil {
		r.Close()
		return nil, err
	}
	return z, nil
}

func (z *moduleZip) index(files []*zip.File, from string, left uint64) error {
	limit := left
	if len(files) > maxModuleFiles {
		return &LimitError{What: "number of files of " + from, Limit: maxModuleFiles}
	}
	for _, f := range files {
		rest, ok := strings.CutPrefix(f.Name, z.prefix)
		if !ok || !fs.ValidPath(rest) || rest == "." {
			return &FormatError{File: from, Problem: fmt.Sprintf("entry %q is not a file below %s", f.Name, z.prefix)}
		}
		if z.files[f.Name] != nil {
			return &FormatError{File: from, Problem: fmt.Sprintf("two entries %q", f.Name)}
		}
		if f.UncompressedSize64 > left {
			return &LimitError{What: "content of " + from, Limit: int64(limit)}
		}
		left -= f.UncompressedSize64
		z.files[f.Name] = f
		z.names = append(z.names, f.Name)
	}
	slices.Sort(z.names)
	return nil
}

func (z *moduleZip) close() error { return z.closer.Close() }

// read returns the content of a small file, named without the prefix.
func (z *moduleZip) read(name string, limit int64) ([]byte, error) {
	f := z.files[z.prefix+name]
	if f == nil {
		return nil, fmt.Errorf("%s%s: %w", z.prefix, name, fs.ErrNotExist)
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return readLimited(r, f.Name, limit)
}

// unpack writes the module's files below dir.
func (z *moduleZip) unpack(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return &StoreError{Path: dir, Err: err}
	}
	defer root.Close()
	for _, name := range z.names {
		if err := unpackFile(root, strings.TrimPrefix(name, z.prefix), z.files[name]); err != nil {
			return err
		}
	}
	return nil
}

func unpackFile(root *os.Root, name string, f *zip.File) error {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return &StoreError{Path: root.Name(), Err: err}
	}
	w, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return &StoreError{Path: root.Name(), Err: err}
	}
	defer w.Close()
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err := io.Copy(w, r); err != nil {
		return err
	}
	return w.Close()
}

// hash returns the module's h1 sum. While it is computed, each file's content is
// written to what sink returns for the file's name, in sorted order, so that a
// module is decompressed only once. A nil writer leaves the file out.
//
// Until hash has returned the right sum, nothing of what was written is to be used.
func (z *moduleZip) hash(sink func(name string, f *zip.File) (io.Writer, error)) (string, error) {
	return dirhash.Hash1(z.names, func(name string) (io.ReadCloser, error) {
		f := z.files[name]
		w, err := sink(name, f)
		if err != nil {
			return nil, err
		}
		r, err := f.Open()
		if err != nil || w == nil {
			return r, err
		}
		return &teeCloser{io.TeeReader(r, w), r}, nil
	})
}

// A teeCloser reads through a tee and closes what is behind it.
type teeCloser struct {
	io.Reader
	io.Closer
}

// repack writes the module's zip file in its one canonical form to w: sorted,
// stored, no times and no attributes. It returns the module's h1 sum.
func (z *moduleZip) repack(w io.Writer) (string, error) {
	out := zip.NewWriter(w)
	sum, err := z.hash(func(name string, f *zip.File) (io.Writer, error) {
		return out.CreateRaw(&zip.FileHeader{
			Name:               name,
			Method:             zip.Store,
			CRC32:              f.CRC32,
			CompressedSize64:   f.UncompressedSize64,
			UncompressedSize64: f.UncompressedSize64,
		})
	})
	if err != nil {
		return "", err
	}
	return sum, out.Close()
}

// repackedSize returns how many bytes repack writes.
func (z *moduleZip) repackedSize() int64 {
	const local, central, end = 30, 46, 22 // bytes of the records (APPNOTE.TXT 4.3)
	size := int64(end)
	if len(z.files) >= 1<<16-1 {
		size += 56 + 20 // zip64 end record and its locator
	}
	for name, f := range z.files {
		size += local + central + 2*int64(len(name)) + int64(f.UncompressedSize64)
	}
	return size
}
