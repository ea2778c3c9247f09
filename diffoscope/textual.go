package diffoscope

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/filetype"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// isText reports whether b, which may end inside a letter, is text: UTF-8 without
// control characters.
func isText(b []byte) bool {
	for n := 0; n < utf8.UTFMax && len(b) > 0; n++ {
		if r, size := utf8.DecodeLastRune(b); r != utf8.RuneError || size > 1 {
			break
		}
		if utf8.RuneStart(b[len(b)-1]) {
			b = b[:len(b)-1]
			break
		}
		b = b[:len(b)-1]
	}
	return utf8.Valid(b) && !bytes.ContainsFunc(b, isControl)
}

func isControl(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' && r != '\r' && r != '\f' && r != 0x1b
}

// text compares two texts, or what looked like them, that are small enough to be in
// memory.
func (e *explanation) text(d *Difference, c [2]filetype.Content) error {
	var all [2][]byte
	for side := range c {
		all[side] = make([]byte, c[side].Size())
		if _, err := readAt(c[side], all[side], 0); err != nil {
			return err
		}
	}
	if err := e.bytes(d, c); err != nil {
		return err
	}
	if !isText(all[0]) || !isText(all[1]) {
		return nil
	}
	if members := jsonMembers(all[0], all[1]); members != nil {
		d.Format, d.Children = "json", nil
		for _, m := range members {
			if m = e.count(d, m); m != nil {
				d.Children = append(d.Children, m)
			}
		}
		return nil
	}
	d.Diff, d.DiffCut = unifiedDiff(all[0], all[1])
	if len(all[0]) == len(all[1]) && sameLines(all[0], all[1]) {
		const enough = 64 << 10
		d.reordered = &[2]string{string(head(all[0], enough)), string(head(all[1], enough))}
	}
	return nil
}

// sameLines reports whether two texts have the same lines, in any order.
func sameLines(a, b []byte) bool {
	count := map[string]int{}
	for l := range bytes.Lines(a) {
		count[string(bytes.TrimSuffix(l, []byte{'\n'}))]++
	}
	for l := range bytes.Lines(b) {
		line := string(bytes.TrimSuffix(l, []byte{'\n'}))
		if count[line] == 0 {
			return false
		}
		count[line]--
	}
	return true // a has no line more: both are of one length
}

// jsonMembers returns the members that differ between two JSON documents, nil when one
// isn't JSON or could be read in two ways. Documents that differ only between their
// values have that as the one difference, with its diff.
func jsonMembers(a, b []byte) []*Difference {
	var values [2]any
	for side, src := range [][]byte{a, b} {
		start := bytes.TrimLeft(src, " \t\r\n")
		if len(start) == 0 || start[0] != '{' && start[0] != '[' || !json.Valid(src) {
			return nil
		}
		if err := oci.UnmarshalJSON("", src, &values[side]); err != nil {
			return nil
		}
	}
	w := &memberWalk{reorders: true}
	w.emit = func(d *Difference) { w.list = append(w.list, d) }
	w.compare("", values[0], values[1])
	if !w.structure && !(w.found && bytes.Equal(shape(a), shape(b))) {
		d := unexplained("white space or order of members", a, b)
		d.Diff, d.DiffCut = unifiedDiff(a, b)
		w.list = append(w.list, d)
	}
	return w.list
}
