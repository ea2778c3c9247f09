package oci

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	// maxTarFiles is how many entries a tar may have that holds a layout.
	maxTarFiles = 1 << 17
	// maxUnpacked is how large such a tar may be when it was compressed.
	maxUnpacked = 64 << 30
)

// An Archive is a tar that may hold images, as any tool writes it: skopeo, docker save,
// buildx. See [OpenArchive] for those that tailsbuild writes, which are read strictly.
type Archive struct {
	// Layout has the images, nil when the tar is none of a layout and no docker save.
	Layout *Layout
	// Docker says that docker save wrote it, and that manifests are ours: they say
	// what its manifest.json does.
	Docker bool
}

// OpenImageTar looks for images in the file f, a tar, plain or compressed with gzip or
// zstd: an OCI layout (image-layout.md), or what docker save writes. What was
// compressed is kept in a temporary file without a name. It takes over f, unless the
// tar holds no images.
//
// Names with "..", and twice the same name, are a *FormatError: two readers could see
// two images.
func OpenImageTar(f *os.File) (*Archive, error) {
	t := &tarFiles{file: f, opened: f, parts: map[string]part{}, links: map[string]string{}, aliases: map[string]bool{}}
	compressed, err := t.isCompressed()
	if err != nil {
		return nil, err
	}
	images := false
	if compressed {
		images, err = t.scanCompressed()
	} else {
		images, err = t.scan(f)
	}
	if err != nil || !images {
		return &Archive{}, errors.Join(err, t.closeTemp())
	}
	a, err := t.archive()
	if err != nil || a.Layout == nil {
		return a, errors.Join(err, t.closeTemp())
	}
	return a, nil
}

// tarFiles has the files in a tar.
type tarFiles struct {
	file, opened *os.File // the tar, and what it was made of
	parts        map[string]part
	links        map[string]string
	made         map[string][]byte // files that are not in the tar
	aliases      map[string]bool   // further names that files got as blobs
}

func (t *tarFiles) closeTemp() error {
	if t.file == t.opened {
		return nil
	}
	return t.file.Close()
}

func (t *tarFiles) Close() error               { return errors.Join(t.closeTemp(), t.opened.Close()) }
func (t *tarFiles) stat() (fs.FileInfo, error) { return t.opened.Stat() }

func (t *tarFiles) open(name string) (io.ReadCloser, error) {
	if b, ok := t.made[name]; ok {
		return io.NopCloser(strings.NewReader(string(b))), nil
	}
	p, ok := t.find(name)
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: t.opened.Name() + ": " + name, Err: fs.ErrNotExist}
	}
	return io.NopCloser(io.NewSectionReader(t.file, p.offset, p.size)), nil
}

// find returns where a file is, also behind one link: docker save writes links for
// layers that it has already.
func (t *tarFiles) find(name string) (part, bool) {
	if target, ok := t.links[name]; ok {
		name = target
	}
	p, ok := t.parts[name]
	return p, ok
}

func (t *tarFiles) wrong(format string, args ...any) error {
	return &FormatError{t.opened.Name(), fmt.Sprintf(format, args...)}
}

func (t *tarFiles) isCompressed() (bool, error) {
	b := make([]byte, 4)
	n, err := t.file.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return false, err
	}
	return compressionOf(b[:n]) != "", nil
}

// scanCompressed first looks whether there are images at all, before it needs room for
// them.
func (t *tarFiles) scanCompressed() (images bool, err error) {
	if images, err = t.decompress(t.scanStream); err != nil || !images {
		return false, err
	}
	t.parts, t.links = map[string]part{}, map[string]string{}
	temp, err := os.CreateTemp("", "tailsbuild-images-")
	if err != nil {
		return false, err
	}
	t.file = temp
	if err := os.Remove(temp.Name()); err != nil {
		return false, err
	}
	_, err = t.decompress(func(r io.Reader) (bool, error) {
		_, err := io.Copy(temp, r)
		return false, err
	})
	if err != nil {
		return false, err
	}
	return t.scan(temp)
}

func (t *tarFiles) decompress(use func(io.Reader) (bool, error)) (bool, error) {
	info, err := t.opened.Stat()
	if err != nil {
		return false, err
	}
	desc := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayerGzip, Size: info.Size()}
	src := io.NewSectionReader(t.opened, 0, info.Size())
	s, err := openStream(src, desc, true)
	if err != nil {
		return false, fmt.Errorf("%s: %w", t.opened.Name(), err)
	}
	defer s.close()
	limit := min(maxUnpacked, max(ratioFloor, desc.Size*LayerLimits{}.withDefaults().Ratio))
	return use(&cutReader{s, limit, limit, "size of " + t.opened.Name()})
}

// A cutReader ends with a *LimitError.
type cutReader struct {
	src         io.Reader
	left, limit int64
	what        string
}

func (r *cutReader) Read(p []byte) (int, error) {
	n, err := r.src.Read(p)
	if r.left -= int64(n); r.left < 0 {
		return 0, &LimitError{r.what, r.limit - r.left, r.limit}
	}
	return n, err
}

func (t *tarFiles) scan(f *os.File) (bool, error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	return t.scanStream(io.NewSectionReader(f, 0, info.Size()))
}

// scanStream finds the files, and reports whether they are those of images. What is
// no tar of images is left to others to complain about.
func (t *tarFiles) scanStream(src io.Reader) (bool, error) {
	counter := &countingReader{src: src}
	r := tar.NewReader(counter)
	if s, ok := src.(io.ReadSeeker); ok {
		r = tar.NewReader(s)
	}
	for n := 0; ; n++ {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			if !t.hasImages() {
				err = nil
			}
			return false, err
		}
		if n == maxTarFiles {
			return false, nil
		}
		at := counter.n
		if s, ok := src.(io.Seeker); ok {
			if at, err = s.Seek(0, io.SeekCurrent); err != nil {
				return false, err
			}
		}
		t.add(h, at)
	}
	if !t.hasImages() {
		return false, nil
	}
	return true, t.check()
}

const twice = -1 // the size of a part whose name is there twice

func (t *tarFiles) add(h *tar.Header, at int64) {
	name := path.Clean(h.Name)
	switch h.Typeflag {
	case tar.TypeReg:
		p := part{at, h.Size}
		if _, ok := t.parts[name]; ok {
			p.size = twice
		}
		t.parts[name] = p
	case tar.TypeSymlink:
		t.links[name] = path.Join(path.Dir(name), h.Linkname)
	case tar.TypeLink:
		t.links[name] = path.Clean(h.Linkname)
	}
}

func (t *tarFiles) hasImages() bool {
	_, index := t.parts[ocispec.ImageIndexFile]
	_, marker := t.parts[ocispec.ImageLayoutFile]
	return index && marker || t.hasDocker()
}

func (t *tarFiles) check() error {
	for _, name := range slices.Sorted(maps.Keys(t.parts)) {
		_, link := t.links[name]
		if t.parts[name].size == twice || link {
			return t.wrong("%q is there twice", name)
		}
	}
	return nil
}

type countingReader struct {
	src io.Reader
	n   int64
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.src.Read(p)
	r.n += int64(n)
	return n, err
}

func (t *tarFiles) archive() (*Archive, error) {
	a := &Archive{Layout: &Layout{files: t}}
	_, index := t.parts[ocispec.ImageIndexFile]
	_, marker := t.parts[ocispec.ImageLayoutFile]
	if !index || !marker {
		a.Docker = true
		if ok, err := t.makeLayout(); !ok || err != nil {
			return &Archive{}, err
		}
	}
	if err := a.Layout.checkMarker(); err != nil {
		return nil, fmt.Errorf("layout %s: %w", t.opened.Name(), err)
	}
	return a, nil
}
