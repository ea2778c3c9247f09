package filetype

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// A peFile is a program for Windows or UEFI (PE Format, Microsoft).
type peFile struct {
	*input
	coff, opt   []byte // headers
	coffAt      int64
	wide        bool
	directories []byte
	sections    []peSection
}

type peSection struct {
	name                  string
	address, size, offset int64
	flags                 uint32
}

func sniffPE(head []byte, _ string) bool {
	if len(head) < 64 || string(head[:2]) != "MZ" {
		return false
	}
	at := int64(binary.LittleEndian.Uint32(head[60:]))
	return at > int64(len(head)-4) || string(head[at:at+4]) == "PE\x00\x00"
}

// parsePE takes a program apart, into the fields of its headers and debug directory,
// and its sections.
func parsePE(in *input, b *builder) error {
	f := &peFile{input: in}
	if err := f.readHeaders(); err != nil {
		return err
	}
	hasGo := func(s peSection) bool { return s.name == ".data" || s.name == ".go.buildinfo" }
	if i := slices.IndexFunc(f.sections, hasGo); i >= 0 {
		s := f.sections[i]
		if data, err := f.bytes(s.offset, min(s.size, maxELFField)); err == nil {
			addGoBuild(b, data, s.name, s.offset)
		}
	}
	f.addFields(b)
	f.addDebug(b)
	end := f.coffAt + int64(len(f.coff)+len(f.opt)+40*len(f.sections))
	list := []piece{f.rawPiece(b, "headers", 2, end-2)} // without the magic number
	if at, size := f.directory(pe.IMAGE_DIRECTORY_ENTRY_SECURITY); size > 0 && f.has(at, size) {
		list = append(list, f.rawPiece(b, "certificate table", at, size))
	}
	for _, s := range f.sections {
		if s.size == 0 {
			continue
		}
		if !f.has(s.offset, s.size) {
			return f.damaged("section %q has %d bytes at %d of %d", s.name, s.size, s.offset, f.Size())
		}
		list = append(list, piece{s.name, s.offset, s.size, func() {
			p := Part{Name: s.name, Open: f.open(s.offset, s.size), Offset: s.offset, Size: s.size}
			p.Fields = []Part{{Name: "flags", Value: hexadecimal(s.flags), Of: "headers"}}
			b.add(p)
			if s.flags&pe.IMAGE_SCN_MEM_EXECUTE == 0 && s.flags&pe.IMAGE_SCN_CNT_INITIALIZED_DATA != 0 {
				b.add(Part{Name: s.name + " strings", Text: true, Of: b.last(), Open: f.traces(p.Open)})
			}
		}})
	}
	return f.addPieces(b, list)
}

func (f *peFile) readHeaders() error {
	dos, err := f.bytes(0, 64)
	if err != nil {
		return err
	}
	f.coffAt = int64(binary.LittleEndian.Uint32(dos[60:])) + 4
	magic, err := f.bytes(f.coffAt-4, 4)
	if err != nil || string(magic) != "PE\x00\x00" {
		return ErrUnknown // a program for DOS
	}
	if f.coff, err = f.bytes(f.coffAt, 20); err != nil {
		return err
	}
	size := int64(binary.LittleEndian.Uint16(f.coff[16:]))
	if f.opt, err = f.bytes(f.coffAt+20, size); err != nil {
		return err
	}
	directories := 96
	if size >= 2 && binary.LittleEndian.Uint16(f.opt) == 0x20b {
		f.wide, directories = true, 112
	}
	if len(f.opt) < directories {
		return f.damaged("an optional header of %d bytes", size)
	}
	f.directories = f.opt[directories:]
	n := int64(binary.LittleEndian.Uint16(f.coff[2:]))
	raw, err := f.bytes(f.coffAt+20+size, 40*n)
	if err != nil {
		return err
	}
	for ; len(raw) > 0; raw = raw[40:] {
		f.sections = append(f.sections, peSection{
			name:    f.sectionName(raw[:8]),
			address: int64(binary.LittleEndian.Uint32(raw[12:])), size: int64(binary.LittleEndian.Uint32(raw[16:])),
			offset: int64(binary.LittleEndian.Uint32(raw[20:])), flags: binary.LittleEndian.Uint32(raw[36:]),
		})
	}
	return nil
}

// sectionName resolves a long name, which is in the string table behind the symbols.
func (f *peFile) sectionName(raw []byte) string {
	name := string(bytes.TrimRight(raw, "\x00"))
	at, ok := digits(strings.TrimPrefix(name, "/"))
	symbols, n := int64(binary.LittleEndian.Uint32(f.coff[8:])), int64(binary.LittleEndian.Uint32(f.coff[12:]))
	if !ok || !strings.HasPrefix(name, "/") || symbols == 0 {
		return name
	}
	from := symbols + 18*n + at
	long, err := f.bytes(from, max(0, min(256, f.Size()-from)))
	if err != nil {
		return name
	}
	long, _, _ = bytes.Cut(long, []byte{0})
	return string(long)
}

func (f *peFile) addFields(b *builder) {
	of := func(name, value string, offset, size int64) {
		follows := name == "checksum" || name == "entry"
		b.add(Part{Name: name, Value: value, Of: "headers", Derived: follows, Offset: offset, Size: size})
	}
	opt := f.coffAt + 20
	of("timestamp", peTime(binary.LittleEndian.Uint32(f.coff[4:])), f.coffAt+4, 4)
	of("machine", hexadecimal(binary.LittleEndian.Uint16(f.coff)), f.coffAt, 2)
	of("characteristics", hexadecimal(binary.LittleEndian.Uint16(f.coff[18:])), f.coffAt+18, 2)
	of("linker version", fmt.Sprintf("%d.%d", f.opt[2], f.opt[3]), opt+2, 2)
	of("checksum", hexadecimal(binary.LittleEndian.Uint32(f.opt[64:])), opt+64, 4)
	of("subsystem", decimal(binary.LittleEndian.Uint16(f.opt[68:])), opt+68, 2)
	of("entry", hexadecimal(binary.LittleEndian.Uint32(f.opt[16:])), opt+16, 4)
	if at, size := f.directory(pe.IMAGE_DIRECTORY_ENTRY_EXPORT); size >= 40 {
		if raw, where, of := f.at(at, 8); raw != nil {
			b.add(Part{Name: "export timestamp", Value: peTime(binary.LittleEndian.Uint32(raw[4:])), Of: of, Offset: where + 4, Size: 4})
		}
	}
}

// peTime is a time, or the beginning of a hash for which linkers use the field, too.
func peTime(seconds uint32) string {
	if seconds == 0 {
		return "none"
	}
	return timestamp(int64(seconds))
}

// directory returns where a data directory is: an address, but for certificates.
func (f *peFile) directory(index int) (at, size int64) {
	if len(f.directories) < 8*index+8 {
		return 0, 0
	}
	raw := f.directories[8*index:]
	return int64(binary.LittleEndian.Uint32(raw)), int64(binary.LittleEndian.Uint32(raw[4:]))
}

// at returns the bytes at an address, where they are in the file, and the section.
func (f *peFile) at(address, size int64) ([]byte, int64, string) {
	for _, s := range f.sections {
		if address >= s.address && address-s.address <= s.size-size && size >= 0 {
			where := s.offset + address - s.address
			raw, err := f.bytes(where, size)
			if err != nil {
				return nil, 0, ""
			}
			return raw, where, s.name
		}
	}
	return nil, 0, ""
}

// addDebug adds what the debug directory says: times, and where symbols were written.
func (f *peFile) addDebug(b *builder) {
	const entry, codeView, most = 28, 2, 100
	address, size := f.directory(pe.IMAGE_DIRECTORY_ENTRY_DEBUG)
	raw, where, of := f.at(address, min(size, most*entry)/entry*entry)
	for ; len(raw) >= entry; raw, where = raw[entry:], where+entry {
		kind := binary.LittleEndian.Uint32(raw[12:])
		b.add(Part{
			Name: fmt.Sprintf("debug directory %d timestamp", kind), Value: peTime(binary.LittleEndian.Uint32(raw[4:])),
			Of: of, Offset: where + 4, Size: 4,
		})
		length, at := int64(binary.LittleEndian.Uint32(raw[16:])), int64(binary.LittleEndian.Uint32(raw[24:]))
		data, err := f.bytes(at, min(length, maxELFString))
		if kind != codeView || err != nil || len(data) < 24 || string(data[:4]) != "RSDS" {
			continue
		}
		path, _, _ := bytes.Cut(data[24:], []byte{0})
		b.add(Part{Name: "PDB id", Value: fmt.Sprintf("%x age %d", data[4:20], binary.LittleEndian.Uint32(data[20:])), Of: of, Offset: at + 4, Size: 20})
		b.add(Part{Name: "PDB path", Value: string(path), Of: of, Offset: at + 24, Size: int64(len(path))})
	}
}
