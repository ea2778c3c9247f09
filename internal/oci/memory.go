package oci

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// maxInMemory is how many bytes of blobs a [Memory] has in memory. The manifests and
// bundles of a release have some 100,000.
const maxInMemory = 1 << 20

// A Memory is a layout that is made to be read in this process, and nowhere else. What
// is small is in memory; blobs that don't fit into 1 MiB with the others are in a
// folder for temporary files, until it is closed. It is not for concurrent use.
type Memory struct {
	files map[string][]byte // by their names in the layout
	left  int64             // bytes that are still free
	// part is the beginning of partOf, the last blob that was cut off.
	part   []byte
	partOf digest.Digest
	disk   *Writer // of the larger blobs, or nil
	temp   string  // its folder's parent
}

// NewMemory returns an empty layout, to be closed.
func NewMemory() *Memory {
	return &Memory{files: map[string][]byte{ocispec.ImageLayoutFile: []byte(marker)}, left: maxInMemory}
}

// Add is [Writer.Add].
func (m *Memory) Add(desc ocispec.Descriptor, r io.Reader) error {
	return m.Fetch(desc, func(int64) (io.ReadCloser, error) { return io.NopCloser(r), nil })
}

// Fetch is [Writer.Fetch].
func (m *Memory) Fetch(desc ocispec.Descriptor, open func(offset int64) (io.ReadCloser, error)) error {
	if err := checkDescriptor(desc); err != nil {
		return err
	}
	name := BlobPath(desc.Digest)
	if b, ok := m.files[name]; ok {
		return checkSize(desc, int64(len(b)))
	}
	if desc.Size > m.left {
		return m.toDisk(desc, open)
	}
	resumed := m.partOf == desc.Digest && len(m.part) > 0
	b, err := m.read(desc, open)
	if resumed && isWrong(err) {
		// Which part was wrong, nobody knows: from the start.
		b, err = m.read(desc, open)
	}
	if err != nil {
		return err
	}
	m.files[name] = b
	m.left -= desc.Size
	return nil
}

// read returns the bytes that desc names. What came before an error of open or of what
// it returns is kept for the next time.
func (m *Memory) read(desc ocispec.Descriptor, open func(offset int64) (io.ReadCloser, error)) ([]byte, error) {
	// One byte more shows that there are too many.
	b := bytes.NewBuffer(make([]byte, 0, desc.Size+bytes.MinRead+1))
	if m.partOf == desc.Digest {
		b.Write(m.part)
	}
	m.part, m.partOf = nil, ""
	if n := int64(b.Len()); n < desc.Size || n == 0 {
		r, err := open(n)
		if err == nil {
			_, err = b.ReadFrom(io.LimitReader(r, desc.Size-n+1))
			r.Close()
		}
		if err != nil {
			m.part, m.partOf = b.Bytes(), desc.Digest
			return nil, err
		}
	}
	if err := checkSize(desc, int64(b.Len())); err != nil {
		return nil, err
	}
	if got := digest.FromBytes(b.Bytes()); got != desc.Digest {
		return nil, &DigestError{"blob " + desc.Digest.String(), desc.Digest, got}
	}
	return b.Bytes(), nil
}

func checkSize(desc ocispec.Descriptor, got int64) error {
	if got != desc.Size {
		return &SizeError{"blob " + desc.Digest.String(), desc.Size, got}
	}
	return nil
}

// toDisk is Fetch of what is too large.
func (m *Memory) toDisk(desc ocispec.Descriptor, open func(offset int64) (io.ReadCloser, error)) (err error) {
	if m.disk == nil {
		if m.temp == "" {
			if m.temp, err = os.MkdirTemp("", "tailsbuild-"); err != nil {
				return err
			}
		}
		if m.disk, err = Create(filepath.Join(m.temp, "layout")); err != nil {
			return err
		}
		m.disk.Passing()
	}
	return m.disk.Fetch(desc, open)
}

// Omit is [Writer.Omit].
func (m *Memory) Omit(desc ocispec.Descriptor) error { return checkDescriptor(desc) }

// Layout returns the layout with those manifests in index.json. It is good until m is
// closed, or added to. Blobs that a manifest names and that were not added can't be
// read.
func (m *Memory) Layout(index []ocispec.Descriptor) (*Layout, error) {
	body, err := encodeIndex(index)
	if err != nil {
		return nil, err
	}
	m.files[ocispec.ImageIndexFile] = body
	return &Layout{files: inMemory{m}}, nil
}

// Close removes what is on disk.
func (m *Memory) Close() error {
	var err error
	if m.disk != nil {
		err = m.disk.Abort()
	}
	if m.temp != "" {
		err = errors.Join(err, os.RemoveAll(m.temp))
	}
	m.disk, m.temp = nil, ""
	return err
}

// inMemory has the files of a Memory, whose Close is for whoever made it.
type inMemory struct{ *Memory }

func (m inMemory) Close() error { return nil }

func (m inMemory) stat() (fs.FileInfo, error) {
	return nil, &fs.PathError{Op: "stat", Path: "layout in memory", Err: errors.ErrUnsupported}
}

func (m inMemory) open(name string) (io.ReadCloser, error) {
	if b, ok := m.files[name]; ok {
		return io.NopCloser(bytes.NewReader(b)), nil
	}
	if m.disk == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return folder{m.disk.root}.open(name)
}
