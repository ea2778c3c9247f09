package filetype

import (
	"encoding/binary"
	"io"

	"github.com/klauspost/compress/flate"
)

const (
	adbMagic   = "ADB."
	adbDeflate = "ADBd"
	adbPacked  = "ADBc"
)

// sniffADB knows files of apk's third format.
func sniffADB(head []byte, _ string) bool {
	return len(head) >= 8 && anyPrefix(adbMagic, adbDeflate, adbPacked)(head, "")
}

// parseADB takes a file of apk's third format apart (apk-tools, src/adb.h): what it is
// compressed with and its content, or its schema and blocks. Of the metadata it has the
// strings, and not what they mean.
func parseADB(in *input, b *builder) error {
	head, err := in.bytes(0, min(8, in.Size()))
	if err != nil {
		return err
	}
	packed := func(name string, from int64, open func() (io.ReadCloser, error)) {
		b.field("compression", name, 3, from-3)
		b.add(Part{Name: "content", Encoding: name, Open: open, Offset: from, Size: in.Size() - from})
	}
	inflated := func(from int64) func() (io.ReadCloser, error) {
		return in.decode(func() (io.ReadCloser, error) {
			return flate.NewReader(buffered(in.section(from, in.Size()-from))), nil
		})
	}
	switch {
	case string(head[:4]) == adbMagic:
		return in.adbBlocks(b, binary.LittleEndian.Uint32(head[4:]))
	case string(head[:4]) == adbDeflate:
		packed("deflate", 4, inflated(4))
	case head[4] == 0:
		packed("none", 6, in.open(6, in.Size()-6))
	case head[4] == 1:
		packed("deflate", 6, inflated(6))
	case head[4] == 2:
		packed("zstd", 6, in.decode(func() (io.ReadCloser, error) { return in.unzstd(6, in.Size()-6) }))
	default:
		return in.damaged("no decoder for compression %d", head[4])
	}
	if string(head[:4]) == adbPacked {
		b.field("level", decimal(head[5]), 5, 1)
	}
	return nil
}

// adbBlocks adds the blocks behind the header.
func (in *input) adbBlocks(b *builder, schema uint32) error {
	b.field("schema", adbSchema(schema), 4, 4)
	for at := int64(8); at < in.Size(); {
		raw, err := in.bytes(at, min(16, in.Size()-at))
		if err != nil {
			return err
		}
		if len(raw) < 4 {
			return addRest(in, b, "rest", at)
		}
		word := binary.LittleEndian.Uint32(raw)
		kind, size, head := word>>30, int64(word&(1<<30-1)), int64(4)
		if kind == 3 && len(raw) == 16 { // too large for 30 bits
			kind, size, head = uint32(size), int64(binary.LittleEndian.Uint64(raw[8:])), 16
		}
		if size < head || !in.has(at, size) {
			return addRest(in, b, "unreadable rest", at)
		}
		if !in.adbBlock(b, kind, at+head, size-head) {
			return nil
		}
		at += min((size+7)&^7, in.Size()-at)
	}
	return nil
}

// adbBlock adds a block, and reports whether there is room for more.
func (in *input) adbBlock(b *builder, kind uint32, offset, size int64) bool {
	p := Part{Offset: offset, Size: size}
	switch kind {
	case 0:
		p.Name, p.Open = "metadata", in.open(offset, size)
		if !b.add(p) {
			return false
		}
		return b.add(Part{Name: "metadata strings", Text: true, Of: b.last(), Open: in.traces(p.Open)})
	case 1:
		p.Name, p.Open = "signature", in.open(offset, size)
	case 2:
		index, err := in.bytes(offset, min(8, size))
		if err != nil || len(index) < 8 {
			p.Name, p.Open = "data", in.open(offset, size)
			break
		}
		p.Name = "file " + decimal(binary.LittleEndian.Uint32(index)) + "." + decimal(binary.LittleEndian.Uint32(index[4:]))
		p.Offset, p.Size = offset+8, size-8
		p.Open = in.open(p.Offset, p.Size)
	default:
		p.Name, p.Open = "block of type "+decimal(kind), in.open(offset, size)
	}
	return b.add(p)
}

func adbSchema(schema uint32) string {
	name := binary.LittleEndian.AppendUint32(nil, schema)
	switch string(name) {
	case "pckg":
		return "package"
	case "indx":
		return "index"
	case "idb\x00":
		return "database"
	}
	return hexadecimal(schema)
}
