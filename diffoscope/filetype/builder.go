package filetype

import (
	"fmt"
	"strconv"
	"time"
)

// partSize is about how many bytes of memory a part needs beside its strings.
const partSize = 144

// A builder collects the parts of a file, within limits. Its first error stays.
type builder struct {
	file   File
	err    error
	limits Limits
	plain  bool  // parts are added without their fields
	parts  int   // so far, and fields
	fields int   // that were fields of other parts
	memory int64 // they need
	names  map[string]int
}

// run has p take the file apart.
func (b *builder) run(p parser, in *input) error {
	if err := p.parse(in, b); b.err == nil {
		return err
	}
	return b.err
}

// add adds p, under a name that no other part has, and reports whether there is
// room for more. Fields that are empty are left out.
func (b *builder) add(p Part) bool {
	if b.err != nil {
		return false
	}
	p.Name = b.unique(p.Name)
	if b.plain {
		p.Fields = nil
	}
	fields := p.Fields[:0]
	for _, f := range p.Fields {
		if f.Value != "" {
			fields = append(fields, f)
		}
	}
	p.Fields = uniqueFields(fields)
	if !b.charge(&p) {
		return false
	}
	b.fields += len(p.Fields)
	for i := range p.Fields {
		if !b.charge(&p.Fields[i]) {
			return false
		}
	}
	b.file.Parts = append(b.file.Parts, p)
	return true
}

func (b *builder) charge(p *Part) bool {
	b.parts++
	b.memory += partSize + int64(2*len(p.Name)+len(p.Value))
	switch {
	case b.parts > b.limits.Parts:
		b.err = &LimitError{What: "parts", Limit: int64(b.limits.Parts)}
	case b.memory > b.limits.Memory:
		b.err = &LimitError{What: "bytes of memory for parts", Limit: b.limits.Memory}
	}
	return b.err == nil
}

// unique returns name, with a suffix if it was returned before.
func (b *builder) unique(name string) string {
	if b.names == nil {
		b.names = map[string]int{}
	}
	for base := name; ; {
		b.names[base]++
		n := b.names[base]
		if n == 1 && base == name {
			return name
		}
		if n > 1 {
			name = base + "#" + strconv.Itoa(n)
		}
		if b.names[name] == 0 {
			b.names[name] = 1
			return name
		}
	}
}

// uniqueFields numbers the names that fields share.
func uniqueFields(fields []Part) []Part {
	same := len(fields) > 64
	for i := 0; !same && i < len(fields); i++ {
		for _, g := range fields[:i] {
			same = same || fields[i].Name == g.Name
		}
	}
	if !same {
		return fields
	}
	seen := &builder{}
	for i, f := range fields {
		fields[i].Name = seen.unique(f.Name)
	}
	return fields
}

// last returns the name under which the last part was added.
func (b *builder) last() string {
	if len(b.file.Parts) == 0 {
		return ""
	}
	return b.file.Parts[len(b.file.Parts)-1].Name
}

// field adds a field that stands at an offset.
func (b *builder) field(name, value string, offset, size int64) bool {
	return b.add(Part{Name: name, Value: value, Offset: offset, Size: size})
}

// decimal returns n as a field's value.
func decimal[T int | int32 | int64 | uint8 | uint16 | uint32 | uint64](n T) string {
	if n < 0 {
		return strconv.FormatInt(int64(n), 10)
	}
	return strconv.FormatUint(uint64(n), 10)
}

func hexadecimal[T uint8 | uint16 | uint32 | uint64](n T) string { return fmt.Sprintf("0x%x", n) }

// octal returns the mode of a file as a field's value.
func octal(mode int64) string { return fmt.Sprintf("%04o", mode) }

// timestamp returns seconds since 1970 as a field's value.
func timestamp(seconds int64) string { return timeText(time.Unix(seconds, 0)) }

// timeText returns t in RFC 3339, or its seconds since 1970 for the years that this
// can't express, and "" for the zero time.
func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	t = t.UTC()
	if y := t.Year(); y < 0 || y > 9999 {
		return strconv.FormatInt(t.Unix(), 10)
	}
	return t.Format(time.RFC3339Nano)
}
