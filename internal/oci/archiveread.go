package oci

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// An ArchiveError reports that File is not as [WriteArchive] writes it: Detail says
// where, and what is wrong there. Nothing of it is used.
type ArchiveError struct{ File, Detail string }

func (e *ArchiveError) Error() string { return e.File + ": " + e.Detail }

// An archive has the files of a layout that is one file.
type archive struct {
	file  *os.File
	parts map[string]part
	order []archiveEntry // as found; of the blobs, only name and size are known
}

// A part is where the content of a file is.
type part struct{ offset, size int64 }

// OpenArchive opens a layout that [WriteArchive] wrote. What that would not have
// written for the same index and blobs is a *[ArchiveError], or an error as
// [OpenLayout] gives: a file that was cut off, added to or changed, or that
// another program wrote. Blobs are checked when they are read, see [Layout.Check].
func OpenArchive(path string) (*Layout, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	a := &archive{file: f, parts: map[string]part{}}
	l := &Layout{files: a}
	err = a.scan()
	if err == nil {
		err = a.check(l)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return l, nil
}

func (a *archive) Close() error               { return a.file.Close() }
func (a *archive) stat() (fs.FileInfo, error) { return a.file.Stat() }

func (a *archive) open(name string) (io.ReadCloser, error) {
	p, ok := a.parts[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: a.file.Name() + ": " + name, Err: fs.ErrNotExist}
	}
	return io.NopCloser(io.NewSectionReader(a.file, p.offset, p.size)), nil
}

func (a *archive) wrong(format string, args ...any) error {
	return &ArchiveError{a.file.Name(), fmt.Sprintf(format, args...)}
}

// scan finds the files. It reads their headers, and what is between and after
// them.
func (a *archive) scan() error {
	info, err := a.file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return a.wrong("not a regular file")
	}
	offset, header := int64(0), make([]byte, tarBlock)
	for {
		if _, err := a.file.ReadAt(header, offset); err != nil {
			return a.short(offset, err)
		}
		if len(bytes.Trim(header, "\x00")) == 0 {
			return a.end(offset, info.Size())
		}
		e, err := a.entry(header, offset)
		if err != nil {
			return err
		}
		if len(a.order) == MaxArchiveBlobs+3 {
			return &LimitError{"files of " + a.file.Name(), int64(len(a.order)) + 1, MaxArchiveBlobs + 3}
		}
		p := part{offset + tarBlock, e.size}
		a.parts[e.name], a.order = p, append(a.order, e)
		offset = p.offset + p.size
		if err := a.zeros(offset, padding(p.size)); err != nil {
			return err
		}
		offset += padding(p.size)
	}
}

// short says that the file ends too early when that is what err means.
func (a *archive) short(offset int64, err error) error {
	if errors.Is(err, io.EOF) {
		return a.wrong("it was cut off: there is nothing at byte %d, where it has to go on", offset)
	}
	return err
}

// zeros checks that there are n zeros at offset.
func (a *archive) zeros(offset, n int64) error {
	b := make([]byte, n)
	if _, err := a.file.ReadAt(b, offset); err != nil && n > 0 {
		return a.short(offset, err)
	}
	if len(bytes.Trim(b, "\x00")) > 0 {
		return a.wrong("it was changed: there is no padding at byte %d", offset)
	}
	return nil
}

// end checks that the two last blocks, and nothing else, are at offset.
func (a *archive) end(offset, size int64) error {
	if err := a.zeros(offset, tarEnd); err != nil {
		return err
	}
	if rest := size - offset - tarEnd; rest > 0 {
		return a.wrong("%d bytes follow its end", rest)
	}
	return nil
}

// entry decodes a header, which has to be what header encodes.
func (a *archive) entry(header []byte, offset int64) (archiveEntry, error) {
	var e archiveEntry
	h, err := tar.NewReader(bytes.NewReader(header)).Next()
	if err != nil {
		return e, a.wrong("there is no tar header at byte %d", offset)
	}
	e.name, e.size = h.Name, h.Size
	want, err := e.header()
	if err != nil || !bytes.Equal(header, want) {
		return e, a.wrong("the tar header at byte %d is not as tailsbuild export writes it", offset)
	}
	if _, again := a.parts[e.name]; again {
		return e, a.wrong("%q is there twice", e.name)
	}
	return e, nil
}

// check compares the files with those that the index asks for.
func (a *archive) check(l *Layout) error {
	for _, name := range []string{ocispec.ImageLayoutFile, ocispec.ImageIndexFile, sumsFile} {
		if _, ok := a.parts[name]; !ok {
			return a.wrong("there is no %s in it", name)
		}
	}
	body, err := l.readFile(ocispec.ImageIndexFile, MaxDocument)
	if err != nil {
		return err
	}
	blobs, err := l.named()
	if errors.Is(err, fs.ErrNotExist) {
		return a.wrong("a manifest is missing: %v", err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", a.file.Name(), err)
	}
	want, err := archiveEntries(body, blobs)
	if err != nil {
		return fmt.Errorf("%s: %w", a.file.Name(), err)
	}
	for i, e := range want {
		if i == len(a.order) || a.order[i].name != e.name || a.order[i].size != e.size {
			return a.wrong("%s is missing, has another size, or is not in its place", e.name)
		}
		if e.body == nil {
			continue
		}
		if b, err := l.readFile(e.name, int64(len(e.body))); err != nil || !bytes.Equal(b, e.body) {
			return errors.Join(a.wrong("%s is not what it has to be", e.name), err)
		}
	}
	if len(a.order) > len(want) {
		return a.wrong("%q belongs to nothing in it", a.order[len(want)].name)
	}
	return nil
}

// named returns the descriptors of all that the index names, and what these name: of an
// image index in it, its manifests.
func (l *Layout) named() ([]ocispec.Descriptor, error) {
	index, err := l.Images()
	if err != nil {
		return nil, err
	}
	return l.namedBy(index)
}

// namedBy returns what index names, and what that names.
func (l *Layout) namedBy(index []ocispec.Descriptor) (all []ocispec.Descriptor, err error) {
	top := len(index)
	for n := 0; n < len(index); n++ {
		desc := index[n]
		if desc.MediaType == ocispec.MediaTypeImageIndex && n < top {
			nested, _, err := l.ReadIndex(desc)
			if err != nil {
				return nil, err
			}
			all, index = append(all, desc), append(slices.Clip(index), nested.Manifests...)
			continue
		}
		m, _, err := l.ReadManifest(desc)
		if err != nil {
			return nil, err
		}
		all = append(append(append(all, desc), m.Config), m.Layers...)
		if n := len(all); n > MaxArchiveBlobs {
			return nil, &LimitError{"blobs of the layout", int64(n), MaxArchiveBlobs}
		}
	}
	return all, nil
}

// Check reads every blob that the layout's manifests name, once, and checks it.
// read, which may be nil, is told of every piece how many bytes it has.
func (l *Layout) Check(ctx context.Context, read func(n int)) error {
	all, err := l.named()
	if err != nil {
		return err
	}
	seen, buf := map[digest.Digest]bool{}, make([]byte, 256<<10)
	for _, desc := range all {
		if seen[desc.Digest] {
			continue
		}
		seen[desc.Digest] = true
		blob, err := l.Blob(desc)
		if err != nil {
			return err
		}
		for n := 0; err == nil; {
			if n, err = blob.Read(buf); read != nil {
				read(n)
			}
			if ctx.Err() != nil {
				err = ctx.Err()
			}
		}
		if err := errors.Join(notEOF(err), blob.Close()); err != nil {
			return err
		}
	}
	return nil
}

func notEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}
