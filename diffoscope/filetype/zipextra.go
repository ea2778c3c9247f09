package filetype

import (
	"encoding/binary"
	"fmt"
	"iter"
)

// maxZipExtra is about how many extra fields of a member are told apart.
const maxZipExtra = 50

// zipExtra returns the extra fields in raw, by their id (APPNOTE.TXT, section 4.5).
func zipExtra(raw []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(raw) >= 4 {
			id, n := binary.LittleEndian.Uint16(raw), int(binary.LittleEndian.Uint16(raw[2:]))
			if n > len(raw)-4 || !yield(id, raw[4:4+n]) {
				return
			}
			raw = raw[4+n:]
		}
	}
}

// zipExtraFields returns what the extra fields in raw say, which stand at offset.
// Those of a local header may say more.
func zipExtraFields(raw []byte, offset int64, local bool) []Part {
	var list []Part
	for id, data := range zipExtra(raw) {
		if len(list) >= maxZipExtra {
			return append(list, Part{Name: "more extra fields", Value: digest(raw)})
		}
		add := func(name, value string) {
			list = append(list, Part{Name: name, Value: value, Offset: offset, Size: int64(4 + len(data))})
		}
		switch {
		case id == zip64:
		case id == 0x5455 && len(data) > 0:
			extendedTimes(data, local, add)
		case id == 0x7875 && len(data) > 0:
			unixOwner(data, add)
		case id == 0x5855 && len(data) >= 8:
			add("UX atime", timestamp(int64(int32(binary.LittleEndian.Uint32(data)))))
			add("UX mtime", timestamp(int64(int32(binary.LittleEndian.Uint32(data[4:])))))
			if len(data) >= 12 {
				add("UX uid", decimal(binary.LittleEndian.Uint16(data[8:])))
				add("UX gid", decimal(binary.LittleEndian.Uint16(data[10:])))
			}
		default:
			add(fmt.Sprintf("extra field 0x%04x", id), fmt.Sprintf("0x%x", data))
		}
		offset += int64(4 + len(data))
	}
	return list
}

// extendedTimes reads the field UT: flags, and a time for each of them. The central
// directory has the flags of the local header, but only the first time.
func extendedTimes(data []byte, local bool, add func(name, value string)) {
	flags := data[0]
	data = data[1:]
	for i, name := range []string{"UT mtime", "UT atime", "UT ctime"} {
		if flags&(1<<i) == 0 || len(data) < 4 || !local && i > 0 {
			continue
		}
		add(name, timestamp(int64(int32(binary.LittleEndian.Uint32(data)))))
		data = data[4:]
	}
}

// unixOwner reads the field ux: a version, then two numbers with their sizes.
func unixOwner(data []byte, add func(name, value string)) {
	data = data[1:]
	for _, name := range []string{"ux uid", "ux gid"} {
		if len(data) < 1 || int(data[0]) > len(data)-1 || data[0] > 8 {
			return
		}
		n := int(data[0])
		var id uint64
		for i := n; i > 0; i-- {
			id = id<<8 | uint64(data[i])
		}
		add(name, decimal(id))
		data = data[1+n:]
	}
}
