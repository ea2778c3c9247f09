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

// A stream is the decompressed content of a layer's blob.
type stream struct {
	io.Reader
	desc        ocispec.Descriptor
	compressed  *bufio.Reader
	compression string
	gzip        *GzipHeader
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

func openStream(blob io.Reader, desc ocispec.Descriptor) (*stream, error) {
	s := &stream{desc: desc, compressed: bufio.NewReaderSize(blob, 128<<10)}
	switch desc.MediaType {
	case ocispec.MediaTypeImageLayer:
		s.Reader = s.compressed
		return s, nil
	case ocispec.MediaTypeImageLayerGzip:
		s.compression = "gzip"
		return s, s.openGzip()
	case ocispec.MediaTypeImageLayerZstd:
		s.compression = "zstd"
		return s, s.openZstd()
	}
	return nil, &FormatError{"layer " + desc.Digest.String(), fmt.Sprintf("unknown media type %q", desc.MediaType)}
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
	s.gzip, s.Reader = h, zr
	return nil
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
	zr, err := zstd.NewReader(s.compressed,
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
	if len(next) > 0 && s.compression == "gzip" {
		return &TrailingError{s.desc.Digest, len(next) == 2 && next[0] == 0x1f && next[1] == 0x8b}
	}
	if len(next) > 0 {
		return &FormatError{"layer " + s.desc.Digest.String(), "bytes follow the compressed stream"}
	}
	if errors.Is(err, io.EOF) {
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
