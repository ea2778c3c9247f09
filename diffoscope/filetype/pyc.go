package filetype

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// pycHeader is how many bytes stand before the code (PEP 552).
const pycHeader = 16

// sniffPyc knows the magic numbers of Python 3.8 to 3.14.
func sniffPyc(head []byte, _ string) bool {
	return len(head) >= pycHeader && string(head[2:4]) == "\r\n" && pythonVersion(binary.LittleEndian.Uint16(head)) > 0
}

// pythonVersion returns the minor version of the Python 3 that a magic number is of,
// 0 if it is none (CPython, Include/internal/pycore_magic_number.h).
func pythonVersion(magic uint16) int {
	switch {
	case magic >= 3400 && magic < 3420:
		return 8
	case magic >= 3420 && magic < 3430:
		return 9
	case magic >= 3430 && magic < 3450:
		return 10
	case magic >= 3450 && magic < 3500:
		return 11
	case magic >= 3500 && magic < 3550:
		return 12
	case magic >= 3550 && magic < 3600:
		return 13
	case magic >= 3600 && magic < 3650:
		return 14
	}
	return 0
}

// parsePyc takes a file of compiled Python apart, into its header and its code.
func parsePyc(in *input, b *builder) error {
	head, err := in.bytes(0, pycHeader)
	if err != nil {
		return err
	}
	magic, flags := binary.LittleEndian.Uint16(head), binary.LittleEndian.Uint32(head[4:])
	version := pythonVersion(magic)
	b.field("python", fmt.Sprintf("3.%d, magic %d", version, magic), 0, 4)
	if flags&1 == 0 {
		b.field("validation", "by mtime", 4, 4)
		b.field("mtime", timestamp(int64(binary.LittleEndian.Uint32(head[8:]))), 8, 4)
		b.field("source size", decimal(binary.LittleEndian.Uint32(head[12:])), 12, 4)
	} else {
		b.field("validation", map[bool]string{true: "by hash", false: "none, by an unchecked hash"}[flags&2 != 0], 4, 4)
		b.field("source hash", fmt.Sprintf("%x", head[8:16]), 8, 8)
	}
	size := in.Size() - pycHeader
	code := Part{Name: "code", Open: in.open(pycHeader, size), Offset: pycHeader, Size: size}
	// Rendered, code has some times its size.
	if size > in.limits.Memory/8 {
		b.file.Skipped = (&LimitError{What: "bytes of code", Limit: in.limits.Memory / 8}).Error()
		b.add(code)
		return nil
	}
	data, err := in.bytes(pycHeader, size)
	if err != nil {
		return err
	}
	m := &marshal{data: data, version: version, left: in.limits.Memory / 2, flags: sha256.New()}
	if _, err := m.object(inline); err != nil {
		m.text, b.file.Skipped = nil, fmt.Sprintf("code: %v", err)
	} else {
		b.add(Part{Name: "filename", Value: m.filename, Of: "code", Offset: pycHeader})
		b.add(Part{Name: "reference flags", Of: "code", Offset: pycHeader, Value: fmt.Sprintf(
			"%d objects may be referred to, %d times one is (%x)", len(m.refs), m.used, m.flags.Sum(nil)[:8])})
	}
	b.add(code)
	if text := string(m.text); text != "" {
		b.add(Part{Name: "objects", Text: true, Of: "code", Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(text)), nil
		}})
	}
	return nil
}
