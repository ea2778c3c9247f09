package oci

import (
	"bufio"
	"bytes"
	"io"
	"math"

	"github.com/klauspost/compress/zstd"
)

// zstdMagic begins a frame that isn't skipped.
const zstdMagic = "\x28\xb5\x2f\xfd"

// A frameReader gives the zstd frames that src begins with (RFC 8878, section 3), and
// leaves what follows them in src. What is no frame at its beginning, or is damaged, it
// gives as it is: the decoder says what is wrong with it.
type frameReader struct {
	src *bufio.Reader
	// left are the bytes that are given before the next decision.
	left    int64
	begun   bool  // there was a frame
	inFrame bool  // blocks follow
	sum     int64 // how many bytes the frame's checksum has
}

func (r *frameReader) Read(p []byte) (int, error) {
	for r.left == 0 {
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	n, err := r.src.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	return n, err
}

// next looks at what follows.
func (r *frameReader) next() error {
	if r.inFrame {
		return r.block()
	}
	head, err := r.src.Peek(zstd.HeaderMaxSize)
	if len(head) == 0 {
		return err
	}
	var h zstd.Header
	switch err := h.Decode(head); {
	case err == nil:
		r.left, r.sum = int64(h.HeaderSize)+int64(h.SkippableSize), 0
		if h.HasCheckSum {
			r.sum = 4
		}
		r.begun, r.inFrame = true, !h.Skippable
	case r.begun && !bytes.HasPrefix(head, []byte(zstdMagic)):
		return io.EOF
	default:
		r.left = math.MaxInt64
	}
	return nil
}

// block looks at the header of a block (section 3.1.1.2).
func (r *frameReader) block() error {
	head, err := r.src.Peek(3)
	if len(head) < 3 {
		r.left = math.MaxInt64
		if len(head) == 0 {
			return err
		}
		return nil
	}
	h := int64(head[0]) | int64(head[1])<<8 | int64(head[2])<<16
	r.left = 3 + h>>3
	if h>>1&3 == 1 { // one byte, repeated
		r.left = 3 + 1
	}
	if h&1 == 1 {
		r.left += r.sum
		r.inFrame = false
	}
	return nil
}
