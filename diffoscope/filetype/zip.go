package filetype

import (
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/klauspost/compress/flate"
)

const (
	zipEndSize     = 22
	zipCentralSize = 46
	zipLocalSize   = 30
	zip64          = 1 // the extra field with sizes of 64 bits
)

// parseZip takes a zip archive apart (APPNOTE.TXT 6.3.10) into its members, each
// with the fields of its entry in the central directory, and those that its local
// header says otherwise. One with a manifest is a Java archive.
func parseZip(in *input, b *builder) error {
	dir, err := in.zipDirectory()
	if err != nil {
		return err
	}
	raw, err := in.bytes(dir.offset, dir.size)
	if err != nil {
		return err
	}
	if n := zipMembers(raw, in.limits.Parts+1); n > in.limits.Parts {
		return &LimitError{What: "members", Limit: int64(in.limits.Parts)}
	}
	end := int64(0)
	for at := 0; at < len(raw); {
		m, n, err := in.zipCentral(raw[at:], dir.offset+int64(at))
		if err != nil {
			return err
		}
		at += n
		if err := in.zipLocal(&m); err != nil {
			return err
		}
		if m.name == "META-INF/MANIFEST.MF" {
			b.file.Format = JAR
		}
		if !b.add(m.part(in)) {
			return nil
		}
		end = max(end, m.data+m.packed)
	}
	if dir.offset > end {
		b.add(Part{Name: "before the central directory", Open: in.open(end, dir.offset-end), Offset: end, Size: dir.offset - end})
	}
	if dir.comment != "" {
		b.field("comment", dir.comment, dir.end+zipEndSize, int64(len(dir.comment)))
	}
	return nil
}

// zipMembers counts the entries of a central directory, up to most: too many are known
// before anything is kept of them.
func zipMembers(raw []byte, most int) int {
	n := 0
	for n < most && len(raw) >= zipCentralSize {
		size := zipCentralSize
		for _, at := range []int{28, 30, 32} { // name, extra field, comment
			size += int(binary.LittleEndian.Uint16(raw[at:]))
		}
		raw = raw[min(size, len(raw)):]
		n++
	}
	return n
}

// A zipDirectory is where the central directory stands.
type zipDirectory struct {
	offset, size, end int64
	comment           string
}

// zipDirectory finds the end of central directory record (section 4.3.16).
func (in *input) zipDirectory() (zipDirectory, error) {
	n := min(in.Size(), zipEndSize+0xffff)
	tail, err := in.bytes(in.Size()-n, n)
	if err != nil {
		return zipDirectory{}, err
	}
	for at := len(tail) - zipEndSize; at >= 0; at-- {
		r := tail[at:]
		if !bytes.HasPrefix(r, []byte("PK\x05\x06")) || int(binary.LittleEndian.Uint16(r[20:])) != len(r)-zipEndSize {
			continue
		}
		dir := zipDirectory{
			offset: int64(binary.LittleEndian.Uint32(r[16:])), size: int64(binary.LittleEndian.Uint32(r[12:])),
			end: in.Size() - n + int64(at), comment: string(r[zipEndSize:]),
		}
		if dir.offset == 0xffffffff || dir.size == 0xffffffff {
			if err := in.zip64Directory(&dir); err != nil {
				return zipDirectory{}, err
			}
		}
		if !in.has(dir.offset, dir.size) {
			return zipDirectory{}, in.damaged("a central directory of %d bytes at %d", dir.size, dir.offset)
		}
		return dir, nil
	}
	return zipDirectory{}, in.damaged("no end of central directory")
}

// zip64Directory reads the record that section 4.3.14 describes.
func (in *input) zip64Directory(dir *zipDirectory) error {
	locator, err := in.bytes(dir.end-20, 20)
	if err != nil || !bytes.HasPrefix(locator, []byte("PK\x06\x07")) {
		return in.damaged("no zip64 end of central directory locator")
	}
	at := binary.LittleEndian.Uint64(locator[8:])
	record, err := in.bytes(int64(at&(1<<63-1)), 56)
	if err != nil || !bytes.HasPrefix(record, []byte("PK\x06\x06")) {
		return in.damaged("no zip64 end of central directory at %d", at)
	}
	dir.size = int64(binary.LittleEndian.Uint64(record[40:]))
	dir.offset = int64(binary.LittleEndian.Uint64(record[48:]))
	return nil
}

// A zipMember is one member. local is where its local header stands, data where the
// content does.
type zipMember struct {
	name           string
	flags, method  uint16
	packed, size   int64
	central, local int64
	data           int64
	fields         []Part
}

// zipCentral reads a central directory header (section 4.3.12), and returns how many
// bytes it has.
func (in *input) zipCentral(raw []byte, offset int64) (zipMember, int, error) {
	if len(raw) < zipCentralSize || !bytes.HasPrefix(raw, []byte("PK\x01\x02")) {
		return zipMember{}, 0, in.damaged("no entry of the central directory at %d", offset)
	}
	u16 := func(at int) uint16 { return binary.LittleEndian.Uint16(raw[at:]) }
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(raw[at:]) }
	name, extra, comment := int(u16(28)), int(u16(30)), int(u16(32))
	n := zipCentralSize + name + extra + comment
	if n > len(raw) {
		return zipMember{}, 0, in.damaged("the entry of the central directory at %d is cut off", offset)
	}
	m := zipMember{
		name: string(raw[zipCentralSize : zipCentralSize+name]), flags: u16(8), method: u16(10),
		packed: int64(u32(20)), size: int64(u32(24)), central: offset, local: int64(u32(42)),
	}
	extraField := raw[zipCentralSize+name : zipCentralSize+name+extra]
	m.zip64(extraField)
	at := func(name, value string, from, size int) Part {
		return Part{Name: name, Value: value, Offset: offset + int64(from), Size: int64(size)}
	}
	m.fields = zipHeaderFields(raw, 8, offset)
	m.fields = append(m.fields, zipExtraFields(extraField, offset+int64(zipCentralSize+name), false)...)
	m.fields = append(m.fields,
		at("made by", zipMadeBy(u16(4)), 4, 2),
		at("internal attributes", hexadecimal(u16(36)), 36, 2),
		at("comment", string(raw[n-comment:n]), n-comment, comment))
	m.fields = slices.DeleteFunc(m.fields, func(f Part) bool { return f.Value == "0x0" })
	if u16(4)>>8 == 3 {
		m.fields = append(m.fields, at("mode", fmt.Sprintf("%06o", u32(38)>>16), 40, 2))
		if u16(38) != 0 {
			m.fields = append(m.fields, at("DOS attributes", hexadecimal(u16(38)), 38, 2))
		}
	} else {
		m.fields = append(m.fields, at("external attributes", hexadecimal(u32(38)), 38, 4))
	}
	return m, n, nil
}

// zip64 takes sizes and offset from the extra field, where the header has no room.
func (m *zipMember) zip64(extra []byte) {
	for id, data := range zipExtra(extra) {
		if id != zip64 {
			continue
		}
		for _, v := range []*int64{&m.size, &m.packed, &m.local} {
			if *v == 0xffffffff && len(data) >= 8 {
				*v = int64(binary.LittleEndian.Uint64(data))
				data = data[8:]
			}
		}
	}
}

// zipLocal reads a member's local header (section 4.3.7).
func (in *input) zipLocal(m *zipMember) error {
	head, err := in.bytes(m.local, zipLocalSize)
	if err != nil || !bytes.HasPrefix(head, []byte("PK\x03\x04")) {
		return in.damaged("no local header at %d", m.local)
	}
	name := int64(binary.LittleEndian.Uint16(head[26:]))
	extra, err := in.bytes(m.local+zipLocalSize+name, int64(binary.LittleEndian.Uint16(head[28:])))
	if err != nil {
		return err
	}
	localName, err := in.bytes(m.local+zipLocalSize, name)
	if err != nil {
		return err
	}
	m.data = m.local + zipLocalSize + name + int64(len(extra))
	if !in.has(m.data, m.packed) || m.size < 0 {
		return in.damaged("%d bytes at %d of %d", m.packed, m.data, in.Size())
	}
	fields := zipHeaderFields(head, 6, m.local)
	fields = append(fields, zipExtraFields(extra, m.local+zipLocalSize+name, true)...)
	if string(localName) != m.name {
		fields = append(fields, Part{Name: "name", Value: string(localName), Offset: m.local + zipLocalSize, Size: name})
	}
	for _, f := range fields {
		central := "0x0" // which was left out
		if i := slices.IndexFunc(m.fields, func(g Part) bool { return f.Name == g.Name }); i >= 0 {
			central = m.fields[i].Value
		}
		if f.Value != central {
			f.Name = "local " + f.Name
			m.fields = append(m.fields, f)
		}
	}
	return nil
}

func (m *zipMember) part(in *input) Part {
	p := Part{Name: m.name, Offset: m.data, Size: m.packed, Fields: m.fields}
	switch {
	case m.flags&1 != 0:
		p.Encoding, p.Open = "encrypted", in.open(m.data, m.packed)
	case m.method == 0:
		p.Open = in.open(m.data, m.packed)
	case m.method == 8:
		p.Encoding = "deflate"
		p.Open = in.decode(func() (io.ReadCloser, error) {
			return flate.NewReader(buffered(in.section(m.data, m.packed))), nil
		})
	case m.method == 12:
		p.Encoding = "bzip2"
		p.Open = in.decode(func() (io.ReadCloser, error) {
			return io.NopCloser(bzip2.NewReader(in.section(m.data, m.packed))), nil
		})
	case m.method == 14:
		p.Encoding = "lzma"
		p.Open = in.decode(func() (io.ReadCloser, error) { return in.zipLZMA(m) })
	case m.method == 93:
		p.Encoding = "zstd"
		p.Open = in.decode(func() (io.ReadCloser, error) { return in.unzstd(m.data, m.packed) })
	case m.method == 95:
		p.Encoding = "xz"
		p.Open = in.decode(func() (io.ReadCloser, error) { return in.zipXz(m) })
	default:
		p.Encoding, p.Open = zipMethod(m.method), in.open(m.data, m.packed)
	}
	return p
}

// zipHeaderFields returns the fields that both headers have, which begin at from.
func zipHeaderFields(head []byte, from int, offset int64) []Part {
	u16 := func(at int) uint16 { return binary.LittleEndian.Uint16(head[from+at:]) }
	at := func(name, value string, start, size int) Part {
		return Part{Name: name, Value: value, Offset: offset + int64(from+start), Size: int64(size)}
	}
	return []Part{
		at("mtime", dosTime(u16(6), u16(4)), 4, 4),
		at("flags", hexadecimal(u16(0)), 0, 2),
		at("method", zipMethod(u16(2)), 2, 2),
		at("version needed", decimal(u16(-2)), -2, 2),
	}
}

// dosTime is a time of no time zone.
func dosTime(date, clock uint16) string {
	t := time.Date(1980+int(date>>9), time.Month(date>>5&15), int(date&31),
		int(clock>>11), int(clock>>5&63), int(clock&31)*2, 0, time.UTC)
	return t.Format("2006-01-02T15:04:05")
}

func zipMethod(method uint16) string {
	switch method {
	case 0:
		return "stored"
	case 8:
		return "deflate"
	case 12:
		return "bzip2"
	case 14:
		return "lzma"
	case 93:
		return "zstd"
	case 95:
		return "xz"
	}
	return decimal(method)
}

func zipMadeBy(version uint16) string {
	system := decimal(version >> 8)
	switch version >> 8 {
	case 0:
		system = "FAT"
	case 3:
		system = "Unix"
	case 10:
		system = "NTFS"
	case 19:
		system = "macOS"
	}
	return fmt.Sprintf("%s %d.%d", system, version&255/10, version&255%10)
}
