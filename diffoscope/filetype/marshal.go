package filetype

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

const (
	// maxMarshalDepth is how deep objects may be nested.
	maxMarshalDepth = 200
	// maxMarshalValue is how many bytes of an object are shown where it is part of
	// another, so that references to references don't add up.
	maxMarshalValue = 1 << 10
)

var errMarshal = errors.New("not as Python's marshal module writes it")

// A marshal reads what Python's marshal module wrote (CPython, Python/marshal.c), and
// shows it as text. It makes nothing of it and runs nothing.
type marshal struct {
	data    []byte
	version int // the minor one of Python 3
	left    int64
	text    []byte // of the code objects so far

	depth    int
	indent   int
	refs     []string // objects that may be referred to, as text
	used     int
	flags    hash.Hash // of which objects may be referred to
	filename string    // of the outermost code object
}

// take cuts n bytes off the data.
func (m *marshal) take(n int) ([]byte, error) {
	if n < 0 || n > len(m.data) {
		return nil, errMarshal
	}
	b := m.data[:n]
	m.data = m.data[n:]
	return b, nil
}

func (m *marshal) long() (int, error) {
	b, err := m.take(4)
	if err != nil {
		return 0, err
	}
	return int(int32(binary.LittleEndian.Uint32(b))), nil
}

// A style is how an object is shown.
type style int

const (
	inline  style = iota
	perLine       // a tuple's items, each on a line
	hexDump       // bytes, 32 on a line
)

// charge takes memory for n bytes.
func (m *marshal) charge(n int) error {
	if m.left -= int64(n); m.left < 0 {
		return &LimitError{What: "bytes of memory for code"}
	}
	return nil
}

// object reads an object and returns it as text. A code object's text is added to
// m.text.
func (m *marshal) object(as style) (string, error) {
	if m.depth++; m.depth > maxMarshalDepth {
		return "", &LimitError{What: "levels of Python objects", Limit: maxMarshalDepth}
	}
	defer func() { m.depth-- }()
	b, err := m.take(1)
	if err != nil {
		return "", err
	}
	kind, flag := b[0]&0x7f, b[0]&0x80 != 0
	ref := -1
	m.flags.Write([]byte{b[0] & 0x80})
	if flag {
		ref = len(m.refs)
		m.refs = append(m.refs, "<itself>")
	}
	s, err := m.value(kind, as)
	if err != nil {
		return "", err
	}
	if flag {
		kept := s
		if len(kept) > maxMarshalValue {
			kept = kept[:maxMarshalValue] + "..."
		}
		if err := m.charge(len(kept) + 16); err != nil {
			return "", err
		}
		m.refs[ref] = strings.Clone(kept)
	}
	return s, nil
}

func (m *marshal) value(kind byte, as style) (string, error) {
	switch kind {
	case '0':
		return "", nil // NULL, which ends a dict
	case 'N':
		return "None", nil
	case 'F':
		return "False", nil
	case 'T':
		return "True", nil
	case 'S':
		return "StopIteration", nil
	case '.':
		return "...", nil
	case 'c':
		return m.code()
	case 'r':
		n, err := m.long()
		if err != nil || n < 0 || n >= len(m.refs) {
			return "", errMarshal
		}
		m.used++
		return m.refs[n], nil
	case '(', ')', '[', '<', '>', '{', ':':
		return m.collection(kind, as)
	}
	if slices.Contains([]byte("iIlfgxy"), kind) {
		return m.number(kind)
	}
	return m.str(kind, as)
}

func (m *marshal) number(kind byte) (string, error) {
	switch kind {
	case 'i':
		n, err := m.long()
		return strconv.Itoa(n), err
	case 'I':
		b, err := m.take(8)
		if err != nil {
			return "", err
		}
		return strconv.FormatInt(int64(binary.LittleEndian.Uint64(b)), 10), nil
	case 'l':
		return m.bigNumber()
	case 'g':
		return m.float()
	case 'y':
		re, err := m.float()
		im, err2 := m.float()
		return "complex(" + re + ", " + im + ")", errors.Join(err, err2)
	}
	// Older forms of floats have a length in one byte.
	var parts []string
	for range 1 + int(kind-'f')/int('x'-'f') {
		n, err := m.take(1)
		if err != nil {
			return "", err
		}
		b, err := m.take(int(n[0]))
		if err != nil {
			return "", err
		}
		parts = append(parts, strconv.Quote(string(b)))
	}
	return "float(" + strings.Join(parts, ", ") + ")", nil
}

func (m *marshal) float() (string, error) {
	b, err := m.take(8)
	if err != nil {
		return "", err
	}
	return strconv.FormatFloat(math.Float64frombits(binary.LittleEndian.Uint64(b)), 'g', -1, 64), nil
}

// bigNumber reads digits of 15 bits.
func (m *marshal) bigNumber() (string, error) {
	n, err := m.long()
	if err != nil {
		return "", err
	}
	negative := n < 0
	if negative {
		n = -n
	}
	raw, err := m.take(2 * n)
	if err != nil {
		return "", err
	}
	if n > 1000 { // converting takes longer than its size
		return fmt.Sprintf("int of %d digits of 15 bits", n), nil
	}
	v := new(big.Int)
	for i := n - 1; i >= 0; i-- {
		v.Lsh(v, 15).Or(v, big.NewInt(int64(binary.LittleEndian.Uint16(raw[2*i:])&0x7fff)))
	}
	if negative {
		v.Neg(v)
	}
	return v.String(), nil
}

// str reads the kinds of strings, which are as long as four bytes or one byte say.
func (m *marshal) str(kind byte, as style) (string, error) {
	var n int
	var err error
	switch kind {
	case 's', 't', 'u', 'a', 'A':
		n, err = m.long()
	case 'z', 'Z':
		var b []byte
		if b, err = m.take(1); err == nil {
			n = int(b[0])
		}
	default:
		err = errMarshal
	}
	if err != nil {
		return "", err
	}
	b, err := m.take(n)
	if err != nil {
		return "", err
	}
	if kind == 's' && as == hexDump {
		var s strings.Builder
		for line := range slices.Chunk(b, 32) {
			fmt.Fprintf(&s, "%x\n", line)
		}
		return strings.TrimSuffix(s.String(), "\n"), nil
	}
	if kind == 's' {
		return "b" + strconv.Quote(string(b)), nil
	}
	return strconv.Quote(string(b)), nil
}

var (
	opening = map[byte]string{'(': "(", ')': "(", '[': "[", '<': "{", '>': "frozenset({", '{': "{", ':': "slice("}
	closing = map[byte]string{'(': ")", ')': ")", '[': "]", '<': "}", '>': "})", '{': "}", ':': ")"}
)

// collection reads tuples, lists, sets, dicts and slices.
func (m *marshal) collection(kind byte, as style) (string, error) {
	n, err := 1<<31, error(nil)
	switch kind {
	case ')':
		var b []byte
		if b, err = m.take(1); err == nil {
			n = int(b[0])
		}
	case ':':
		n = 3
	case '{':
	default:
		n, err = m.long()
	}
	if err != nil || n < 0 || kind != '{' && n > len(m.data) {
		return "", errMarshal
	}
	var s strings.Builder
	if as != perLine {
		s.WriteString(opening[kind])
	}
	for i := range n {
		item, err := m.object(inline)
		if err != nil {
			return "", err
		}
		if item == "" && kind == '{' {
			break
		}
		if i > 0 && as != perLine {
			s.WriteString(map[bool]string{true: ": ", false: ", "}[kind == '{' && i%2 == 1])
		}
		if err := m.charge(len(item) + 2); err != nil {
			return "", err
		}
		s.WriteString(item)
		if as == perLine {
			s.WriteString("\n")
		}
	}
	if as == perLine {
		return strings.TrimSuffix(s.String(), "\n"), nil
	}
	s.WriteString(closing[kind])
	return s.String(), nil
}
