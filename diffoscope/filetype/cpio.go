package filetype

import "strconv"

const (
	cpioMagic    = "070701"
	cpioSumMagic = "070702" // with a sum of the content
	cpioHeader   = 110
	cpioEnd      = "TRAILER!!!"
)

// cpioFields are the numbers of a header, of 8 hexadecimal digits each, in the format
// that the kernel reads (Documentation/driver-api/early-userspace/buffer-format.rst).
var cpioFields = []string{
	"inode", "mode", "uid", "gid", "links", "mtime", "", "device major", "device minor", "device node major", "device node minor", "", "checksum",
}

// parseCpio takes a cpio archive apart into its members, each with the fields of its
// header.
func parseCpio(in *input, b *builder) error {
	for at := int64(0); at < in.Size(); {
		head, err := in.bytes(at, cpioHeader)
		if err != nil || string(head[:6]) != cpioMagic && string(head[:6]) != cpioSumMagic {
			return addRest(in, b, "unreadable rest", at)
		}
		p := Part{}
		var size, length int64
		for i, name := range cpioFields {
			raw := string(head[6+8*i : 14+8*i])
			n, err := strconv.ParseInt(raw, 16, 64)
			if err != nil {
				return addRest(in, b, "unreadable rest", at)
			}
			switch {
			case i == 6:
				size = n
			case i == 11:
				length = n
			default:
				value, follows := cpioValue(name, n)
				p.Fields = append(p.Fields, Part{Name: name, Value: value, Derived: follows, Offset: at + int64(6+8*i), Size: 8})
			}
		}
		raw, err := in.bytes(at+cpioHeader, min(length, maxELFString))
		p.Offset, p.Size = (at+cpioHeader+length+3)&^3, size
		if err != nil || length == 0 || !in.has(p.Offset, size) {
			return addRest(in, b, "unreadable rest", at)
		}
		p.Name = string(raw[:len(raw)-1])
		at = min((p.Offset+size+3)&^3, in.Size())
		if p.Name == cpioEnd {
			return addRest(in, b, "trailer", at)
		}
		if size > 0 {
			p.Open = in.open(p.Offset, size)
		}
		if !b.add(p) {
			return nil
		}
	}
	return nil
}

// cpioValue returns a field's value, "" if it says nothing, and whether it only
// follows from the file system that the archive was made on.
func cpioValue(name string, n int64) (value string, follows bool) {
	switch name {
	case "mode":
		return strconv.FormatInt(n, 8), false
	case "mtime":
		return timestamp(n), false
	case "uid", "gid", "links":
		return decimal(n), false
	case "inode", "device major", "device minor":
		return decimal(n), true
	case "checksum":
		if n != 0 {
			return hexadecimal(uint32(n)), true
		}
		return "", true
	}
	if n == 0 {
		return "", false
	}
	return decimal(n), false
}
