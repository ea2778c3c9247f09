package filetype

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
)

const (
	// gzipScan is how many decoded bytes are read to find where gzip's members
	// end: what isn't found then is part of the last member's content.
	gzipScan = 64 << 20
	// maxGzipHeader is how many bytes the header of a member may have.
	maxGzipHeader = 256 << 10
	// maxGzipMembers is how many members are told apart: those that follow are part of
	// the content all the same.
	maxGzipMembers = 1000
	// apkMembers is how many members a package has: signatures, control and data.
	apkMembers = 16
)

// A gzipMember is one member of a gzip file (RFC 1952, section 2.2).
type gzipMember struct {
	offset, content, end int64
	fields               []Part
	first                []byte // of the decoded content
}

// parseGzip takes a gzip file apart into the fields of its header, and its content.
// It is a package of Alpine's if it has the members of one.
func parseGzip(in *input, b *builder) error {
	members, err := in.gzipMembers()
	if err != nil {
		return err
	}
	if len(members) == maxGzipMembers {
		last := &members[len(members)-1]
		if last.end < in.Size() {
			b.file.Skipped = fmt.Sprintf("gzip headers: more than %d gzip members", maxGzipMembers)
			last.end = in.Size()
		}
	}
	if names := apkNames(members); names != nil {
		b.file.Format = APK
		for i, m := range members {
			b.add(m.part(in, names[i], m.end))
		}
	} else {
		addGzipMembers(in, b, members)
	}
	if end := members[len(members)-1].end; end < in.Size() {
		b.add(Part{Name: "trailer", Open: in.open(end, in.Size()-end), Offset: end, Size: in.Size() - end})
	}
	return nil
}

// gzipMembers returns the first members, at least one.
func (in *input) gzipMembers() ([]gzipMember, error) {
	var members []gzipMember
	scan := &gzipScanner{input: in, left: gzipScan}
	memory := int64(0)
	for at := int64(0); at < in.Size() && len(members) < maxGzipMembers; {
		m, err := in.gzipHeader(at)
		if err != nil {
			if at == 0 {
				return nil, err
			}
			break // what follows is no member, so that reading it explains it
		}
		if m.end, m.first, err = scan.member(m.content); err != nil {
			m.end = in.Size()
		}
		if len(members) >= apkMembers {
			m.first = nil
		}
		if memory += m.memory(); memory > in.limits.Memory {
			return nil, &LimitError{What: "bytes of memory for gzip headers", Limit: in.limits.Memory}
		}
		members = append(members, m)
		at = m.end
	}
	return members, nil
}

// memory is about how many bytes m needs.
func (m gzipMember) memory() int64 {
	n := int64(len(m.first))
	for _, f := range m.fields {
		n += partSize + int64(len(f.Value))
	}
	return n
}

// addGzipMembers adds members as what they are to gzip: pieces of one content.
func addGzipMembers(in *input, b *builder, members []gzipMember) {
	first := members[0]
	for _, f := range first.fields {
		b.add(f)
	}
	first.fields = nil
	b.add(first.part(in, "content", members[len(members)-1].end))
	for i, m := range members[1:] {
		if !b.add(Part{Name: "member " + decimal(i+2), Fields: m.fields}) {
			return
		}
	}
}

// part returns the part for the content of m, and of the members up to end.
func (m gzipMember) part(in *input, name string, end int64) Part {
	return Part{
		Name: name, Open: in.decode(in.gunzip(m.offset, end)), Fields: m.fields, Encoding: "deflate",
		Offset: m.content, Size: end - m.content,
	}
}

// gunzip returns a decoder for the member at offset, and the members that follow
// before end.
func (in *input) gunzip(offset, end int64) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		return gzip.NewReader(buffered(in.section(offset, end-offset)))
	}
}

// gzipHeader reads a member's header.
func (in *input) gzipHeader(offset int64) (gzipMember, error) {
	var m gzipMember
	var err error
	for _, size := range []int64{512, maxGzipHeader} {
		head, readErr := in.bytes(offset, min(size, in.Size()-offset))
		if readErr != nil {
			return gzipMember{}, readErr
		}
		if m, err = in.parseGzipHeader(head, offset); err == nil {
			break
		}
	}
	return m, err
}

func (in *input) parseGzipHeader(head []byte, offset int64) (gzipMember, error) {
	if len(head) < 10 || !bytes.HasPrefix(head, []byte("\x1f\x8b\x08")) {
		return gzipMember{}, in.damaged("no member at %d", offset)
	}
	m := gzipMember{offset: offset}
	flags := head[3]
	at := 10
	add := func(name, value string, from, size int) {
		m.fields = append(m.fields, Part{Name: name, Value: value, Offset: offset + int64(from), Size: int64(size)})
	}
	mtime := "none"
	if seconds := binary.LittleEndian.Uint32(head[4:]); seconds != 0 {
		mtime = timestamp(int64(seconds))
	}
	add("mtime", mtime, 4, 4)
	add("flags", hexadecimal(flags), 3, 1)
	add("level", gzipLevel(head[8]), 8, 1)
	add("operating system", gzipSystem(head[9]), 9, 1)
	cut := in.damaged("the header at %d is cut off, or has more than %d bytes", offset, maxGzipHeader)
	if flags&4 != 0 {
		if len(head) < at+2 {
			return m, cut
		}
		n := int(binary.LittleEndian.Uint16(head[at:]))
		if len(head) < at+2+n {
			return m, cut
		}
		add("extra field", fmt.Sprintf("%x", head[at+2:at+2+n]), at, 2+n)
		at += 2 + n
	}
	for _, f := range []struct {
		flag byte
		name string
	}{{8, "name"}, {16, "comment"}} {
		if flags&f.flag == 0 {
			continue
		}
		n := bytes.IndexByte(head[at:], 0)
		if n < 0 {
			return m, cut
		}
		add(f.name, string(head[at:at+n]), at, n+1)
		at += n + 1
	}
	if flags&2 != 0 {
		at += 2
	}
	m.content = offset + int64(at)
	if m.content > in.Size() {
		return m, cut
	}
	return m, nil
}

// A gzipScanner finds where members end, with one decoder for all.
type gzipScanner struct {
	*input
	left int64 // bytes that may be decoded
	src  *bufio.Reader
	z    io.ReadCloser // which is a flate.Resetter
}

// member decodes the content at offset. It returns where its member ends, and the first
// decoded bytes.
func (s *gzipScanner) member(offset int64) (end int64, head []byte, err error) {
	count := &countingReader{src: s.section(offset, s.Size()-offset)}
	if s.z == nil {
		s.src = buffered(count)
		s.z = flate.NewReader(s.src)
	} else {
		s.src.Reset(count)
		if err := s.z.(flate.Resetter).Reset(s.src, nil); err != nil {
			return 0, nil, err
		}
	}
	var first bytes.Buffer
	n, err := io.CopyN(&first, s.z, min(512, s.left))
	if err == nil {
		var more int64
		more, err = io.CopyN(io.Discard, s.z, s.left-n)
		n += more
	}
	s.left -= n
	if err == nil {
		return 0, first.Bytes(), &LimitError{What: "decoded bytes of members", Limit: gzipScan}
	}
	end = offset + count.n - int64(s.src.Buffered()) + 8
	if !errors.Is(err, io.EOF) || end > s.Size() {
		return 0, first.Bytes(), unexpected(err)
	}
	return end, first.Bytes(), nil
}

// apkNames names the members of a package of Alpine's (apk-package(5), format 2):
// signatures, control and data, each a tar or the beginning of one. It returns nil
// if they are not those.
func apkNames(members []gzipMember) []string {
	if len(members) < 2 || len(members) > apkMembers {
		return nil
	}
	var names []string
	for _, m := range members {
		entry, _, _ := strings.Cut(string(m.first[:min(100, len(m.first))]), "\x00")
		name := "data"
		switch {
		case strings.HasPrefix(entry, ".SIGN."):
			name = "signature"
		case path.Base(entry) == ".PKGINFO": // or the PAX header for that
			name = "control"
		}
		names = append(names, name)
	}
	if names[0] == "control" || names[0] == "signature" && names[1] == "control" {
		return names
	}
	return nil
}

// gzipLevel says what the byte XFL says of how hard the compressor tried.
func gzipLevel(xfl byte) string {
	switch xfl {
	case 2:
		return "best"
	case 4:
		return "fastest"
	case 0:
		return "default"
	}
	return hexadecimal(xfl)
}

func gzipSystem(os byte) string {
	switch os {
	case 0:
		return "FAT"
	case 3:
		return "Unix"
	case 7:
		return "Macintosh"
	case 10:
		return "TOPS-20"
	case 11:
		return "NTFS"
	case 255:
		return "unknown"
	}
	return decimal(os)
}
