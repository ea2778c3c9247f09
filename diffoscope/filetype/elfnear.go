package filetype

import (
	"bufio"
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"slices"
)

// near returns a Part's Near for a section: the symbol that has an offset, or the
// function of Go, which a program keeps when it is stripped.
func (f *elfFile) near(s elfSection) func(int64) string {
	if s.flags&elf.SHF_ALLOC == 0 || s.typ != elf.SHT_PROGBITS {
		return nil
	}
	return func(offset int64) string {
		name, start := "", int64(0)
		for _, typ := range []elf.SectionType{elf.SHT_SYMTAB, elf.SHT_DYNSYM} {
			is := func(table elfSection) bool { return table.typ == typ }
			if i := slices.IndexFunc(f.sections, is); i >= 0 && name == "" {
				name, start = f.symbolAt(f.sections[i], s, offset)
			}
		}
		if name == "" && s.flags&elf.SHF_EXECINSTR != 0 {
			name, start = f.goFunctionAt(s, offset)
		}
		if name == "" {
			return ""
		}
		return fmt.Sprintf("%s+0x%x", name, offset-start)
	}
}

// symbolAt returns the symbol in a table that has an offset of s, and where it begins:
// the last such, since one may be in another.
func (f *elfFile) symbolAt(table, s elfSection, offset int64) (string, int64) {
	step := 16
	if f.wide {
		step = 24
	}
	base := int64(s.addr)
	if elf.Type(f.order.Uint16(f.head[16:])) == elf.ET_REL {
		base = 0
	}
	best, name := int64(-1), uint32(0)
	r := bufio.NewReaderSize(f.input.section(table.offset, table.size), 64<<10)
	raw := make([]byte, step)
	for range table.size / int64(step) {
		if _, err := io.ReadFull(r, raw); err != nil {
			break
		}
		kind, section, wideSize := raw[4]&15, int(f.order.Uint16(raw[6:])), raw
		if f.wide {
			wideSize = raw[16:]
		} else {
			kind, section = raw[12]&15, int(f.order.Uint16(raw[14:]))
		}
		value, size := f.word(raw[4:], raw[8:])-base, f.word(raw[8:], wideSize)
		named := elf.SymType(kind) == elf.STT_FUNC || elf.SymType(kind) == elf.STT_OBJECT
		if named && section == s.index && value <= offset && offset-value < size && value > best {
			best, name = value, f.order.Uint32(raw)
		}
	}
	if best < 0 || table.link < 0 || table.link >= len(f.sections) {
		return "", 0
	}
	return f.stringAt(f.sections[table.link].offset + int64(name)), best
}

// stringAt returns the string at an offset of the file.
func (f *elfFile) stringAt(offset int64) string {
	if !f.has(offset, 1) {
		return ""
	}
	raw, err := f.bytes(offset, min(maxELFString, f.Size()-offset))
	if err != nil {
		return ""
	}
	name, _, _ := bytes.Cut(raw, []byte{0})
	return string(name)
}

// goFunctionAt looks an offset of the code up in Go's table of functions (package
// debug/gosym; in the layout since Go 1.18).
func (f *elfFile) goFunctionAt(s elfSection, offset int64) (string, int64) {
	table, ok := f.find(".gopclntab")
	if !ok {
		if table, ok = f.find(".data.rel.ro.gopclntab"); !ok {
			return "", 0
		}
	}
	head, err := f.bytes(table.offset, 8+8*8)
	if err != nil || f.order.Uint32(head)|1 != 0xfffffff1 {
		return "", 0
	}
	word := int64(4)
	if f.wide {
		word = 8
	}
	field := func(i int64) int64 { return f.word(head[8+i*word:], head[8+i*word:]) }
	n, names, functions := field(0), table.offset+field(3), table.offset+field(7)
	start := field(2)
	if start == 0 {
		text, _ := f.find(".text")
		start = int64(text.addr)
	}
	entry := func(i int64) (pc, at int64) {
		raw, err := f.bytes(functions+8*i, 8)
		if err != nil {
			return 1 << 62, 0
		}
		return start + int64(f.order.Uint32(raw)) - int64(s.addr), int64(f.order.Uint32(raw[4:]))
	}
	low, high := int64(0), min(max(n, 0), table.size/8)
	for low < high {
		middle := (low + high) / 2
		if pc, _ := entry(middle); pc <= offset {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low == 0 {
		return "", 0
	}
	pc, at := entry(low - 1)
	raw, err := f.bytes(functions+at, 8)
	if err != nil || !f.has(functions, at) {
		return "", 0
	}
	return f.stringAt(names + int64(int32(f.order.Uint32(raw[4:])))), pc
}
