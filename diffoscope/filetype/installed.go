package filetype

import (
	"bytes"
	"io"
	"path"
	"strings"
)

// maxPackageFields is how many fields a package may have: there are 21.
const maxPackageFields = 100

// installedKeys are the fields that apk has for a package, in its database and in
// indexes (apk-tools' apk_package.c).
var installedKeys = map[string]string{
	"C": "checksum", "P": "name", "V": "version", "A": "architecture", "S": "size", "I": "installed size",
	"T": "description", "U": "url", "L": "license", "o": "origin", "m": "maintainer", "t": "build time",
	"c": "commit", "k": "provider priority", "D": "depends", "p": "provides", "i": "install if", "r": "replaces",
	"q": "replaces priority", "s": "repository tag", "f": "broken",
}

func sniffInstalled(head []byte, name string) bool {
	base := path.Base(name)
	return (base == "installed" || strings.HasPrefix(base, "APKINDEX")) && len(head) > 2 && head[1] == ':' && isText(head)
}

// parseInstalled takes apk's database of installed packages apart, or an index: by
// package and field. A package's files are its content.
func parseInstalled(in *input, b *builder) error {
	data, err := in.all()
	if err != nil {
		return err
	}
	for at := int64(0); at < int64(len(data)); {
		n := bytes.Index(data[at:], []byte("\n\n"))
		size := int64(n) + 2
		if n < 0 {
			size = int64(len(data)) - at
		}
		p, err := installedPackage(in, data[at:at+size], at)
		if err != nil {
			return err
		}
		if p.Name != "" && !b.add(p) {
			return nil
		}
		at += size
	}
	return nil
}

// installedPackage reads a package's record, which stands at offset.
func installedPackage(in *input, record []byte, offset int64) (Part, error) {
	p := Part{Offset: offset, Size: int64(len(record))}
	files := int64(-1)
	for at, line := range lines(record) {
		key, value, ok := strings.Cut(line, ":")
		if line == "" || key == "F" || key == "R" || key == "a" || key == "M" || key == "Z" {
			if files < 0 && line != "" {
				files = at
			}
			continue
		}
		if !ok || len(key) != 1 || len(p.Fields) > maxPackageFields {
			return Part{}, ErrUnknown
		}
		if key == "P" {
			p.Name = value
			continue
		}
		name := installedKeys[key]
		if name == "" {
			name = "field " + key
		}
		p.Fields = append(p.Fields, Part{Name: name, Value: unixField(name, value), Offset: offset + at, Size: int64(len(line))})
	}
	if files >= 0 {
		from, size := offset+files, int64(len(record))-files
		p.Text = true
		p.Open = func() (io.ReadCloser, error) { return io.NopCloser(in.section(from, size)), nil }
	}
	return p, nil
}
