package filetype

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
)

// maxSqliteColumns is what SQLite itself allows at most.
const maxSqliteColumns = 32767

// record decodes a row (section 2.1), each value as SQL has it.
func (f *sqliteFile) record(payload []byte) ([]string, error) {
	size, n := sqliteVarint(payload)
	if n == 0 || size < int64(n) || size > int64(len(payload)) {
		return nil, f.damaged("a row's header of %d bytes", size)
	}
	types, values := payload[n:size], payload[size:]
	var row []string
	for len(types) > 0 {
		kind, n := sqliteVarint(types)
		if n == 0 || len(row) == maxSqliteColumns {
			return nil, f.damaged("a row's header")
		}
		types = types[n:]
		length := sqliteLength(kind)
		if length < 0 || length > int64(len(values)) {
			return nil, f.damaged("a value of %d bytes", length)
		}
		row = append(row, f.value(kind, values[:length]))
		values = values[length:]
	}
	return row, nil
}

// sqliteLength returns how many bytes a value of some kind has.
func sqliteLength(kind int64) int64 {
	switch {
	case kind >= 12:
		return (kind - 12) / 2
	case kind == 6 || kind == 7:
		return 8
	case kind == 5:
		return 6
	case kind >= 0 && kind <= 4:
		return kind
	case kind == 8 || kind == 9:
		return 0
	}
	return -1
}

func (f *sqliteFile) value(kind int64, data []byte) string {
	switch {
	case kind == 0:
		return "NULL"
	case kind == 8 || kind == 9:
		return decimal(kind - 8)
	case kind == 7:
		return strconv.FormatFloat(math.Float64frombits(binary.BigEndian.Uint64(data)), 'g', -1, 64)
	case kind < 7:
		n := int64(int8(data[0]))
		for _, c := range data[1:] {
			n = n<<8 | int64(c)
		}
		return decimal(n)
	case kind%2 == 0:
		return fmt.Sprintf("x'%x'", data)
	}
	s := string(data)
	if f.charset == 2 || f.charset == 3 {
		var order binary.ByteOrder = binary.LittleEndian
		if f.charset == 3 {
			order = binary.BigEndian
		}
		units := make([]uint16, len(data)/2)
		for i := range units {
			units[i] = order.Uint16(data[2*i:])
		}
		s = string(utf16.Decode(units))
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// sqliteVarint reads a number of up to nine bytes and returns how many it has, 0 if
// it is cut off (section 1.6).
func sqliteVarint(data []byte) (int64, int) {
	var v uint64
	for i := range min(9, len(data)) {
		if i == 8 {
			return int64(v<<8 | uint64(data[i])), 9
		}
		v = v<<7 | uint64(data[i]&0x7f)
		if data[i] < 0x80 {
			return int64(v), i + 1
		}
	}
	return 0, 0
}
