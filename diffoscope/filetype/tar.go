package filetype

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const (
	tarBlock = 512
	// maxSparseMap is how many bytes the map of a sparse file may have: archive/tar
	// reads no more.
	maxSparseMap = 1<<20 + tarBlock
)

// sniffTar tells a tar by the sum in its first header: old ones have no magic.
func sniffTar(head []byte, _ string) bool {
	if len(head) < tarBlock || head[0] == 0 {
		return false
	}
	field := strings.Trim(string(head[148:156]), " \x00")
	want, err := strconv.ParseInt(field, 8, 32)
	if err != nil {
		return false
	}
	var sum int64
	for i, c := range head[:tarBlock] {
		if i >= 148 && i < 156 {
			c = ' '
		}
		sum += int64(c)
	}
	return sum == want
}

// parseTar takes a tar apart into its members, each with the fields of its header
// (POSIX, pax, "ustar Interchange Format"), and what follows the last of them.
func parseTar(in *input, b *builder) error {
	src := in.section(0, in.Size())
	r := tar.NewReader(src)
	end := int64(0)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return addRest(in, b, "unreadable rest", end)
		}
		at, err := src.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		m := tarMember{header: h, start: end}
		if !m.place(in, at) {
			return addRest(in, b, "unreadable rest", end)
		}
		if !b.add(m.part(in)) {
			return nil
		}
		end = min(m.data+(m.size+tarBlock-1)&^(tarBlock-1), in.Size())
	}
	return addRest(in, b, "trailer", end)
}

func addRest(in *input, b *builder, name string, offset int64) error {
	if len(b.file.Parts) == 0 {
		return in.damaged("no member")
	}
	if size := in.Size() - offset; size > 0 {
		b.add(Part{Name: name, Open: in.open(offset, size), Offset: offset, Size: size})
	}
	return nil
}

// A tarMember is one member: where its first header is, the last one, and the data.
type tarMember struct {
	header                  *tar.Header
	start, head, data, size int64
}

// place finds where in the file the header and the data are of the member whose data
// the reader is at.
func (m *tarMember) place(in *input, at int64) bool {
	m.head, m.data = at-tarBlock, at
	switch m.header.Typeflag {
	case tar.TypeLink, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeDir, tar.TypeFifo, tar.TypeXGlobalHeader:
		return true
	}
	if !IsSparse(m.header) {
		m.size = m.header.Size
		return in.has(m.data, m.size)
	}
	// The reader is behind the map of what isn't zero, which is after the header.
	for ; m.head >= m.start && at-m.head < maxSparseMap; m.head -= tarBlock {
		head, err := in.bytes(m.head, tarBlock)
		if err != nil {
			return false
		}
		if !sniffTar(head, "") {
			continue
		}
		n, err := strconv.ParseInt(strings.Trim(string(head[124:136]), " \x00"), 8, 64)
		if m.data = m.head + tarBlock; m.header.Typeflag == tar.TypeGNUSparse {
			m.data = at // the map has no size
		}
		m.size = n
		return err == nil && in.has(m.data, n)
	}
	return false
}

// IsSparse reports whether a tar entry has a map of what of its content is in the tar.
func IsSparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

func (m tarMember) part(in *input) Part {
	p := Part{Name: m.header.Name, Offset: m.data, Size: m.size, Fields: m.fields()}
	if m.header.Typeflag == tar.TypeReg || m.size > 0 {
		p.Open = in.open(m.data, m.size)
	}
	if IsSparse(m.header) {
		p.Encoding = "sparse"
		p.Open = in.decode(func() (io.ReadCloser, error) {
			r := tar.NewReader(in.section(m.start, in.Size()-m.start))
			if _, err := r.Next(); err != nil {
				return nil, unexpected(err)
			}
			return io.NopCloser(r), nil
		})
	}
	return p
}

// fields returns what the header says, where its last block has that.
func (m tarMember) fields() []Part {
	h, at := m.header, m.head
	list := []Part{
		{Name: "type", Value: TarType(h.Typeflag), Offset: at + 156, Size: 1},
		{Name: "mode", Value: octal(h.Mode), Offset: at + 100, Size: 8},
		{Name: "uid", Value: decimal(h.Uid), Offset: at + 108, Size: 8},
		{Name: "gid", Value: decimal(h.Gid), Offset: at + 116, Size: 8},
		{Name: "uname", Value: h.Uname, Offset: at + 265, Size: 32},
		{Name: "gname", Value: h.Gname, Offset: at + 297, Size: 32},
		{Name: "mtime", Value: timeText(h.ModTime), Offset: at + 136, Size: 12},
		{Name: "atime", Value: timeText(h.AccessTime)},
		{Name: "ctime", Value: timeText(h.ChangeTime)},
		{Name: "linkname", Value: h.Linkname, Offset: at + 157, Size: 100},
		{Name: "header format", Value: h.Format.String(), Derived: true, Offset: at + 257, Size: 8},
	}
	if h.Devmajor != 0 || h.Devminor != 0 {
		list = append(list, Part{Name: "device", Value: fmt.Sprintf("%d:%d", h.Devmajor, h.Devminor), Offset: at + 329, Size: 16})
	}
	for _, key := range slices.Sorted(maps.Keys(h.PAXRecords)) {
		if !slices.Contains([]string{"path", "linkpath", "size", "uid", "gid", "uname", "gname", "mtime", "atime", "ctime"}, key) {
			list = append(list, Part{Name: "pax " + key, Value: h.PAXRecords[key]})
		}
	}
	return list
}

// TarType says in words what a tar entry is, by the type flag of its header (POSIX,
// pax, "ustar Interchange Format").
func TarType(flag byte) string {
	switch flag {
	case tar.TypeReg, 0:
		return "file"
	case tar.TypeLink:
		return "hard link"
	case tar.TypeSymlink:
		return "symlink"
	case tar.TypeChar:
		return "character device"
	case tar.TypeBlock:
		return "block device"
	case tar.TypeDir:
		return "directory"
	case tar.TypeFifo:
		return "fifo"
	case tar.TypeXGlobalHeader:
		return "global header"
	case tar.TypeGNUSparse:
		return "sparse file"
	}
	return fmt.Sprintf("type %q", flag)
}
