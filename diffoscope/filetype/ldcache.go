package filetype

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

const (
	ldMagic    = "glibc-ld.so.cache1.1"
	ldOldMagic = "ld.so-1.7.0"
	ldHeader   = 48
	ldEntry    = 24
)

// parseLdCache takes /etc/ld.so.cache apart (glibc, sysdeps/generic/dl-cache.h): what
// made it, and its entries as text.
func parseLdCache(in *input, b *builder) error {
	at := int64(0)
	head, err := in.bytes(0, 16)
	if err != nil {
		return err
	}
	if bytes.HasPrefix(head, []byte(ldOldMagic)) {
		at = (16 + 12*int64(binary.LittleEndian.Uint32(head[12:])) + 7) &^ 7
	}
	head, err = in.bytes(at, ldHeader)
	if err != nil || !bytes.HasPrefix(head, []byte(ldMagic)) {
		return in.damaged("no entries of format 1.1 at %d", at)
	}
	n, size := int64(binary.LittleEndian.Uint32(head[20:])), int64(binary.LittleEndian.Uint32(head[24:]))
	from := at + ldHeader + ldEntry*n
	if !in.has(from, size) {
		return in.damaged("%d entries and %d bytes of strings", n, size)
	}
	in.addLdGenerator(b, at, int64(binary.LittleEndian.Uint32(head[32:])))
	b.add(Part{Name: "entries", Text: true, Of: "content", Open: in.text(func(yield func(string) bool) error {
		table, err := in.bytes(from, size)
		if err != nil {
			return err
		}
		str := func(offset uint32) string { return elfString(table, uint32(int64(offset)-(from-at))) }
		r := bufio.NewReader(in.section(at+ldHeader, ldEntry*n))
		raw := make([]byte, ldEntry)
		for range n {
			if _, err := io.ReadFull(r, raw); err != nil {
				return unexpected(err)
			}
			if !yield(fmt.Sprintf("%s => %s, flags 0x%x, hwcap 0x%x\n", str(binary.LittleEndian.Uint32(raw[4:])),
				str(binary.LittleEndian.Uint32(raw[8:])), binary.LittleEndian.Uint32(raw), binary.LittleEndian.Uint64(raw[16:]))) {
				return nil
			}
		}
		return nil
	})})
	// Without the beginning of the magic number, which would make it a cache again.
	const begin = 12
	b.add(Part{Name: "content", Open: in.open(begin, in.Size()-begin), Offset: begin, Size: in.Size() - begin})
	return nil
}

// addLdGenerator adds the extension that says which glibc made the cache.
func (in *input) addLdGenerator(b *builder, at, extensions int64) {
	head, err := in.bytes(at+extensions, 8)
	if err != nil || extensions == 0 || binary.LittleEndian.Uint32(head) != 0xeaa42174 {
		return
	}
	list, err := in.bytes(at+extensions+8, 16*int64(min(binary.LittleEndian.Uint32(head[4:]), 16)))
	if err != nil {
		return
	}
	for ; len(list) >= 16; list = list[16:] {
		offset, size := at+int64(binary.LittleEndian.Uint32(list[8:])), int64(binary.LittleEndian.Uint32(list[12:]))
		if value, err := in.bytes(offset, min(size, maxELFString)); err == nil && binary.LittleEndian.Uint32(list) == 0 {
			b.add(Part{Name: "generator", Value: string(value), Of: "content", Offset: offset, Size: size})
		}
	}
}
