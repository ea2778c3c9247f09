package filetype

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/zlib"
)

const pngMagic = "\x89PNG\r\n\x1a\n"

// A pngChunk is one chunk (PNG 1.2, section 3.2), by where its data is.
type pngChunk struct {
	kind         string
	offset, size int64
}

// parsePNG takes an image apart, into its chunks: those of known meaning as fields,
// the pixels decompressed.
func parsePNG(in *input, b *builder) error {
	var pixels []pngChunk
	pixelsAt := -1
	at := int64(len(pngMagic))
	for at < in.Size() {
		head, err := in.bytes(at, 8)
		size := int64(0)
		if err == nil {
			size = int64(binary.BigEndian.Uint32(head))
		}
		if err != nil || !in.has(at, size+12) {
			return addRest(in, b, "unreadable rest", at)
		}
		c := pngChunk{string(head[4:]), at + 8, size}
		at += 12 + size
		if c.kind == "IDAT" {
			if pixels = append(pixels, c); len(pixels) > in.limits.Parts {
				return &LimitError{What: "chunks", Limit: int64(in.limits.Parts)}
			}
			if len(pixels) == 1 {
				pixelsAt = len(b.file.Parts)
				b.add(Part{Name: "pixels", Encoding: "zlib"})
			}
			continue
		}
		if err := in.addPNGChunk(b, c); err != nil || b.err != nil {
			return err
		}
		if c.kind == "IEND" {
			break
		}
	}
	if pixelsAt >= 0 {
		p := &b.file.Parts[pixelsAt]
		last := pixels[len(pixels)-1]
		p.Offset, p.Size = pixels[0].offset-8, last.offset+last.size+12-pixels[0].offset
		p.Fields = []Part{{Name: "compression", Value: in.zlibLevel(pixels[0]), Offset: pixels[0].offset, Size: 2}}
		p.Open = in.decode(func() (io.ReadCloser, error) {
			return zlib.NewReader(buffered(&pngData{in: in, chunks: pixels}))
		})
	}
	return addRest(in, b, "trailer", at)
}

func (in *input) addPNGChunk(b *builder, c pngChunk) error {
	p := Part{Name: c.kind, Offset: c.offset - 8, Size: c.size + 12}
	if c.size > in.limits.Memory/16 {
		p.Open = in.open(c.offset, c.size)
		b.add(p)
		return nil
	}
	data, err := in.bytes(c.offset, c.size)
	if err != nil {
		return err
	}
	switch {
	case c.kind == "IEND" && c.size == 0:
		return nil
	case c.kind == "IHDR" && c.size == 13:
		p.Value = fmt.Sprintf("%d x %d, %d bits, colour type %d, interlace %d",
			binary.BigEndian.Uint32(data), binary.BigEndian.Uint32(data[4:]), data[8], data[9], data[12])
	case c.kind == "tIME" && c.size == 7:
		p.Value = time.Date(int(binary.BigEndian.Uint16(data)), time.Month(data[2]), int(data[3]),
			int(data[4]), int(data[5]), int(data[6]), 0, time.UTC).Format(time.RFC3339)
	case c.kind == "pHYs" && c.size == 9:
		p.Value = fmt.Sprintf("%d x %d, unit %d", binary.BigEndian.Uint32(data), binary.BigEndian.Uint32(data[4:]), data[8])
	case c.kind == "gAMA" && c.size == 4:
		p.Value = decimal(binary.BigEndian.Uint32(data))
	case c.kind == "tEXt" || c.kind == "zTXt" || c.kind == "iTXt":
		key, value, _ := bytes.Cut(data, []byte{0})
		p.Name += " " + string(key)
		if c.kind == "tEXt" {
			p.Value = string(value)
		} else {
			p.Value = fmt.Sprintf("%q", value)
		}
	default:
		p.Open = in.open(c.offset, c.size)
	}
	b.add(p)
	return nil
}

// zlibLevel says what zlib's header says (RFC 1950).
func (in *input) zlibLevel(c pngChunk) string {
	head, err := in.bytes(c.offset, 2)
	if err != nil || c.size < 2 {
		return ""
	}
	return []string{"fastest", "fast", "default", "best"}[head[1]>>6]
}

// pngData reads the data of several chunks, as one.
type pngData struct {
	in     *input
	chunks []pngChunk
	at     int64 // in the first of chunks
}

func (r *pngData) Read(p []byte) (int, error) {
	for len(r.chunks) > 0 && r.at == r.chunks[0].size {
		r.chunks, r.at = r.chunks[1:], 0
	}
	if len(r.chunks) == 0 {
		return 0, io.EOF
	}
	c := r.chunks[0]
	n, err := r.in.ReadAt(p[:min(int64(len(p)), c.size-r.at)], c.offset+r.at)
	r.at += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}
