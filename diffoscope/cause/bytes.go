package cause

import (
	"encoding/binary"
	"fmt"
	"path"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
)

// byBytes is for binary values of which nothing is known: a number of four bytes, in
// either byte order, that is a time in both and no farther apart than two builds are.
func (s *sight) byBytes() []Cause {
	if s.Kind == kindHeader || s.format != "" || isText(s.A) && isText(s.B) || len(s.A) != len(s.B) {
		return nil
	}
	from, tail := differing(s.A, s.B)
	to := len(s.A) - tail
	for at := max(0, to-4); at <= from && at+4 <= len(s.A); at++ {
		for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			a, b := order.Uint32([]byte(s.A[at:at+4])), order.Uint32([]byte(s.B[at:at+4]))
			if c, ok := s.numbers(a, b); ok {
				c.Detail = fmt.Sprintf("a number of seconds since 1970 in four bytes (%s), %s", order, c.Detail)
				return []Cause{c}
			}
		}
	}
	return nil
}

// numbers says whether two numbers are times near to each other.
func (s *sight) numbers(a, b uint32) (Cause, bool) {
	const near, from, to = 7 * 24 * 60 * 60, 1_500_000_000, 2_100_000_000 // 2017 to 2036
	if a < from || b > to || a >= b || b-a > near {
		return Cause{}, false
	}
	x, y := time.Unix(int64(a), 0).UTC(), time.Unix(int64(b), 0).UTC()
	c := s.timeCause(stamp{time: x, zone: "UTC", step: time.Second}, stamp{time: y, zone: "UTC", step: time.Second})
	if !s.nearStart(x, 0) || !s.nearStart(y, 1) {
		c.Confidence = Possible
	}
	return c, true
}

// byName is for what only one side has: a temporary file has another name there.
func (s *sight) byName() []Cause {
	name, detail := path.Base(s.file), "a temporary name"
	if s.field != "" {
		name, detail = s.field, "a name with random digits"
	}
	if s.field == "" && s.Kind == "entry" && temporary(name) || s.field != "" && digitsAtEnd.MatchString(name) {
		c := Cause{Name: Random, Confidence: Likely, Detail: detail, A: name}
		if s.OnlyB {
			c.A, c.B = "", name
		}
		return []Cause{c}
	}
	return nil
}

// digitsAtEnd are what gcc -flto puts behind the names of sections.
var digitsAtEnd = lazyregexp.New(`[._-][0-9a-f]{12,}( strings)?$`)
