package filetype

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
)

const (
	zstdMagic = "\x28\xb5\x2f\xfd"
	// maxZstdBlocks is how many blocks are walked to find where frames end: what isn't
	// found then is part of the last frame's content.
	maxZstdBlocks = 1 << 20
)

// sniffZstd knows frames, and those before them that decoders skip.
func sniffZstd(head []byte, _ string) bool {
	return len(head) >= 8 && (string(head[:4]) == zstdMagic || binary.LittleEndian.Uint32(head)&^15 == 0x184d2a50)
}

// parseZstd takes zstd frames apart (RFC 8878) into the fields of their headers, and
// their content. The level isn't in the file.
func parseZstd(in *input, b *builder) error {
	first := true
	blocks := maxZstdBlocks
	at := int64(0)
	var skipped, more []Part
	for at < in.Size() {
		head, err := in.bytes(at, min(18, in.Size()-at))
		if err != nil {
			return err
		}
		if len(head) >= 8 && binary.LittleEndian.Uint32(head)&^15 == 0x184d2a50 {
			size := int64(binary.LittleEndian.Uint32(head[4:]))
			skipped = append(skipped, Part{Name: "skippable frame", Open: in.open(at+8, size), Offset: at + 8, Size: size})
			if len(skipped) > in.limits.Parts {
				return &LimitError{What: "frames", Limit: int64(in.limits.Parts)}
			}
			if at += 8 + size; at > in.Size() {
				return in.damaged("the skippable frame at %d is cut off", at-size)
			}
			continue
		}
		fields, size := zstdHeader(head, at)
		if size == 0 {
			break
		}
		if first {
			for _, f := range fields {
				b.add(f)
			}
		} else if more = append(more, Part{Name: "frame", Fields: fields}); len(more) > in.limits.Parts {
			return &LimitError{What: "frames", Limit: int64(in.limits.Parts)}
		}
		first = false
		at = in.zstdEnd(at+size, fields[1].Value == "true", &blocks)
	}
	if first {
		return in.damaged("no frame")
	}
	b.add(Part{Name: "content", Open: in.decode(func() (io.ReadCloser, error) { return in.unzstd(0, at) }), Encoding: "zstd", Size: at})
	for _, p := range append(more, skipped...) {
		b.add(p)
	}
	if at < in.Size() {
		return addRest(in, b, "trailer", at)
	}
	return nil
}

// zstdHeader returns the fields of a frame's header (section 3.1.1.1), and how many
// bytes it has, 0 if it is none.
func zstdHeader(head []byte, offset int64) ([]Part, int64) {
	if len(head) < 6 || string(head[:4]) != zstdMagic {
		return nil, 0
	}
	d := head[4]
	single := d&32 != 0
	at := 5
	window := ""
	if !single {
		exponent, mantissa := uint(head[5]>>3), uint64(head[5]&7)
		base := uint64(1) << (10 + exponent)
		window = decimal(base + base/8*mantissa)
		at++
	}
	var number [8]byte
	take := func(size int) (string, bool) {
		if len(head) < at+size {
			return "", false
		}
		number = [8]byte{}
		copy(number[:], head[at:at+size])
		at += size
		return decimal(binary.LittleEndian.Uint64(number[:])), true
	}
	dictionary, size := "", "unknown"
	ok := true
	if n := []int{0, 1, 2, 4}[d&3]; n > 0 {
		dictionary, ok = take(n)
	}
	if n := []int{0, 2, 4, 8}[d>>6]; ok && (n > 0 || single) {
		if size, ok = take(max(n, 1)); n == 2 && ok {
			size = decimal(binary.LittleEndian.Uint64(number[:]) + 256)
		}
	}
	if !ok {
		return nil, 0
	}
	return []Part{
		{Name: "window size", Value: window, Offset: offset + 5, Size: 1},
		{Name: "checksum", Value: map[bool]string{true: "true", false: "false"}[d&4 != 0], Offset: offset + 4, Size: 1},
		{Name: "single segment", Value: map[bool]string{true: "true", false: "false"}[single], Offset: offset + 4, Size: 1},
		{Name: "dictionary id", Value: dictionary, Offset: offset + 5, Size: int64(at - 5)},
		{Name: "content size", Value: size, Offset: offset + 5, Size: int64(at - 5)},
	}, int64(at)
}

// zstdEnd returns where the frame ends whose first block is at offset: where the file
// does, if that can't be told.
func (in *input) zstdEnd(offset int64, checksum bool, blocks *int) int64 {
	for ; *blocks > 0; *blocks-- {
		raw, err := in.bytes(offset, 3)
		if err != nil {
			return in.Size()
		}
		h := int64(raw[0]) | int64(raw[1])<<8 | int64(raw[2])<<16
		offset += 3 + h>>3
		if h>>1&3 == 1 { // one byte, repeated
			offset += 1 - h>>3
		}
		if h&1 == 1 {
			if checksum {
				offset += 4
			}
			return min(offset, in.Size())
		}
	}
	return in.Size()
}

// unzstd decodes zstd frames, in as much memory as the limit says.
func (in *input) unzstd(offset, size int64) (io.ReadCloser, error) {
	d, err := zstd.NewReader(in.section(offset, size), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(uint64(max(in.limits.Memory, zstd.MinWindowSize))))
	if err != nil {
		return nil, err
	}
	return &zstdReader{d, in.limits.Memory}, nil
}

type zstdReader struct {
	*zstd.Decoder
	memory int64
}

func (r *zstdReader) Read(p []byte) (int, error) {
	n, err := r.Decoder.Read(p)
	if errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		err = &LimitError{What: "bytes of memory to decompress", Limit: r.memory}
	}
	return n, err
}

func (r *zstdReader) Close() error {
	r.Decoder.Close()
	return nil
}
