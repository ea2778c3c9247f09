package filetype

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// An elfFile is an ELF file's header and sections (System V ABI, "Object Files").
type elfFile struct {
	*input
	order    binary.ByteOrder
	wide     bool // 64 bits
	head     []byte
	phoff    int64
	shoff    int64
	phnum    int
	shnum    int
	phsize   int
	shsize   int
	sections []elfSection
}

type elfSection struct {
	index        int
	name         string
	typ          elf.SectionType
	flags        elf.SectionFlag
	addr         uint64
	offset, size int64
	link         int
	entry        int64
}

// parseELF takes a program, library or object apart: first what the go command left
// in it, then the fields of its header, notes and dynamic section, then its sections,
// and what is between them.
func parseELF(in *input, b *builder) error {
	f := &elfFile{input: in}
	if err := f.readHeader(); err != nil {
		return err
	}
	if err := f.readSections(); err != nil {
		return err
	}
	f.addGo(b)
	f.addHeader(b)
	f.addNotes(b)
	f.addDynamic(b)
	f.addOdd(b)
	return f.addPieces(b)
}

func (f *elfFile) readHeader() error {
	var err error
	if f.head, err = f.bytes(0, min(64, f.Size())); err != nil {
		return err
	}
	if len(f.head) < 52 {
		return f.damaged("the header is cut off")
	}
	f.wide = elf.Class(f.head[elf.EI_CLASS]) == elf.ELFCLASS64
	if !f.wide {
		f.head = f.head[:52]
	} else if len(f.head) < 64 {
		return f.damaged("the header is cut off")
	}
	f.order = binary.LittleEndian
	if elf.Data(f.head[elf.EI_DATA]) == elf.ELFDATA2MSB {
		f.order = binary.BigEndian
	}
	f.phoff, f.shoff = f.word(f.head[28:], f.head[32:]), f.word(f.head[32:], f.head[40:])
	rest := f.head[len(f.head)-10:] // e_phentsize and what follows
	f.phsize, f.phnum = int(f.order.Uint16(rest)), int(f.order.Uint16(rest[2:]))
	f.shsize, f.shnum = int(f.order.Uint16(rest[4:])), int(f.order.Uint16(rest[6:]))
	return nil
}

// word reads a number of 32 bits from narrow, or of 64 from wide. What doesn't fit
// is negative, and so nowhere in the file.
func (f *elfFile) word(narrow, wide []byte) int64 {
	if f.wide {
		return int64(f.order.Uint64(wide))
	}
	return int64(f.order.Uint32(narrow))
}

func (f *elfFile) readSections() error {
	least := 40
	if f.wide {
		least = 64
	}
	if f.shoff == 0 || f.shsize < least {
		return nil
	}
	shstrndx := int(f.order.Uint16(f.head[len(f.head)-2:]))
	if f.shnum == 0 || shstrndx == int(elf.SHN_XINDEX) {
		first, err := f.bytes(f.shoff, int64(f.shsize))
		if err != nil {
			return err
		}
		s := f.section(first, 0)
		if f.shnum == 0 {
			f.shnum = int(min(s.size, 1<<31-1))
		}
		if shstrndx == int(elf.SHN_XINDEX) {
			shstrndx = s.link
		}
	}
	if f.shnum < 0 || f.shnum > f.limits.Parts/2 {
		return &LimitError{What: "sections", Limit: int64(f.limits.Parts / 2)}
	}
	raw, err := f.bytes(f.shoff, int64(f.shnum)*int64(f.shsize))
	if err != nil {
		return err
	}
	names := make([]uint32, 0, f.shnum)
	for i := range f.shnum {
		head := raw[i*f.shsize:]
		f.sections = append(f.sections, f.section(head, i))
		names = append(names, f.order.Uint32(head))
	}
	if shstrndx < 0 || shstrndx >= len(f.sections) {
		return nil
	}
	table, err := f.bytes(f.sections[shstrndx].offset, f.sections[shstrndx].size)
	if err != nil {
		return err
	}
	for i, name := range names {
		f.sections[i].name = elfString(table, name)
	}
	return nil
}

func (f *elfFile) section(head []byte, index int) elfSection {
	s := elfSection{index: index, typ: elf.SectionType(f.order.Uint32(head[4:]))}
	if !f.wide {
		s.flags = elf.SectionFlag(f.order.Uint32(head[8:]))
		s.addr = uint64(f.order.Uint32(head[12:]))
		s.offset, s.size = int64(f.order.Uint32(head[16:])), int64(f.order.Uint32(head[20:]))
		s.link, s.entry = int(f.order.Uint32(head[24:])), int64(f.order.Uint32(head[36:]))
		return s
	}
	s.flags = elf.SectionFlag(f.order.Uint64(head[8:]))
	s.addr = f.order.Uint64(head[16:])
	s.offset, s.size = int64(f.order.Uint64(head[24:])), int64(f.order.Uint64(head[32:]))
	s.link, s.entry = int(f.order.Uint32(head[40:])), int64(f.order.Uint64(head[56:]))
	return s
}

// maxELFString is how many bytes a name may have.
const maxELFString = 4 << 10

// elfString returns the string at an offset of a string table.
func elfString(table []byte, at uint32) string {
	if int64(at) >= int64(len(table)) {
		return ""
	}
	rest := table[at:]
	rest = rest[:min(len(rest), maxELFString)]
	if n := bytes.IndexByte(rest, 0); n >= 0 {
		rest = rest[:n]
	}
	return string(rest)
}

// find returns the first section called name with bytes in the file.
func (f *elfFile) find(name string) (elfSection, bool) {
	for _, s := range f.sections {
		if s.name == name && s.inFile() {
			return s, true
		}
	}
	return elfSection{}, false
}

func (s elfSection) inFile() bool {
	return s.typ != elf.SHT_NOBITS && s.typ != elf.SHT_NULL && s.size > 0
}

// addHeader adds the header's fields.
func (f *elfFile) addHeader(b *builder) {
	of := func(name, value string, offset int64, size int64) {
		follows := name == "entry" || strings.HasSuffix(name, " headers")
		b.add(Part{Name: name, Value: value, Of: "ELF header", Derived: follows, Offset: offset, Size: size})
	}
	word := int64(4)
	if f.wide {
		word = 8
	}
	of("class", strings.TrimPrefix(elf.Class(f.head[4]).String(), "ELFCLASS"), 4, 1)
	of("byte order", strings.TrimPrefix(elf.Data(f.head[5]).String(), "ELFDATA"), 5, 1)
	of("OS ABI", fmt.Sprintf("%s %d", strings.TrimPrefix(elf.OSABI(f.head[7]).String(), "ELFOSABI_"), f.head[8]), 7, 2)
	of("type", strings.TrimPrefix(elf.Type(f.order.Uint16(f.head[16:])).String(), "ET_"), 16, 2)
	of("machine", strings.TrimPrefix(elf.Machine(f.order.Uint16(f.head[18:])).String(), "EM_"), 18, 2)
	of("flags", hexadecimal(f.order.Uint32(f.head[24+3*word:])), 24+3*word, 4)
	of("entry", hexadecimal(uint64(f.word(f.head[24:], f.head[24:]))), 24, word)
	of("program headers", fmt.Sprintf("%d at %d", f.phnum, f.phoff), 24+word, word)
	of("section headers", fmt.Sprintf("%d at %d", f.shnum, f.shoff), 24+2*word, word)
}

// addPieces adds everything that has bytes in the file.
func (f *elfFile) addPieces(b *builder) error {
	// Without the magic number, which would make the header a file of its own.
	list := []piece{f.derivedPiece(b, "ELF header", 4, int64(len(f.head))-4)}
	for _, t := range []struct {
		name    string
		offset  int64
		n, size int
	}{{"program header table", f.phoff, f.phnum, f.phsize}, {"section header table", f.shoff, f.shnum, f.shsize}} {
		if length := int64(t.n) * int64(t.size); length > 0 && f.has(t.offset, length) {
			list = append(list, f.derivedPiece(b, t.name, t.offset, length))
		}
	}
	list = append(list, f.moduleSignature(b)...)
	for _, s := range f.sections {
		if !s.inFile() {
			continue
		}
		if !f.has(s.offset, s.size) {
			return f.damaged("section %q has %d bytes at %d of %d", s.name, s.size, s.offset, f.Size())
		}
		list = append(list, piece{s.name, s.offset, s.size, func() { f.addSection(b, s) }})
	}
	return f.input.addPieces(b, list)
}

// addSection adds a section's content, and what explains it.
func (f *elfFile) addSection(b *builder, s elfSection) {
	p := Part{Name: s.name, Open: f.open(s.offset, s.size), Derived: s.follows(), Near: f.near(s), Offset: s.offset, Size: s.size}
	p.Fields = []Part{
		{Name: "type", Value: strings.TrimPrefix(s.typ.String(), "SHT_"), Of: "section header table"},
		{Name: "flags", Value: elfFlags(s.flags), Of: "section header table"},
	}
	if s.flags&elf.SHF_COMPRESSED != 0 {
		f.decompress(&p, s)
	}
	b.add(p)
	name := b.last()
	switch {
	case s.typ == elf.SHT_SYMTAB:
		b.add(Part{Name: "symbols", Text: true, Of: name, Derived: true, Open: f.symbols(s)})
	case s.typ == elf.SHT_DYNSYM:
		b.add(Part{Name: "dynamic symbols", Text: true, Open: f.symbols(s)})
	case s.typ == elf.SHT_PROGBITS && s.flags&elf.SHF_EXECINSTR == 0 && !slices.Contains(stringless, s.name):
		b.add(Part{Name: s.name + " strings", Text: true, Of: name, Open: f.traces(p.Open)})
	}
}

// stringless are sections that have no strings, or fields for all of them.
var stringless = []string{
	".interp", ".comment", ".go.buildinfo", ".gnu_debuglink", ".got", ".got.plt", ".eh_frame", ".eh_frame_hdr",
	".debug_abbrev", ".debug_aranges", ".debug_ranges", ".debug_rnglists", ".debug_loc", ".debug_loclists",
	".debug_frame", ".debug_addr",
}

// follows reports whether a section is nearly always another because something else
// is: code and data with addresses in them, tables of what is elsewhere. What they
// have of a build, and is no address, is in their strings.
func (s elfSection) follows() bool {
	switch s.typ {
	case elf.SHT_STRTAB, elf.SHT_SYMTAB, elf.SHT_DYNSYM, elf.SHT_REL, elf.SHT_RELA, elf.SHT_HASH, elf.SHT_GNU_HASH, elf.SHT_GNU_VERSYM, elf.SHT_DYNAMIC,
		elf.SHT_INIT_ARRAY, elf.SHT_FINI_ARRAY:
		return true
	case elf.SHT_NOTE:
		return strings.Contains(s.name, "build-id") || strings.Contains(s.name, "buildid")
	case elf.SHT_PROGBITS:
		return slices.ContainsFunc(following, func(name string) bool {
			return s.name == name || strings.HasPrefix(s.name, name+".")
		}) || strings.HasPrefix(s.name, ".debug_")
	}
	return false
}

// following are names of such sections, and how those begin.
var following = []string{
	".text", ".init", ".fini", ".plt", ".got", ".data", ".rodata", ".sdata", ".tdata", ".eh_frame", ".eh_frame_hdr",
	".gcc_except_table", ".gopclntab", ".gosymtab", ".typelink", ".itablink", ".noptrdata", ".go.module", ".go.fipsinfo",
}

func elfFlags(flags elf.SectionFlag) string {
	if flags == 0 {
		return "none"
	}
	return strings.ReplaceAll(strings.ReplaceAll(flags.String(), "SHF_", ""), "+", " ")
}
