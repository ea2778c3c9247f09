package filetype

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"slices"
	"strings"
)

const (
	xzMagic  = "\xfd7zXZ\x00"
	xzHeader = 12 // also the footer
)

// An xzBlock is one block (The .xz File Format 1.2.1, section 3).
type xzBlock struct {
	offset, packed, size int64 // packed has the header and the check
	check                byte
}

// An xzStream is one stream (section 2).
type xzStream struct {
	offset int64
	check  byte
	blocks []xzBlock
}

// parseXz takes an xz file apart into what its headers and index say, and its content.
// It begins at the end, where the index says where everything is.
func parseXz(in *input, b *builder) error {
	streams, err := in.xzStreams()
	if err != nil {
		return err
	}
	var all []xzBlock
	for _, s := range streams {
		all = append(all, s.blocks...)
	}
	b.field("check", xzCheckName(streams[0].check), 6, 2)
	if len(streams) > 1 {
		b.field("streams", decimal(len(streams)), 0, 0)
	}
	b.add(Part{Name: "blocks", Value: decimal(len(all)), Derived: true}) // more content has more
	if len(all) > 0 {
		head, err := in.xzBlockHeader(all[0])
		if err != nil {
			return err
		}
		// Beside these the header has sizes, which follow from the content.
		b.field("filters", head.filters, 0, 0)
		b.field("dictionary size", decimal(head.dictionary), 0, 0)
		b.field("sizes in the block header", map[bool]string{true: "true", false: "false"}[head.sizes], all[0].offset+1, 1)
		if len(all) > 1 {
			b.field("block size", decimal(all[0].size), 0, 0)
		}
	}
	b.add(Part{Name: "content", Encoding: "xz", Offset: xzHeader, Size: in.Size() - xzHeader, Open: in.decode(in.unxz(all))})
	return nil
}

// xzStreams returns the streams in their order.
func (in *input) xzStreams() (streams []xzStream, err error) {
	blocks := 0
	for end := in.Size(); end > 0; {
		s, err := in.xzStream(end)
		if err != nil {
			return nil, err
		}
		streams = append(streams, s)
		if blocks += 1 + len(s.blocks); blocks > in.limits.Parts {
			return nil, &LimitError{What: "blocks", Limit: int64(in.limits.Parts)}
		}
		end = s.offset
	}
	slices.Reverse(streams)
	return streams, nil
}

// xzStream reads the index of the stream that ends at end, or before padding.
func (in *input) xzStream(end int64) (xzStream, error) {
	var s xzStream
	footer, err := in.bytes(max(0, end-xzHeader), min(xzHeader, end))
	for padding := 0; err == nil && len(footer) == xzHeader && bytes.Equal(footer[8:], make([]byte, 4)); padding++ {
		if padding > 1<<16 {
			return s, in.damaged("more than %d bytes of padding", padding*4)
		}
		end -= 4
		footer, err = in.bytes(max(0, end-xzHeader), min(xzHeader, end))
	}
	if err != nil {
		return s, err
	}
	if len(footer) < xzHeader || string(footer[10:]) != "YZ" || crc32.ChecksumIEEE(footer[4:10]) != binary.LittleEndian.Uint32(footer) {
		return s, in.damaged("no footer before %d", end)
	}
	size := (int64(binary.LittleEndian.Uint32(footer[4:])) + 1) * 4
	index, err := in.bytes(end-xzHeader-size, size)
	if err != nil {
		return s, err
	}
	s.check = footer[9]
	if err := in.readXzIndex(index, &s, end-xzHeader-size); err != nil {
		return s, err
	}
	head, err := in.bytes(s.offset, xzHeader)
	if err != nil || string(head[:6]) != xzMagic || !bytes.Equal(head[6:8], footer[8:10]) {
		return s, in.damaged("no stream at %d", s.offset)
	}
	return s, nil
}

// readXzIndex reads an index (section 4), which stands at offset, after the blocks.
func (in *input) readXzIndex(index []byte, s *xzStream, offset int64) error {
	bad := in.damaged("the index at %d", offset)
	body := index[:len(index)-4]
	if body[0] != 0 || crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(index[len(body):]) {
		return bad
	}
	r := bytes.NewReader(body[1:])
	n, err := binary.ReadUvarint(r)
	if err != nil || n > uint64(len(body)) {
		return bad
	}
	if n > uint64(in.limits.Parts) {
		return &LimitError{What: "blocks", Limit: int64(in.limits.Parts)}
	}
	total := int64(0)
	for range n {
		packed, err := binary.ReadUvarint(r)
		size, err2 := binary.ReadUvarint(r)
		if err != nil || err2 != nil || packed > uint64(offset) || size > 1<<62 {
			return bad
		}
		s.blocks = append(s.blocks, xzBlock{offset: total, packed: int64(packed), size: int64(size), check: s.check})
		total += (int64(packed) + 3) &^ 3
	}
	s.offset = offset - total - xzHeader
	if s.offset < 0 {
		return bad
	}
	for i := range s.blocks {
		s.blocks[i].offset += s.offset + xzHeader
	}
	return nil
}

// An xzBlockHead is what a block's header says (section 3.1).
type xzBlockHead struct {
	size       int64
	filters    string
	dictionary int64
	alone      bool // LZMA2 is the only filter
	sizes      bool
}

func (in *input) xzBlockHeader(block xzBlock) (xzBlockHead, error) {
	var h xzBlockHead
	first, err := in.bytes(block.offset, 1)
	if err != nil {
		return h, err
	}
	h.size = (int64(first[0]) + 1) * 4
	raw, err := in.bytes(block.offset, h.size)
	if err != nil {
		return h, err
	}
	bad := in.damaged("the block at %d", block.offset)
	if h.size < 8 || h.size > block.packed || crc32.ChecksumIEEE(raw[:h.size-4]) != binary.LittleEndian.Uint32(raw[h.size-4:]) {
		return h, bad
	}
	r := bytes.NewReader(raw[2 : h.size-4])
	flags := raw[1]
	h.sizes = flags&0xc0 == 0xc0
	for _, flag := range []byte{0x40, 0x80} {
		if flags&flag != 0 {
			if _, err := binary.ReadUvarint(r); err != nil {
				return h, bad
			}
		}
	}
	var names []string
	for range flags&3 + 1 {
		id, err := binary.ReadUvarint(r)
		n, err2 := binary.ReadUvarint(r)
		if err != nil || err2 != nil || n > uint64(r.Len()) {
			return h, bad
		}
		properties := make([]byte, n)
		_, _ = r.Read(properties) // it has that many
		names = append(names, xzFilter(id))
		if id == 0x21 && n == 1 && properties[0] <= 40 {
			h.dictionary = xzDictionary(properties[0])
		}
	}
	h.filters = strings.Join(names, " ")
	h.alone = h.filters == "lzma2" && h.dictionary > 0
	return h, nil
}

// xzDictionary decodes the size of LZMA2's dictionary (section 5.3.1).
func xzDictionary(bits byte) int64 {
	if bits == 40 {
		return 1<<32 - 1
	}
	return int64(2|bits&1) << (bits/2 + 11)
}

func xzFilter(id uint64) string {
	switch id {
	case 0x21:
		return "lzma2"
	case 3:
		return "delta"
	case 4:
		return "x86"
	case 7:
		return "arm"
	case 10:
		return "arm64"
	}
	return fmt.Sprintf("filter 0x%x", id)
}

func xzCheckName(check byte) string {
	switch check {
	case 0:
		return "none"
	case 1:
		return "CRC32"
	case 4:
		return "CRC64"
	case 10:
		return "SHA-256"
	}
	return decimal(check)
}

// xzCheck returns what computes a check, as it stands in the file, and its size
// (section 2.1.1.2). It is nil for none, and for those that nobody uses.
func xzCheck(check byte) (sum func() []byte, h hash.Hash, size int64) {
	switch {
	case check == 1:
		h := crc32.NewIEEE()
		return func() []byte { return binary.LittleEndian.AppendUint32(nil, h.Sum32()) }, h, 4
	case check == 4:
		h := crc64.New(crc64.MakeTable(crc64.ECMA))
		return func() []byte { return binary.LittleEndian.AppendUint64(nil, h.Sum64()) }, h, 8
	case check == 10:
		h := sha256.New()
		return func() []byte { return h.Sum(nil) }, h, sha256.Size
	case check > 0 && check < 16:
		return nil, nil, 4 << ((check - 1) / 3)
	}
	return nil, nil, 0
}
