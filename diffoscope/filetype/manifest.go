package filetype

import (
	"iter"
	"strings"
)

// parseManifest takes a JAR's manifest apart (JAR File Specification, "Name-Value
// pairs and Sections"): the main section's attributes, and a part for each other.
func parseManifest(in *input, b *builder) error {
	data, err := in.all()
	if err != nil {
		return err
	}
	var section *Part
	inMain, fields := true, 0
	for at, line := range unfolded(data) {
		if line == "" {
			inMain = false
			if section != nil {
				b.add(*section)
			}
			section = nil
			continue
		}
		key, value, ok := strings.Cut(line, ": ")
		if fields++; !ok || fields > in.limits.Parts {
			return ErrUnknown
		}
		p := Part{Name: key, Value: value, Offset: at, Size: int64(len(line))}
		switch {
		case inMain:
			b.add(p)
		case section == nil:
			section = &Part{Name: "section " + value, Offset: at}
		default:
			section.Fields = append(section.Fields, p)
		}
		if b.err != nil {
			return b.err
		}
	}
	if section != nil {
		b.add(*section)
	}
	return nil
}

// unfolded yields lines, each with those that go on with it, and where they begin.
func unfolded(data []byte) iter.Seq2[int64, string] {
	return func(yield func(int64, string) bool) {
		var line []byte
		start := int64(-1)
		for at, next := range lines(data) {
			next = strings.TrimSuffix(next, "\r")
			if rest, ok := strings.CutPrefix(next, " "); ok && start >= 0 {
				line = append(line, rest...)
				continue
			}
			if start >= 0 && !yield(start, string(line)) {
				return
			}
			start, line = at, append(line[:0], next...)
		}
		if start >= 0 {
			yield(start, string(line))
		}
	}
}
