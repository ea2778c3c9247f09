package filetype

import (
	"bytes"
	"strconv"
	"strings"
)

const (
	arMagic   = "!<arch>\n"
	thinMagic = "!<thin>\n"
	arHeader  = 60
)

// parseAr takes an ar archive apart (ar(5), in the variants of System V, GNU and
// BSD) into its members, each with the fields of its header. One that begins with
// debian-binary is a package of Debian's (deb(5)).
func parseAr(in *input, b *builder) error {
	magic, err := in.bytes(0, int64(len(arMagic)))
	if err != nil {
		return err
	}
	if string(magic) == thinMagic {
		return in.damaged("a thin archive, which has no content of its members")
	}
	var longNames []byte
	for at := int64(len(arMagic)); at < in.Size(); {
		m, err := in.arMember(at, longNames)
		if err != nil {
			return addRest(in, b, "unreadable rest", at)
		}
		if m.name == "//" {
			if longNames, err = in.bytes(m.data, m.size); err != nil {
				return err
			}
		}
		if at == int64(len(arMagic)) && m.name == "debian-binary" {
			b.file.Format = Deb
		}
		part := Part{Name: m.name, Open: in.open(m.data, m.size), Offset: m.data, Size: m.size, Fields: m.fields}
		part.Derived = m.isIndex()
		if !b.add(part) {
			return nil
		}
		at = m.data + m.size
		if at%2 == 1 && at < in.Size() {
			at++
		}
	}
	return nil
}

type arMember struct {
	name       string
	data, size int64
	fields     []Part
}

// arMember reads the header at offset.
func (in *input) arMember(offset int64, longNames []byte) (arMember, error) {
	head, err := in.bytes(offset, arHeader)
	if err != nil {
		return arMember{}, err
	}
	text := func(from, to int) string { return strings.TrimRight(string(head[from:to]), " ") }
	size, err := strconv.ParseInt(text(48, 58), 10, 64)
	if err != nil || string(head[58:60]) != "`\n" || !in.has(offset+arHeader, size) {
		return arMember{}, in.damaged("no member at %d", offset)
	}
	m := arMember{name: text(0, 16), data: offset + arHeader, size: size}
	if err := m.resolve(in, longNames); err != nil {
		return arMember{}, err
	}
	field := func(name, value string, from, to int) {
		m.fields = append(m.fields, Part{Name: name, Value: value, Offset: offset + int64(from), Size: int64(to - from)})
	}
	mtime := text(16, 28)
	if seconds, err := strconv.ParseInt(mtime, 10, 64); err == nil {
		mtime = timestamp(seconds)
	}
	field("mtime", mtime, 16, 28)
	field("uid", text(28, 34), 28, 34)
	field("gid", text(34, 40), 34, 40)
	field("mode", text(40, 48), 40, 48)
	return m, nil
}

// isIndex reports whether a member says where others are, and the symbols in them.
func (m *arMember) isIndex() bool {
	switch m.name {
	case "/", "//", "/SYM64/", "__.SYMDEF", "__.SYMDEF SORTED", "__.SYMDEF_64":
		return true
	}
	return false
}

// resolve replaces a name that stands elsewhere: GNU's in the member called "//",
// BSD's before the content.
func (m *arMember) resolve(in *input, longNames []byte) error {
	if n, err := strconv.ParseInt(strings.TrimPrefix(m.name, "#1/"), 10, 64); err == nil && strings.HasPrefix(m.name, "#1/") {
		if n < 0 || n > m.size {
			return in.damaged("a name of %d bytes at %d", n, m.data)
		}
		name, err := in.bytes(m.data, n)
		if err != nil {
			return err
		}
		m.name = strings.TrimRight(string(name), "\x00")
		m.data += n
		m.size -= n
		return nil
	}
	if m.name == "/" || m.name == "//" || m.name == "/SYM64/" {
		return nil
	}
	if n, err := strconv.Atoi(strings.TrimPrefix(m.name, "/")); err == nil && strings.HasPrefix(m.name, "/") {
		if n < 0 || n >= len(longNames) {
			return in.damaged("a name at %d of %d", n, len(longNames))
		}
		name, _, _ := bytes.Cut(longNames[n:], []byte("\n"))
		m.name = string(name)
	}
	m.name = strings.TrimSuffix(m.name, "/")
	return nil
}
