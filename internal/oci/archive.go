package oci

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	// sumsFile is what sha256sum -c checks an unpacked archive by.
	sumsFile = "SHA256SUMS"
	// maxArchiveBlob is how many bytes a blob of an archive may have: what the size
	// in a tar header of POSIX.1-1988 can say.
	maxArchiveBlob = 1<<33 - 1
	// MaxArchiveBlobs is how many blobs an archive may have.
	MaxArchiveBlobs = 1 << 16

	tarEnd = 2 * tarBlock // two blocks of zeros
)

// WriteArchive writes a layout as one file: a tar (ustar) with oci-layout,
// index.json, SHA256SUMS and then the blobs, in the order of their digests.
// The index and what it names decide every byte.
//
// The blobs are those of the manifests in index and of all that these name, in any
// order; open returns the bytes of one, and its end is an error unless they are
// what the descriptor says, as those of [Layout.Blob].
func WriteArchive(w io.Writer, index, blobs []ocispec.Descriptor, open func(ocispec.Descriptor) (io.ReadCloser, error)) error {
	body, err := encodeIndex(index)
	if err != nil {
		return err
	}
	entries, err := archiveEntries(body, blobs)
	if err != nil {
		return err
	}
	for _, e := range entries {
		header, err := e.header()
		if err != nil {
			return err
		}
		if _, err := w.Write(header); err != nil {
			return err
		}
		if err := e.write(w, open); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
		if _, err := w.Write(make([]byte, padding(e.size))); err != nil {
			return err
		}
	}
	_, err = w.Write(make([]byte, tarEnd))
	return err
}

// An archiveEntry is one file of an archive.
type archiveEntry struct {
	name string
	size int64
	body []byte // nil for a blob
	desc ocispec.Descriptor
}

// archiveEntries returns the files of the archive that has body as its index, in
// their order.
func archiveEntries(body []byte, blobs []ocispec.Descriptor) ([]archiveEntry, error) {
	unique := map[string]ocispec.Descriptor{}
	for _, desc := range blobs {
		if err := checkDescriptor(desc); err != nil {
			return nil, err
		}
		what, name := "blob "+desc.Digest.String(), BlobPath(desc.Digest)
		if old, ok := unique[name]; ok && old.Size != desc.Size {
			return nil, &SizeError{what, old.Size, desc.Size}
		}
		if desc.Size > maxArchiveBlob {
			return nil, &LimitError{what, desc.Size, maxArchiveBlob}
		}
		unique[name] = desc
	}
	if n := len(unique); n > MaxArchiveBlobs {
		return nil, &LimitError{"blobs of the archive", int64(n), MaxArchiveBlobs}
	}
	entries := []archiveEntry{
		{name: ocispec.ImageLayoutFile, body: []byte(marker)},
		{name: ocispec.ImageIndexFile, body: body},
		{name: sumsFile},
	}
	var sums strings.Builder
	for _, e := range entries[:2] {
		fmt.Fprintf(&sums, "%s  %s\n", digest.FromBytes(e.body).Encoded(), e.name)
	}
	for _, name := range slices.Sorted(maps.Keys(unique)) {
		desc := unique[name]
		fmt.Fprintf(&sums, "%s  %s\n", desc.Digest.Encoded(), name)
		entries = append(entries, archiveEntry{name: name, size: desc.Size, desc: desc})
	}
	entries[2].body = []byte(sums.String())
	for i := range entries[:3] {
		entries[i].size = int64(len(entries[i].body))
	}
	return entries, nil
}

// header returns the entry's tar header: nothing but its name and size is not
// always the same.
func (e *archiveEntry) header() ([]byte, error) {
	var b bytes.Buffer
	err := tar.NewWriter(&b).WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: e.name, Size: e.size, Mode: 0o644, Format: tar.FormatUSTAR,
	})
	return b.Bytes(), err
}

func (e *archiveEntry) write(w io.Writer, open func(ocispec.Descriptor) (io.ReadCloser, error)) error {
	if e.body != nil {
		_, err := w.Write(e.body)
		return err
	}
	r, err := open(e.desc)
	if err != nil {
		return err
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{w}, r, make([]byte, 256<<10))
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	if n != e.size {
		return &SizeError{"blob " + e.desc.Digest.String(), e.size, n}
	}
	return nil
}

// padding is how many zeros follow size bytes in a tar.
func padding(size int64) int64 { return -size & (tarBlock - 1) }
