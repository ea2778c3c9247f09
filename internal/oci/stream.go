package oci

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// maxZstdWindow is how much memory a zstd frame may ask for: that of level 20.
const maxZstdWindow = 32 << 20

// A GzipHeader is the header of a gzip member (RFC 1952, section 2.3).
type GzipHeader struct {
	Flags byte
	// ModTime is in seconds since 1970, 0 for none.
	ModTime uint32
	// ExtraFlags tells the level: 2 the slowest, 4 the fastest.
	ExtraFlags byte
	OS         byte
	Extra      []byte
	Name       string
	Comment    string
	// Size is how many bytes the whole header has.
	Size int64
}

// A ZstdHeader is the header of a zstd frame (RFC 8878, section 3.1.1.1).
type ZstdHeader struct {
	Window      uint64 // in bytes
	ContentSize uint64 // in bytes, if HasSize
	HasSize     bool
	Checksum    bool
	Single      bool // the frame is one segment
	Dictionary  uint32
}

// A stream is the decompressed content of a layer's blob.
type stream struct {
	io.Reader
	desc        ocispec.Descriptor
	lenient     bool
	compressed  *bufio.Reader
	compression string
	gzip        *GzipHeader
	zstd        *ZstdHeader
	members     int
	after       Trailer
	closers     []func()
}

// IsLayer reports whether OpenLayer knows the media type.
func IsLayer(mediaType string) bool {
	switch mediaType {
	case ocispec.MediaTypeImageLayer, ocispec.MediaTypeImageLayerGzip, ocispec.MediaTypeImageLayerZstd:
		return true
	}
	return false
}

func openStream(blob io.Reader, desc ocispec.Descriptor, lenient bool) (*stream, error) {
	s := &stream{desc: desc, lenient: lenient, compressed: bufio.NewReaderSize(blob, 128<<10)}
	switch desc.MediaType {
	case ocispec.MediaTypeImageLayer:
	case ocispec.MediaTypeImageLayerGzip:
		s.compression = "gzip"
	case ocispec.MediaTypeImageLayerZstd:
		s.compression = "zstd"
	default:
		return nil, &FormatError{"layer " + desc.Digest.String(), fmt.Sprintf("unknown media type %q", desc.MediaType)}
	}
	if lenient {
		b, err := s.compressed.Peek(4)
		if err != nil && err != io.EOF {
			return nil, err
		}
		s.compression = compressionOf(b)
	}
	switch s.compression {
	case "gzip":
		return s, s.openGzip()
	case "zstd":
		return s, s.openZstd()
	}
	s.Reader = s.compressed
	return s, nil
}

// compressionOf tells how what begins with b is compressed.
func compressionOf(b []byte) string {
	switch {
	case len(b) >= 2 && b[0] == 0x1f && b[1] == 0x8b:
		return "gzip"
	case len(b) >= 4 && string(b[:4]) == "\x28\xb5\x2f\xfd":
		return "zstd"
	}
	return ""
}

func (s *stream) openGzip() error {
	fixed, err := s.compressed.Peek(10)
	if err != nil {
		return unexpected(err)
	}
	h := &GzipHeader{
		Flags:      fixed[3],
		ModTime:    binary.LittleEndian.Uint32(fixed[4:]),
		ExtraFlags: fixed[8],
		OS:         fixed[9],
	}
	zr, err := gzip.NewReader(s.compressed)
	if err != nil {
		return unexpected(err)
	}
	zr.Multistream(false)
	h.Extra, h.Name, h.Comment = zr.Extra, zr.Name, zr.Comment
	h.Size = h.size()
	s.gzip, s.members, s.Reader = h, 1, zr
	if s.lenient {
		s.Reader = &memberReader{s, zr}
	}
	return nil
}

// A memberReader goes on with the next gzip member.
type memberReader struct {
	stream *stream
	member *gzip.Reader
}

func (r *memberReader) Read(p []byte) (int, error) {
	for {
		n, err := r.member.Read(p)
		if n > 0 && err == io.EOF {
			return n, nil
		}
		if err != io.EOF {
			return n, err
		}
		next, err := r.stream.compressed.Peek(3)
		if err != nil && err != io.EOF {
			return 0, err
		}
		if string(next) != "\x1f\x8b\x08" {
			return 0, io.EOF
		}
		if err := r.member.Reset(r.stream.compressed); err != nil {
			return 0, unexpected(err)
		}
		r.member.Multistream(false)
		r.stream.members++
	}
}

// size adds up the parts that Flags announces. Name and Comment are Latin-1 in
// the file: one byte for each rune.
func (h *GzipHeader) size() int64 {
	n := 10
	if h.Flags&0x04 != 0 {
		n += 2 + len(h.Extra)
	}
	if h.Flags&0x08 != 0 {
		n += utf8.RuneCountInString(h.Name) + 1
	}
	if h.Flags&0x10 != 0 {
		n += utf8.RuneCountInString(h.Comment) + 1
	}
	if h.Flags&0x02 != 0 {
		n += 2
	}
	return int64(n)
}

func (s *stream) openZstd() error {
	b, err := s.compressed.Peek(zstd.HeaderMaxSize)
	if err != nil && err != io.EOF {
		return err
	}
	var h zstd.Header
	if err := h.Decode(b); err == nil && !h.Skippable {
		s.zstd = &ZstdHeader{h.WindowSize, h.FrameContentSize, h.HasFCS, h.HasCheckSum, h.SingleSegment, h.DictionaryID}
	}
	zr, err := zstd.NewReader(&frameReader{src: s.compressed},
		zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxZstdWindow),
		zstd.WithDecoderMaxMemory(2*maxZstdWindow))
	if err != nil {
		return err
	}
	s.Reader = zr
	s.closers = append(s.closers, zr.Close)
	return nil
}

// checkEnd reports what follows the compressed stream, and the blob's digest when
// it is wrong.
func (s *stream) checkEnd() error {
	next, err := s.compressed.Peek(2)
	switch {
	case len(next) > 0 && s.lenient:
		w := newTrailerWriter()
		if _, err := io.Copy(w, s.compressed); err != nil {
			return err
		}
		s.after = w.done()
		return nil
	case len(next) > 0 && s.compression == "gzip":
		return &TrailingError{s.desc.Digest, len(next) == 2 && next[0] == 0x1f && next[1] == 0x8b}
	case len(next) > 0:
		return &FormatError{"layer " + s.desc.Digest.String(), "bytes follow the compressed stream"}
	case errors.Is(err, io.EOF):
		return nil
	}
	return err
}

func (s *stream) close() {
	for _, c := range s.closers {
		c()
	}
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
