package oci

import (
	"archive/tar"
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	tarBlock = 512
	// maxHeader is how long one entry's header may be, with all PAX records.
	maxHeader = 128 << 10
	// ratioFloor is the size below which LayerLimits.Ratio does not matter.
	ratioFloor = 256 << 20
)

// LayerLimits bound the reading of one layer. A zero field means its default.
type LayerLimits struct {
	// Size is in bytes, uncompressed. The default is 16 GiB.
	Size int64
	// Ratio is how many times larger than the blob the tar may be, from 256 MiB
	// on. The default is 500.
	Ratio int64
	// Entries is how many entries the tar may have. The default is 1,000,000.
	Entries int
	// Path is how many bytes a name or link target may have. The default is 4096.
	Path int
	// Lenient takes what some runtimes take, too, and tells of it instead of refusing
	// it: another compression than the media type says, several gzip members, and
	// bytes after the compressed stream.
	Lenient bool
	// NoDiffID leaves out the hashing of the tar, for what was read once before.
	// LayerReader.DiffID is then empty.
	NoDiffID bool
}

func (l LayerLimits) withDefaults() LayerLimits {
	if l.Size == 0 {
		l.Size = 16 << 30
	}
	if l.Ratio == 0 {
		l.Ratio = 500
	}
	if l.Entries == 0 {
		l.Entries = 1_000_000
	}
	if l.Path == 0 {
		l.Path = 4096
	}
	return l
}

// A LayerReader reads the entries of a layer (image-spec, layer.md) in order. Like
// tar.Reader, it gives each entry's content to Read. Nothing that it gave is
// known to be right until Next has returned io.EOF: only then the blob's digest
// was checked, and everything to its last byte read.
type LayerReader struct {
	what   string
	blob   io.ReadCloser
	stream *stream
	meter  *meter
	tap    *tap
	tar    *tar.Reader
	limits LayerLimits

	entries int
	content int64
	err     error
	trailer Trailer
}

// OpenLayer opens the layer that desc names: a tar, plain or compressed with gzip
// or zstd, as desc's media type says.
func (l *Layout) OpenLayer(desc ocispec.Descriptor, limits LayerLimits) (*LayerReader, error) {
	blob, err := l.Blob(desc)
	if err != nil {
		return nil, err
	}
	return openLayer(blob, desc, "layer "+desc.Digest.String(), limits)
}

// OpenTar reads a tar of size bytes that belongs to no image as a layer: a plain one or,
// with LayerLimits.Lenient, what it looks like. Nothing says which digest it should
// have. What names it in errors.
func OpenTar(r io.ReadCloser, size int64, what string, limits LayerLimits) (*LayerReader, error) {
	return openLayer(r, ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Size: size}, what, limits)
}

func openLayer(blob io.ReadCloser, desc ocispec.Descriptor, what string, limits LayerLimits) (*LayerReader, error) {
	s, err := openStream(blob, desc, limits.Lenient)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", what, err), blob.Close())
	}
	limits = limits.withDefaults()
	size := limits.Size
	why := ""
	if most := max(desc.Size*limits.Ratio, ratioFloor); s.compression != "" && most < size {
		size = most
		why = fmt.Sprintf(", which may be at most %d times that of its compressed bytes, from %d MiB on", limits.Ratio, ratioFloor>>20)
	}
	m := &meter{src: s, limit: size, what: "size of " + what + why}
	if !limits.NoDiffID {
		m.hash = sha256.New()
	}
	t := &tap{src: bufio.NewReaderSize(m, 64<<10)}
	return &LayerReader{
		what: what, blob: blob, stream: s, meter: m, tap: t, tar: tar.NewReader(t), limits: limits,
	}, nil
}

// Next goes to the next entry and returns its header. It returns io.EOF when the
// whole blob was read and is what its descriptor says.
func (r *LayerReader) Next() (*tar.Header, error) {
	if r.err != nil {
		return nil, r.err
	}
	hdr, err := r.next()
	if err == nil {
		return hdr, nil
	}
	r.err = err
	if err != io.EOF {
		var limit *LimitError
		if !errors.As(err, &limit) {
			r.err = fmt.Errorf("%s: %w", r.what, err)
		}
	}
	return nil, r.err
}

func (r *LayerReader) next() (*tar.Header, error) {
	if _, err := r.Padding(); err != nil {
		return nil, err
	}
	r.tap.record(int(-r.tap.offset & (tarBlock - 1)))
	hdr, err := r.tar.Next()
	if err == io.EOF {
		return nil, r.finish()
	}
	if err != nil {
		return nil, err
	}
	if err := r.checkHeaderSize(); err != nil {
		return nil, err
	}
	r.tap.stop()
	r.entries++
	if r.entries > r.limits.Entries {
		return nil, &LimitError{"entries of " + r.what, int64(r.entries), int64(r.limits.Entries)}
	}
	if n := max(len(hdr.Name), len(hdr.Linkname)); n > r.limits.Path {
		return nil, &LimitError{"path in " + r.what, int64(n), int64(r.limits.Path)}
	}
	return hdr, nil
}

// Read reads the current entry's content, holes of a sparse file included. All
// contents together are limited like the tar, since a hole costs it nothing.
func (r *LayerReader) Read(p []byte) (int, error) {
	n, err := r.tar.Read(p)
	r.content += int64(n)
	if r.content > r.meter.limit {
		return 0, &LimitError{"contents of " + r.what, r.content, r.meter.limit}
	}
	return n, err
}

// Copy has every byte of the uncompressed tar written to w, too, from now on. Errors of
// w are its own business. It is called before Next.
func (r *LayerReader) Copy(w io.Writer) { r.meter.copy = w }

// Header returns the bytes of the current entry's header as they are in the tar,
// extended headers included. They are valid until the next call of Next.
func (r *LayerReader) Header() []byte { return r.tap.head }

// Offset returns where in the uncompressed tar the current entry's header ends, which is
// where its content begins unless the file is sparse. It is called before Read.
func (r *LayerReader) Offset() int64 { return r.tap.offset }

// Padding skips what is left of the current entry's content and returns the bytes
// between it and the next multiple of 512, which should all be zero. They are
// valid until the next call of Next.
func (r *LayerReader) Padding() ([]byte, error) {
	if r.entries == 0 {
		return nil, nil
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return nil, err
	}
	pad, err := r.tap.src.Peek(int(-r.tap.offset & (tarBlock - 1)))
	return pad, unexpected(err)
}

func (r *LayerReader) checkHeaderSize() error {
	if r.tap.size > maxHeader {
		return &LimitError{"an entry's header in " + r.what, r.tap.size, maxHeader}
	}
	return nil
}

// finish reads to the end of the blob.
func (r *LayerReader) finish() error {
	if err := r.checkHeaderSize(); err != nil {
		return err
	}
	r.tap.stop()
	w := newTrailerWriter()
	if _, err := w.Write(r.tap.head); err != nil {
		return err
	}
	if _, err := io.Copy(w, r.tap); err != nil {
		return err
	}
	if err := r.stream.checkEnd(); err != nil {
		return err
	}
	r.trailer = w.done()
	return io.EOF
}

// DiffID returns the digest of the uncompressed tar, after Next returned io.EOF.
func (r *LayerReader) DiffID() digest.Digest {
	if r.meter.hash == nil {
		return ""
	}
	return digest.NewDigest(digest.SHA256, r.meter.hash)
}

// Size returns how many bytes the uncompressed tar has, after Next returned io.EOF.
func (r *LayerReader) Size() int64 { return r.meter.n }

// Trailer returns what follows the last entry, after Next returned io.EOF.
func (r *LayerReader) Trailer() Trailer { return r.trailer }

// Compression returns "gzip", "zstd" or "".
func (r *LayerReader) Compression() string { return r.stream.compression }

// Gzip returns the layer's gzip header, nil when Compression is not "gzip".
func (r *LayerReader) Gzip() *GzipHeader { return r.stream.gzip }

// Zstd returns the header of the layer's first zstd frame, nil when Compression is not
// "zstd".
func (r *LayerReader) Zstd() *ZstdHeader { return r.stream.zstd }

// Members returns how many gzip members the layer has, after Next returned io.EOF.
// Without LayerLimits.Lenient it is one at most.
func (r *LayerReader) Members() int { return r.stream.members }

// After returns what follows the compressed stream, after Next returned io.EOF: nothing
// without LayerLimits.Lenient.
func (r *LayerReader) After() Trailer { return r.stream.after }

// Close releases the blob.
func (r *LayerReader) Close() error {
	r.stream.close()
	return r.blob.Close()
}

// A meter counts and hashes the uncompressed bytes, and stops at a limit.
type meter struct {
	src   io.Reader
	hash  hash.Hash // or nil
	n     int64
	limit int64
	what  string
	copy  io.Writer // or nil
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.src.Read(p)
	m.n += int64(n)
	if m.n > m.limit {
		return 0, &LimitError{m.what, m.n, m.limit}
	}
	if m.hash != nil {
		m.hash.Write(p[:n])
	}
	if m.copy != nil {
		_, _ = m.copy.Write(p[:n]) // see Copy
	}
	return n, err
}
