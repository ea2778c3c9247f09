package filetype

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// parseMo takes a message catalogue apart (GNU gettext manual, "The Format of GNU MO
// Files"): the lines of its header entry by name, and its messages as text.
func parseMo(in *input, b *builder) error {
	head, err := in.bytes(0, 28)
	if err != nil {
		return err
	}
	var order binary.ByteOrder = binary.LittleEndian
	if head[0] == 0x95 {
		order = binary.BigEndian
	}
	n, ids, texts := int64(order.Uint32(head[8:])), int64(order.Uint32(head[12:])), int64(order.Uint32(head[16:]))
	if !in.has(ids, 8*n) || !in.has(texts, 8*n) {
		return in.damaged("%d messages", n)
	}
	str := func(table, i int64) (string, int64, error) {
		raw, err := in.bytes(table+8*i, 8)
		if err != nil {
			return "", 0, err
		}
		at := int64(order.Uint32(raw[4:]))
		s, err := in.bytes(at, int64(order.Uint32(raw)))
		return string(s), at, err
	}
	b.field("revision", decimal(order.Uint32(head[4:])), 4, 4)
	if n > 0 {
		id, _, err := str(ids, 0)
		if err != nil {
			return err
		}
		text, at, err := str(texts, 0)
		if err != nil {
			return err
		}
		if id == "" {
			addMoHeader(b, text, at)
		}
	}
	b.add(Part{Name: "messages", Text: true, Of: "tables and strings", Open: in.text(func(yield func(string) bool) error {
		for i := range n {
			id, _, err := str(ids, i)
			if err != nil {
				return err
			}
			text, _, err := str(texts, i)
			if err != nil {
				return err
			}
			if id != "" && !yield(moText("msgid", id)+moText("msgstr", text)+"\n") {
				return nil
			}
		}
		return nil
	})})
	b.add(Part{Name: "tables and strings", Open: in.open(8, in.Size()-8), Offset: 8, Size: in.Size() - 8})
	return nil
}

// addMoHeader adds the fields of the entry for the empty message.
func addMoHeader(b *builder, text string, offset int64) {
	for at, line := range lines([]byte(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			b.add(Part{
				Name: name, Value: strings.TrimSpace(value), Of: "tables and strings",
				Offset: offset + at, Size: int64(len(line)),
			})
		}
	}
}

// moText shows a string, which may have several forms.
func moText(keyword, s string) string {
	var b bytes.Buffer
	for form := range strings.SplitSeq(s, "\x00") {
		fmt.Fprintf(&b, "%s %q\n", keyword, form)
	}
	return b.String()
}
