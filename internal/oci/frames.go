package oci

import (
	"bufio"
	"encoding/binary"
	"io"
	"math"
)

const (
	zstdMagic = 0xfd2fb528
	// skippableMagic is that of frames that decoders skip; its last 4 bits are free.
	skippableMagic = 0x184d2a50
)

// A frameReader gives the zstd frames that src begins with (RFC 8878, section 3), and
// leaves what follows them in src. What is no frame at its beginning, or is damaged, it
// gives as it is: the decoder says what is wrong with it.
type frameReader struct {
	src *bufio.Reader
	// left are the bytes that are given before the next decision.
	left    int64
	begun   bool // there was a frame
	inFrame bool // blocks follow
	sum     int64
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
	head, err := r.src.Peek(8)
	if len(head) == 0 {
		return err
	}
	magic := uint32(0)
	if len(head) >= 5 {
		magic = binary.LittleEndian.Uint32(head)
	}
	switch {
	case magic == zstdMagic:
		r.left, r.sum = zstdHeaderSize(head[4])
		r.begun, r.inFrame = true, true
	case magic&^15 == skippableMagic && len(head) == 8:
		r.left = 8 + int64(binary.LittleEndian.Uint32(head[4:]))
		r.begun = true
	case r.begun:
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

// zstdHeaderSize returns how many bytes a frame's header has, and its checksum, by its
// descriptor (section 3.1.1.1.1).
func zstdHeaderSize(descriptor byte) (header, sum int64) {
	header = 5
	if single := descriptor&32 != 0; !single {
		header++
	} else if descriptor>>6 == 0 {
		header++
	}
	header += []int64{0, 1, 2, 4}[descriptor&3] + []int64{0, 2, 4, 8}[descriptor>>6]
	if descriptor&4 != 0 {
		sum = 4
	}
	return header, sum
}
