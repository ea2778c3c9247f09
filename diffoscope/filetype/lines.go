package filetype

import (
	"bytes"
	"iter"
	"path"
	"strings"
)

// all returns the whole file, as text formats need it.
func (in *input) all() ([]byte, error) { return in.bytes(0, in.Size()) }

// lines yields the lines of data without their ends, and where they begin.
func lines(data []byte) iter.Seq2[int64, string] {
	return func(yield func(int64, string) bool) {
		for at := 0; at < len(data); {
			n := bytes.IndexByte(data[at:], '\n')
			if n < 0 {
				n = len(data) - at
			}
			if !yield(int64(at), string(data[at:at+n])) {
				return
			}
			at += n + 1
		}
	}
}

// isText reports whether data has no byte that text doesn't have.
func isText(data []byte) bool { return bytes.IndexByte(data, 0) < 0 }

// accounts are the files with a line for each user or group, with the names of the
// fields (passwd(5), shadow(5), group(5), gshadow(5)).
var accounts = map[string][]string{
	Passwd:  {"password", "uid", "gid", "comment", "home", "shell"},
	Shadow:  {"password", "last change", "minimum days", "maximum days", "warning days", "inactive days", "expires", "reserved"},
	Group:   {"password", "gid", "members"},
	GShadow: {"password", "administrators", "members"},
}

func sniffAccounts(format string) func([]byte, string) bool {
	return func(head []byte, name string) bool {
		base := path.Base(name)
		return isText(head) && (base == format || base == format+"-" || strings.HasPrefix(base, format+".apk-"))
	}
}

// parseAccounts takes /etc/passwd and its like apart, by name and field.
func parseAccounts(in *input, b *builder) error {
	names := accounts[in.format]
	data, err := in.all()
	if err != nil {
		return err
	}
	for at, line := range lines(data) {
		values := strings.Split(line, ":")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if len(values) != len(names)+1 {
			return ErrUnknown
		}
		p := Part{Name: values[0], Offset: at, Size: int64(len(line))}
		offset := at + int64(len(values[0])) + 1
		for i, v := range values[1:] {
			if names[i] == "last change" && v == "" {
				v = "none" // so that a day is not on one side only
			}
			p.Fields = append(p.Fields, Part{Name: names[i], Value: v, Offset: offset, Size: int64(len(values[i+1]))})
			offset += int64(len(values[i+1])) + 1
		}
		if !b.add(p) {
			return nil
		}
	}
	return nil
}

// parsePkgInfo takes an apk's .PKGINFO apart, by key; the comments say which abuild
// made it, and when.
func parsePkgInfo(in *input, b *builder) error {
	data, err := in.all()
	if err != nil {
		return err
	}
	for at, line := range lines(data) {
		key, value, ok := strings.Cut(line, " = ")
		if comment, is := strings.CutPrefix(line, "# "); is {
			key, value, ok = "comment", comment, true
		}
		if line == "" {
			continue
		}
		if !ok {
			return ErrUnknown
		}
		if !b.add(Part{Name: key, Value: unixField(key, value), Offset: at, Size: int64(len(line))}) {
			return nil
		}
	}
	return nil
}

// unixField makes seconds since 1970 readable, in fields that are known to be those.
func unixField(key, value string) string {
	if key != "builddate" && key != "build time" {
		return value
	}
	if seconds, ok := digits(value); ok {
		return timestamp(seconds)
	}
	return value
}

// digits reads a number that is all digits, and not too large for a time.
func digits(s string) (n int64, ok bool) {
	if s == "" || len(s) > 12 {
		return 0, false
	}
	for _, c := range []byte(s) {
		if !isDigit(c) {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}
