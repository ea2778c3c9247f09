package diffoscope

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"hash/maphash"
	"io"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/filetype"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// chunkSize is how finely contents are compared while they stream by: the second
// reading, which finds the first differing byte, keeps one chunk of each.
const chunkSize = 16 << 10

// seed makes the hashes of chunks, which never leave this process.
var seed = maphash.MakeSeed()

// An entry is one tar entry, without its bytes.
type entry struct {
	index   int
	header  *tar.Header
	raw     [sha256.Size]byte // of the header's bytes
	content [sha256.Size]byte
	size    int64
	// at is where the content begins in the uncompressed tar, -1 where it isn't there as
	// it is.
	at     int64
	chunks []chunk
	// known says that it can be taken apart, text that it begins like text.
	known, text bool
	// noHeader says that header was made from what a file system says.
	noHeader bool
	padding  []byte // nil when it is zeros, as it should be
}

type chunk struct {
	hash uint64
	// lines is how many line feeds the chunk has.
	lines int
}

// A summary is what is known of a tree once all of it was read. Only entries is known
// of a directory.
type summary struct {
	entries     int
	bytes       int64 // that were read and checked
	diffID      digest.Digest
	size        int64
	compression string
	gzip        *oci.GzipHeader
	zstd        *oci.ZstdHeader
	members     int
	trailer     oci.Trailer
	after       oci.Trailer
}

// walkEntries gives each entry of a layer to fn, and closes the layer.
func walkEntries(ctx context.Context, lr *oci.LayerReader, fn func(*entry) error) (*summary, error) {
	defer lr.Close()
	sum := &summary{compression: lr.Compression(), gzip: lr.Gzip(), zstd: lr.Zstd()}
	h := newContentHasher()
	for {
		hdr, err := lr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		e := &entry{index: sum.entries, header: hdr, raw: sha256.Sum256(lr.Header()), at: lr.Offset()}
		if filetype.IsSparse(hdr) {
			e.at = -1
		}
		sum.entries++
		if err := h.readEntry(ctx, lr, e); err != nil {
			return nil, fmt.Errorf("%q: %w", hdr.Name, err)
		}
		if err := fn(e); err != nil {
			return nil, err
		}
	}
	sum.diffID, sum.size, sum.trailer = lr.DiffID(), lr.Size(), lr.Trailer()
	sum.members, sum.after = lr.Members(), lr.After()
	return sum, nil
}

// A contentHasher reads contents with one buffer.
type contentHasher struct{ buf []byte }

func newContentHasher() *contentHasher { return &contentHasher{make([]byte, chunkSize)} }

// readEntry reads e's content, and the padding behind it.
func (h *contentHasher) readEntry(ctx context.Context, lr *oci.LayerReader, e *entry) error {
	if err := h.read(ctx, lr, e); err != nil {
		return err
	}
	pad, err := lr.Padding()
	if err != nil {
		return err
	}
	if len(bytes.Trim(pad, "\x00")) > 0 {
		e.padding = bytes.Clone(pad)
	}
	return nil
}

func (h *contentHasher) read(ctx context.Context, lr io.Reader, e *entry) error {
	sum := sha256.New()
	e.text = true // when it is empty
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.ReadFull(lr, h.buf)
		if n > 0 {
			b := h.buf[:n]
			if e.size == 0 {
				e.known, e.text = filetype.Known(e.header.Name, head(b, filetype.HeadSize)), isText(head(b, filetype.HeadSize))
			}
			sum.Write(b)
			e.size += int64(n)
			e.chunks = append(e.chunks, chunk{maphash.Bytes(seed, b), bytes.Count(b, []byte{'\n'})})
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF && n > 0 && atEnd(lr) {
			break
		}
		if err != nil {
			return err
		}
	}
	sum.Sum(e.content[:0])
	return nil
}

// atEnd tells a content shorter than the buffer from a tar that ends inside it:
// io.ReadFull says io.ErrUnexpectedEOF for both.
func atEnd(lr io.Reader) bool {
	var one [1]byte
	n, err := lr.Read(one[:])
	return n == 0 && err == io.EOF
}
