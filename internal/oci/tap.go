package oci

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"hash"

	"github.com/opencontainers/go-digest"
)

// A tap stands between a tar.Reader, which reads no byte before it needs it, and
// the tar, and keeps the bytes of the current entry's header.
type tap struct {
	src    *bufio.Reader
	offset int64 // of the next byte, from the start of the tar

	recording bool
	skip      int    // bytes of padding before what is recorded
	head      []byte // at most maxHeader
	size      int64  // of the header, also when head has no room for it
}

// record begins to keep what is read after the next skip bytes.
func (t *tap) record(skip int) {
	t.recording, t.skip = true, skip
	t.head, t.size = t.head[:0], 0
}

func (t *tap) stop() { t.recording = false }

func (t *tap) Read(p []byte) (int, error) {
	n, err := t.src.Read(p)
	t.offset += int64(n)
	if t.recording {
		pad := min(t.skip, n)
		t.skip -= pad
		b := p[pad:n]
		t.size += int64(len(b))
		t.head = append(t.head, b[:min(len(b), maxHeader-len(t.head))]...)
	}
	return n, err
}

// A Trailer is what follows a tar's last entry: two blocks of zeros that mark the
// end, and often more zeros.
type Trailer struct {
	Size   int64
	Digest digest.Digest
	// Excerpt begins with the first byte that is not zero, at Offset from the
	// trailer's start, and has at most 64 bytes. It is empty when all are zero.
	Excerpt []byte
	Offset  int64
}

const maxExcerpt = 64

// A trailerWriter makes a Trailer of what is written to it.
type trailerWriter struct {
	hash    hash.Hash
	trailer Trailer
}

func newTrailerWriter() *trailerWriter { return &trailerWriter{hash: sha256.New()} }

func (w *trailerWriter) Write(p []byte) (int, error) {
	w.hash.Write(p)
	t := &w.trailer
	rest := p
	if len(t.Excerpt) == 0 {
		rest = bytes.TrimLeft(p, "\x00")
		t.Offset = t.Size + int64(len(p)-len(rest))
	}
	t.Excerpt = append(t.Excerpt, rest[:min(len(rest), maxExcerpt-len(t.Excerpt))]...)
	t.Size += int64(len(p))
	return len(p), nil
}

func (w *trailerWriter) done() Trailer {
	t := w.trailer
	t.Digest = digest.NewDigest(digest.SHA256, w.hash)
	if len(t.Excerpt) == 0 {
		t.Offset = 0
	}
	return t
}
