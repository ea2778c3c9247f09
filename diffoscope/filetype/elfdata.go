package filetype

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zlib"
)

const (
	// maxELFField is how many bytes of a section are read for fields, and of all with
	// notes together.
	maxELFField = 1 << 20
	// maxELFStrings is how many libraries or paths a program may ask for.
	maxELFStrings = 500
)

// decompress changes p so that its content is decompressed (System V ABI,
// "Compression Header").
func (f *elfFile) decompress(p *Part, s elfSection) {
	size := int64(12)
	if f.wide {
		size = 24
	}
	head, err := f.bytes(s.offset, min(size, s.size))
	if err != nil || int64(len(head)) < size {
		return
	}
	data, length := s.offset+size, s.size-size
	if n := f.word(head[4:], head[8:]); n > 0 {
		p.Length = n
	}
	switch elf.CompressionType(f.order.Uint32(head)) {
	case elf.COMPRESS_ZLIB:
		p.Encoding = "zlib"
		p.Open = f.decode(func() (io.ReadCloser, error) {
			return zlib.NewReader(buffered(f.input.section(data, length)))
		})
	case elf.COMPRESS_ZSTD:
		p.Encoding = "zstd"
		p.Open = f.decode(func() (io.ReadCloser, error) { return f.unzstd(data, length) })
	}
}

// uuidSize is how many bytes an id has that ld made at random.
const uuidSize = 16

// addNotes adds a field for each note. IDs of the build follow from all else, unless
// they look random.
func (f *elfFile) addNotes(b *builder) {
	left := int64(maxELFField)
	for _, s := range f.sections {
		if s.typ != elf.SHT_NOTE || s.size > left || !s.inFile() {
			continue
		}
		left -= s.size
		data, err := f.bytes(s.offset, s.size)
		if err != nil {
			continue
		}
		for at := 0; len(data)-at >= 12; {
			namesz, descsz := int64(f.order.Uint32(data[at:])), int64(f.order.Uint32(data[at+4:]))
			typ := f.order.Uint32(data[at+8:])
			desc := int64(at) + 12 + (namesz+3)&^3
			if desc+descsz > int64(len(data)) {
				break
			}
			owner := string(bytes.TrimRight(data[at+12:int64(at)+12+namesz], "\x00"))
			name, value := elfNote(owner, typ, data[desc:desc+descsz])
			if !b.add(Part{Name: name, Value: value, Of: s.name, Derived: strings.HasSuffix(name, " build id") && descsz != uuidSize, Offset: s.offset + desc, Size: descsz}) {
				return
			}
			at = int(desc + (descsz+3)&^3)
		}
	}
}

func elfNote(owner string, typ uint32, desc []byte) (name, value string) {
	value = fmt.Sprintf("%x", desc)
	switch {
	case owner == "GNU" && typ == 3:
		return "GNU build id", value
	case owner == "Go" && typ == 4:
		return "Go build id", string(desc)
	case owner == "FDO" && typ == 0xcafe1a7e:
		return "package metadata", string(bytes.TrimRight(desc, "\x00"))
	case owner == "GNU" && typ == 5:
		return "GNU property", value
	case owner == "GNU" && typ == 1:
		return "GNU ABI tag", value
	}
	return fmt.Sprintf("note %s %d", owner, typ), value
}

// addOdd adds the fields that stand in sections of their own.
func (f *elfFile) addOdd(b *builder) {
	for _, o := range []struct {
		section, name string
		value         func(data []byte) string
	}{
		{".interp", "interp", func(data []byte) string { return string(bytes.TrimRight(data, "\x00")) }},
		{".comment", "comment", func(data []byte) string {
			return strings.Join(strings.FieldsFunc(string(data), func(r rune) bool { return r == 0 }), "\n")
		}},
		{".gnu_debuglink", "debug link", f.debugLink},
	} {
		s, ok := f.find(o.section)
		if !ok || s.size > maxELFField {
			continue
		}
		if data, err := f.bytes(s.offset, s.size); err == nil {
			b.add(Part{Name: o.name, Value: o.value(data), Of: s.name, Offset: s.offset, Size: s.size})
		}
	}
}

// moduleSignature is the signature behind a module of the kernel (Linux,
// include/linux/module_signature.h).
func (f *elfFile) moduleSignature(b *builder) []piece {
	const magic, trailer = "~Module signature appended~\n", 12
	end, err := f.bytes(f.Size()-int64(len(magic)+trailer), int64(len(magic)+trailer))
	if err != nil || string(end[trailer:]) != magic {
		return nil
	}
	size := int64(len(end)) + int64(binary.BigEndian.Uint32(end[trailer-4:]))
	if !f.has(f.Size()-size, size) {
		return nil
	}
	return []piece{f.rawPiece(b, "module signature", f.Size()-size, size)}
}

// debugLink is a file's name, and at the end its CRC.
func (f *elfFile) debugLink(data []byte) string {
	name, _, _ := bytes.Cut(data, []byte{0})
	if len(data) < len(name)+5 {
		return string(name)
	}
	return fmt.Sprintf("%s crc32 %08x", name, f.order.Uint32(data[len(data)-4:]))
}

// addDynamic adds what the dynamic section says in strings.
func (f *elfFile) addDynamic(b *builder) {
	s, ok := f.find(".dynamic")
	if !ok || s.size > maxELFField || s.link < 0 || s.link >= len(f.sections) {
		return
	}
	data, err := f.bytes(s.offset, s.size)
	if err != nil {
		return
	}
	table, err := f.bytes(f.sections[s.link].offset, f.sections[s.link].size)
	if err != nil {
		return
	}
	step := 8
	if f.wide {
		step = 16
	}
	values := map[elf.DynTag][]string{}
	for ; len(data) >= step; data = data[step:] {
		tag := elf.DynTag(f.word(data, data))
		value := f.word(data[step/2:], data[step/2:])
		if tag == elf.DT_NULL || len(values[tag]) >= maxELFStrings {
			break
		}
		switch tag {
		case elf.DT_NEEDED, elf.DT_RPATH, elf.DT_RUNPATH, elf.DT_SONAME:
			values[tag] = append(values[tag], elfString(table, uint32(max(0, min(value, 1<<32-1)))))
		}
	}
	for _, d := range []struct {
		tag  elf.DynTag
		name string
	}{{elf.DT_SONAME, "soname"}, {elf.DT_NEEDED, "needed"}, {elf.DT_RPATH, "rpath"}, {elf.DT_RUNPATH, "runpath"}} {
		if list := values[d.tag]; len(list) > 0 {
			b.add(Part{Name: d.name, Value: strings.Join(list, " ")})
		}
	}
}

// symbols returns an Open for a symbol table as text: a line for each, in the table's
// order, without its address, which follows from all that stands before it.
func (f *elfFile) symbols(s elfSection) func() (io.ReadCloser, error) {
	return f.text(func(yield func(string) bool) error {
		step := int64(16)
		if f.wide {
			step = 24
		}
		if s.link < 0 || s.link >= len(f.sections) {
			return f.damaged("symbols have no names")
		}
		table, err := f.bytes(f.sections[s.link].offset, f.sections[s.link].size)
		if err != nil {
			return err
		}
		r := bufio.NewReader(f.input.section(s.offset, s.size))
		raw := make([]byte, step)
		for range s.size / step {
			if _, err := io.ReadFull(r, raw); err != nil {
				return unexpected(err)
			}
			if line := f.symbol(raw, table); line != "" && !yield(line) {
				return nil
			}
		}
		return nil
	})
}

func (f *elfFile) symbol(raw, table []byte) string {
	info, section, size := raw[4], f.order.Uint16(raw[6:]), uint64(0)
	if f.wide {
		size = f.order.Uint64(raw[16:])
	} else {
		size = uint64(f.order.Uint32(raw[8:]))
		info, section = raw[12], f.order.Uint16(raw[14:])
	}
	name := elfString(table, f.order.Uint32(raw))
	if name == "" {
		return ""
	}
	var where string
	switch {
	case section == uint16(elf.SHN_UNDEF):
		where = "undefined"
	case int(section) < len(f.sections):
		where = f.sections[section].name
	default:
		where = strings.TrimPrefix(elf.SectionIndex(section).String(), "SHN_")
	}
	return name + " " + symbolType(info&15) + " " + symbolBinding(info>>4) + " " + where + " " + strconv.FormatUint(size, 10) + "\n"
}

func symbolType(t byte) string {
	switch elf.SymType(t) {
	case elf.STT_NOTYPE:
		return "notype"
	case elf.STT_OBJECT:
		return "object"
	case elf.STT_FUNC:
		return "func"
	case elf.STT_SECTION:
		return "section"
	case elf.STT_FILE:
		return "file"
	case elf.STT_TLS:
		return "tls"
	}
	return decimal(t)
}

func symbolBinding(bind byte) string {
	switch elf.SymBind(bind) {
	case elf.STB_LOCAL:
		return "local"
	case elf.STB_GLOBAL:
		return "global"
	case elf.STB_WEAK:
		return "weak"
	}
	return decimal(bind)
}
