package apk

import (
	"bytes"
	"errors"
	"slices"
)

// Deflate data (RFC 1951) can say the same content in many ways. Two of them are a
// bit apart: what fills a byte up, and copying from another place that has the same
// bytes. checkDeflate takes the usual one alone: zeros, and the nearest place, which
// is what gzip, zlib and Go find first.

var (
	errDeflate = errors.New("not deflate data")
	errFilling = errors.New("it is filled up with other bits than zeros")
	errFarther = errors.New("it copies from farther than it needs to")
)

// checkDeflate checks the deflate data b, which decompresses to content, and whether it
// copies from the nearest place if nearest says so.
func checkDeflate(b, content []byte, nearest bool) error {
	d := &deflate{b: b, content: content, nearest: nearest}
	for last := false; !last && d.err == nil; {
		last = d.bits(1) == 1
		switch d.bits(2) {
		case 0:
			d.stored()
		case 1:
			d.block(fixedCodes())
		case 2:
			d.block(d.codes())
		default:
			return errDeflate
		}
	}
	d.fill()
	if d.err == nil && (d.at != 8*len(b) || d.done != len(content)) {
		return errDeflate
	}
	return d.err
}

// deflate reads deflate data. After an error it reads zeros.
type deflate struct {
	b       []byte
	at      int // bits
	content []byte
	nearest bool
	done    int // bytes of content
	err     error
}

func (d *deflate) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// bits returns the next n bits, of which the first is the lowest.
func (d *deflate) bits(n int) int {
	if d.err == nil && d.at+n > 8*len(d.b) {
		d.fail(errDeflate)
	}
	if d.err != nil {
		return 0
	}
	v := 0
	for i := range n {
		v |= int(d.b[d.at/8]>>(d.at%8)&1) << i
		d.at++
	}
	return v
}

// fill goes to the end of a byte.
func (d *deflate) fill() {
	if d.bits(-d.at&7) != 0 {
		d.fail(errFilling)
	}
}

// write counts n bytes of content.
func (d *deflate) write(n int) {
	if n > len(d.content)-d.done {
		d.fail(errDeflate)
		return
	}
	d.done += n
}

func (d *deflate) stored() {
	d.fill()
	n := d.bits(16)
	if d.bits(16) != n^0xffff || n > len(d.b)-d.at/8 {
		d.fail(errDeflate)
		return
	}
	d.at += 8 * n
	d.write(n)
}

// Section 3.2.5: the least length or distance of a symbol, and how many bits say what
// to add.
var (
	lengths      = [...]int{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthBits   = [...]int{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distances    = [...]int{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	distanceBits = [...]int{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
)

const endOfBlock = 256

// block reads the symbols of a block.
func (d *deflate) block(literals, copies code) {
	for d.err == nil {
		s := d.symbol(literals)
		switch {
		case s < endOfBlock:
			d.write(1)
		case s == endOfBlock:
			return
		default:
			n := d.number(s-endOfBlock-1, lengths[:], lengthBits[:])
			d.copied(n, d.number(d.symbol(copies), distances[:], distanceBits[:]))
		}
	}
}

func (d *deflate) number(symbol int, least, more []int) int {
	if symbol >= len(least) {
		d.fail(errDeflate)
		return 0
	}
	return least[symbol] + d.bits(more[symbol])
}

// copied reads n bytes that are copied from distance bytes before.
func (d *deflate) copied(n, distance int) {
	from, to := d.done-distance, d.done
	if d.write(n); d.err != nil {
		return
	}
	if from < 0 {
		d.fail(errDeflate)
	} else if d.nearest && bytes.LastIndex(d.content[from:to+n-1], d.content[to:to+n]) != 0 {
		d.fail(errFarther)
	}
}

// A code is a Huffman code (section 3.2.2).
type code struct {
	count   [maxCodeBits + 1]int // symbols of a length
	symbols []int                // by length, then in order
}

const maxCodeBits = 15

// newCode makes the code of symbols that have these numbers of bits.
func newCode(bits []int) code {
	var c code
	for n := 1; n <= maxCodeBits; n++ {
		for symbol, has := range bits {
			if has == n {
				c.count[n]++
				c.symbols = append(c.symbols, symbol)
			}
		}
	}
	return c
}

func (d *deflate) symbol(c code) int {
	read, first, index := 0, 0, 0
	for _, count := range c.count[1:] {
		read |= d.bits(1)
		if read-first < count {
			return c.symbols[index+read-first]
		}
		index += count
		first = (first + count) << 1
		read <<= 1
	}
	d.fail(errDeflate)
	return 0
}

// fixedCodes returns those of section 3.2.6.
func fixedCodes() (literals, copies code) {
	bits := make([]int, 288)
	for i := range bits {
		switch {
		case i < 144 || i >= 280:
			bits[i] = 8
		case i < endOfBlock:
			bits[i] = 9
		default:
			bits[i] = 7
		}
	}
	return newCode(bits), newCode(slices.Repeat([]int{5}, 30))
}

// codes reads the codes of a block (section 3.2.7).
func (d *deflate) codes() (literals, copies code) {
	literal, distance, n := 257+d.bits(5), 1+d.bits(5), 4+d.bits(4)
	var own [19]int
	for _, symbol := range []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}[:n] {
		own[symbol] = d.bits(3)
	}
	c := newCode(own[:])
	var bits []int
	for d.err == nil && len(bits) < literal+distance {
		switch s := d.symbol(c); {
		case s < 16:
			bits = append(bits, s)
		case s == 16 && len(bits) > 0:
			bits = append(bits, slices.Repeat(bits[len(bits)-1:], 3+d.bits(2))...)
		case s == 17:
			bits = append(bits, make([]int, 3+d.bits(3))...)
		case s == 18:
			bits = append(bits, make([]int, 11+d.bits(7))...)
		default:
			d.fail(errDeflate)
		}
	}
	if len(bits) != literal+distance {
		d.fail(errDeflate)
		return
	}
	return newCode(bits[:literal]), newCode(bits[literal:])
}
