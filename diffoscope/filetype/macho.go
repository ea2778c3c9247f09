package filetype

import (
	"bytes"
	"debug/macho"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

const (
	// machoFat is the magic number of files with a program for each of several machines.
	// Java's classes have it, too, and in place of a number of machines a version.
	machoFat         = "\xca\xfe\xba\xbe"
	maxMachines      = 40
	maxMachoCommands = 10_000
)

// A machoFile is a program, library or object for Apple's systems (mach-o/loader.h).
type machoFile struct {
	*input
	order    binary.ByteOrder
	wide     bool
	head     []byte // with the load commands
	sections []machoSection
	list     []piece
}

type machoSection struct {
	name         string
	offset, size int64
	flags        uint32
}

func sniffMacho(head []byte, _ string) bool {
	if len(head) < 8 {
		return false
	}
	switch binary.LittleEndian.Uint32(head) {
	case macho.Magic32, macho.Magic64:
		return true
	}
	switch binary.BigEndian.Uint32(head) {
	case macho.Magic32, macho.Magic64:
		return true
	}
	return string(head[:4]) == machoFat && binary.BigEndian.Uint32(head[4:]) < maxMachines
}

// parseMacho takes a file apart into the fields of its header and load commands, and its
// sections; one for several machines into those files.
func parseMacho(in *input, b *builder) error {
	head, err := in.bytes(0, 8)
	if err != nil {
		return err
	}
	if string(head[:4]) == machoFat {
		return in.parseFat(b, int64(binary.BigEndian.Uint32(head[4:])))
	}
	f := &machoFile{input: in, order: binary.LittleEndian}
	if m := binary.BigEndian.Uint32(head); m == macho.Magic32 || m == macho.Magic64 {
		f.order = binary.BigEndian
	}
	f.wide = f.order.Uint32(head) == macho.Magic64
	if err := f.readCommands(b); err != nil {
		return err
	}
	for _, s := range f.sections {
		if !f.has(s.offset, s.size) {
			return f.damaged("section %q has %d bytes at %d of %d", s.name, s.size, s.offset, f.Size())
		}
		if strings.HasSuffix(s.name, ",__go_buildinfo") {
			if data, err := f.bytes(s.offset, min(s.size, maxELFField)); err == nil {
				addGoBuild(b, data, s.name, s.offset)
			}
		}
		f.list = append(f.list, piece{s.name, s.offset, s.size, func() { f.addSection(b, s) }})
	}
	// Without the magic number, which would make it a file of its own.
	f.list = append(f.list, f.derivedPiece(b, "header and load commands", 4, int64(len(f.head))-4))
	return f.addPieces(b, f.list)
}

// parseFat takes a file for several machines apart (mach-o/fat.h).
func (in *input) parseFat(b *builder, n int64) error {
	raw, err := in.bytes(8, 20*n)
	if err != nil {
		return err
	}
	list := []piece{in.derivedPiece(b, "table of machines", 4, 4+20*n)}
	for ; len(raw) > 0; raw = raw[20:] {
		u := func(at int) int64 { return int64(binary.BigEndian.Uint32(raw[at:])) }
		if !in.has(u(8), u(12)) {
			return in.damaged("%d bytes at %d of %d", u(12), u(8), in.Size())
		}
		list = append(list, in.rawPiece(b, machoMachine(uint32(u(0))), u(8), u(12)))
	}
	return in.addPieces(b, list)
}

func machoMachine(cpu uint32) string { return strings.TrimPrefix(macho.Cpu(cpu).String(), "Cpu") }

// readCommands reads the header and the load commands, and adds their fields.
func (f *machoFile) readCommands(b *builder) error {
	size := int64(28)
	if f.wide {
		size = 32
	}
	head, err := f.bytes(0, size)
	if err != nil {
		return err
	}
	n, length := f.order.Uint32(head[16:]), int64(f.order.Uint32(head[20:]))
	if n > maxMachoCommands {
		return &LimitError{What: "load commands", Limit: maxMachoCommands}
	}
	if f.head, err = f.bytes(0, size+length); err != nil {
		return err
	}
	b.field("machine", machoMachine(f.order.Uint32(head[4:])), 4, 4)
	b.field("type", macho.Type(f.order.Uint32(head[12:])).String(), 12, 4)
	b.field("flags", hexadecimal(f.order.Uint32(head[24:])), 24, 4)
	for at := size; n > 0; n-- {
		if int64(len(f.head))-at < 8 {
			return f.damaged("the load command at %d", at)
		}
		length := int64(f.order.Uint32(f.head[at+4:]))
		if length < 8 || length > int64(len(f.head))-at {
			return f.damaged("the load command at %d", at)
		}
		if err := f.command(b, f.head[at:at+length], at); err != nil {
			return err
		}
		at += length
	}
	return b.err
}

// Load commands, and how many bytes those have that are looked into.
const (
	machoSegment   = 0x1
	machoSymbols   = 0x2
	machoLoad      = 0xc
	machoID        = 0xd
	machoSegment64 = 0x19
	machoUUID      = 0x1b
	machoRpath     = 0x8000001c
	machoSignature = 0x1d
	machoSource    = 0x2a
	machoBuild     = 0x32
)

var machoLeast = map[uint32]int{
	machoSegment: 56, machoSymbols: 24, machoLoad: 24, machoID: 24, machoSegment64: 72, machoUUID: 24, machoRpath: 12,
	machoSignature: 16, machoSource: 16, machoBuild: 24,
}

// command adds what a load command says.
func (f *machoFile) command(b *builder, raw []byte, at int64) error {
	kind := f.order.Uint32(raw)
	if len(raw) < machoLeast[kind] {
		return f.damaged("the load command at %d", at)
	}
	u32 := func(at int) int64 { return int64(f.order.Uint32(raw[at:])) }
	field := func(name, value string) { b.field(name, value, at+8, int64(len(raw))-8) }
	piece := func(name string, offset, size int64) {
		if size > 0 && f.has(offset, size) {
			f.list = append(f.list, f.derivedPiece(b, name, offset, size))
		}
	}
	switch kind {
	case machoSegment, machoSegment64:
		return f.segment(raw, at, kind == machoSegment64)
	case machoSymbols:
		size := int64(12)
		if f.wide {
			size = 16
		}
		piece("symbols", u32(8), u32(12)*size)
		piece("names of symbols", u32(16), u32(20))
	case machoLoad:
		field("needed", machoString(raw, u32(8)))
	case machoID:
		field("name", machoString(raw, u32(8)))
		field("timestamp", timestamp(u32(12)))
	case machoRpath:
		field("rpath", machoString(raw, u32(8)))
	case machoUUID:
		// Linkers make it of the content.
		b.add(Part{Name: "UUID", Value: fmt.Sprintf("%x", raw[8:24]), Derived: true, Offset: at + 8, Size: 16})
	case machoSource:
		field("source version", hexadecimal(f.order.Uint64(raw[8:])))
	case machoBuild:
		field("platform, minimum version and SDK", fmt.Sprintf("%d, %s, %s", u32(8), machoVersion(u32(12)), machoVersion(u32(16))))
	case machoSignature:
		f.addSignature(b, u32(8), u32(12))
		piece("code signature", u32(8), u32(12))
	}
	return nil
}

func machoVersion(v int64) string { return fmt.Sprintf("%d.%d.%d", v>>16, v>>8&255, v&255) }

// machoString is a string in a load command.
func machoString(raw []byte, at int64) string {
	if at > int64(len(raw)) {
		return ""
	}
	s, _, _ := bytes.Cut(raw[at:], []byte{0})
	return string(s)
}

// segment collects the sections of a segment.
func (f *machoFile) segment(raw []byte, at int64, wide bool) error {
	head, size, count := 56, 68, f.order.Uint32(raw[48:])
	if wide {
		head, size, count = 72, 80, f.order.Uint32(raw[64:])
	}
	if int64(count) > int64(len(raw)-head)/int64(size) {
		return f.damaged("the segment at %d has %d sections", at, count)
	}
	for raw := raw[head:]; count > 0; count-- {
		name := func(b []byte) string { return string(bytes.TrimRight(b[:16], "\x00")) }
		s := machoSection{name: name(raw[16:]) + "," + name(raw)}
		if wide {
			s.size, s.offset, s.flags = int64(f.order.Uint64(raw[40:])), int64(f.order.Uint32(raw[48:])), f.order.Uint32(raw[64:])
		} else {
			s.size, s.offset, s.flags = int64(f.order.Uint32(raw[36:])), int64(f.order.Uint32(raw[40:])), f.order.Uint32(raw[56:])
		}
		raw = raw[size:]
		switch s.flags & 255 {
		case 1, 12, 18: // zeros, which are not in the file
			continue
		}
		if s.size != 0 {
			f.sections = append(f.sections, s)
		}
	}
	return nil
}

// addSection adds a section. Code, and tables of where it is, follow from other things.
func (f *machoFile) addSection(b *builder, s machoSection) {
	const instructions = 0x80000400
	follows := s.flags&instructions != 0
	_, name, _ := strings.Cut(s.name, ",")
	follows = follows || slices.Contains(machoFollowing, name)
	p := Part{Name: s.name, Open: f.open(s.offset, s.size), Derived: follows, Offset: s.offset, Size: s.size}
	p.Fields = []Part{{Name: "flags", Value: hexadecimal(s.flags), Of: "header and load commands"}}
	b.add(p)
	if s.flags&instructions == 0 {
		b.add(Part{Name: s.name + " strings", Text: true, Of: b.last(), Open: f.traces(p.Open)})
	}
}

// machoFollowing are names of sections that have addresses, as those of ELF in following.
var machoFollowing = []string{
	"__text", "__gopclntab", "__typelink", "__itablink", "__unwind_info", "__eh_frame", "__got", "__la_symbol_ptr",
	"__rodata", "__const", "__data", "__noptrdata", "__go_module", "__go_fipsinfo",
}

// addSignature adds who is named in a code signature, and whether by a certificate
// (Security, CodeDirectory.h).
func (f *machoFile) addSignature(b *builder, offset, size int64) {
	data, err := f.bytes(offset, min(size, maxELFField))
	if err != nil || len(data) < 12 || binary.BigEndian.Uint32(data) != 0xfade0cc0 {
		return
	}
	kind := "ad hoc"
	for i := range min(int64(binary.BigEndian.Uint32(data[8:])), 32) {
		at := 12 + 8*i
		if at+8 > int64(len(data)) {
			return
		}
		at = int64(binary.BigEndian.Uint32(data[at+4:]))
		if at+24 > int64(len(data)) {
			continue
		}
		switch blob := data[at:]; binary.BigEndian.Uint32(blob) {
		case 0xfade0c02:
			b.add(Part{Name: "signed as", Value: machoString(blob, int64(binary.BigEndian.Uint32(blob[20:])))})
		case 0xfade0b01:
			kind = "with a certificate"
		}
	}
	b.add(Part{Name: "signed", Value: kind})
}
