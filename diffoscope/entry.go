package diffoscope

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/filetype"
)

// compareEntries lists what differs between two entries of one name.
func (p *pair) compareEntries(a, b *entry) {
	if a.raw == b.raw && a.content == b.content && a.size == b.size && bytes.Equal(a.padding, b.padding) {
		return
	}
	d := &Difference{Kind: KindEntry, Name: a.header.Name, Offset: -1}
	probed := len(p.probes.list)
	if a.raw != b.raw {
		p.compareHeaders(d, a, b)
	}
	if a.content != b.content {
		p.compareContents(d, a, b)
	}
	if !bytes.Equal(a.padding, b.padding) {
		p.addTo(d, unexplained("padding after the content", a.padding, b.padding), "padding after the content")
	}
	if len(d.Children) > 0 || len(p.probes.list) > probed {
		d.A, d.B = &Value{Text: filetype.TarType(a.header.Typeflag)}, &Value{Text: filetype.TarType(b.header.Typeflag)}
		p.entries = append(p.entries, listed{a.header.Name, a.index, d})
	}
}

// addTo lists child below the entry d, within the limit.
func (p *pair) addTo(d, child *Difference, field string) {
	if p.recorder.admit(p.at.in(d.Name), child, field) {
		d.Children = append(d.Children, child)
	}
}

// A headerField is one field of two tar headers, nil where it is not set.
type headerField struct {
	name string
	a, b *Value
}

func (f headerField) same() bool {
	if f.a == nil || f.b == nil {
		return f.a == f.b
	}
	return f.a.Text == f.b.Text
}

// compareHeaders lists the fields that differ. Some fields only follow another: a
// time with nanoseconds needs a PAX record and so another format; the size follows
// the content. They are listed when nothing else is.
func (p *pair) compareHeaders(d *Difference, a, b *entry) {
	resized := a.content != b.content && a.size != b.size
	found := resized
	differing := map[string]bool{"size": resized}
	add := func(f headerField) {
		found = true
		p.addTo(d, &Difference{Kind: KindHeader, Name: f.name, A: f.a, B: f.b, Offset: -1}, f.name)
	}
	unsaid := a.noHeader != b.noHeader
	for _, f := range headerFields(a.header, b.header) {
		if !f.same() && !(unsaid && notInDirectory[f.name]) {
			differing[f.name] = true
			add(f)
		}
	}
	for _, f := range paxFields(a.header, b.header) {
		if !f.same() && !differing[paxField[f.name]] && !(unsaid && paxField[f.name] != "") {
			add(headerField{"pax " + f.name, f.a, f.b})
		}
	}
	if !found && !unsaid && a.header.Format != b.header.Format {
		add(headerField{"format", text(a.header.Format.String()), text(b.header.Format.String())})
	}
	if found || unsaid {
		return
	}
	u := &Difference{Kind: KindUnexplained, Name: "header", Offset: -1}
	if !p.probes.addHeader(d, u, a, b) {
		p.addTo(d, u, "header")
	}
}

// notInDirectory has the fields that a file system doesn't have, or changes when
// files are read.
var notInDirectory = map[string]bool{"uname": true, "gname": true, "atime": true, "ctime": true}

func headerFields(a, b *tar.Header) []headerField {
	return []headerField{
		{"type", text(filetype.TarType(a.Typeflag)), text(filetype.TarType(b.Typeflag))},
		{"mode", octal(a.Mode), octal(b.Mode)},
		{"uid", decimal(int64(a.Uid)), decimal(int64(b.Uid))},
		{"gid", decimal(int64(a.Gid)), decimal(int64(b.Gid))},
		{"uname", text(a.Uname), text(b.Uname)},
		{"gname", text(a.Gname), text(b.Gname)},
		{"mtime", timeText(a.ModTime), timeText(b.ModTime)},
		{"atime", timeText(a.AccessTime), timeText(b.AccessTime)},
		{"ctime", timeText(a.ChangeTime), timeText(b.ChangeTime)},
		{"linkname", text(a.Linkname), text(b.Linkname)},
		{"devmajor", decimal(a.Devmajor), decimal(b.Devmajor)},
		{"devminor", decimal(a.Devminor), decimal(b.Devminor)},
	}
}

// paxField names the header field that a PAX record sets (POSIX, pax, "pax
// Extended Header").
var paxField = map[string]string{
	"path": "path", "linkpath": "linkname", "size": "size", "uid": "uid", "gid": "gid",
	"uname": "uname", "gname": "gname", "mtime": "mtime", "atime": "atime", "ctime": "ctime",
}

// paxFields returns the PAX records of both headers, by key.
func paxFields(a, b *tar.Header) []headerField {
	var list []headerField
	keys := map[string]struct{}{}
	for _, records := range []map[string]string{a.PAXRecords, b.PAXRecords} {
		for key := range records {
			keys[key] = struct{}{}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		list = append(list, headerField{key, record(a, key), record(b, key)})
	}
	return list
}

func record(h *tar.Header, key string) *Value {
	v, ok := h.PAXRecords[key]
	if !ok {
		return nil
	}
	return text(v)
}

func (p *pair) compareContents(d *Difference, a, b *entry) {
	c := &Difference{
		Kind: KindContent, Name: "content", Offset: -1,
		A: &Value{Digest: sha256Digest(a.content), Size: a.size},
		B: &Value{Digest: sha256Digest(b.content), Size: b.size},
	}
	skipped, ok := p.probes.addContent(d, c, a, b)
	if skipped != "" {
		p.recorder.skip(p.name + ": " + skipped)
	}
	if !ok {
		p.addTo(d, c, "")
	}
}

func sha256Digest(sum [sha256.Size]byte) digest.Digest {
	return digest.NewDigestFromEncoded(digest.SHA256, hex.EncodeToString(sum[:]))
}

func text(s string) *Value { return &Value{Text: s} }

func octal(mode int64) *Value { return text(fmt.Sprintf("%04o", mode)) }

func decimal(n int64) *Value { return text(strconv.FormatInt(n, 10)) }

func timeText(t time.Time) *Value {
	if t.IsZero() {
		return nil
	}
	return text(t.UTC().Format(time.RFC3339Nano))
}

func isRegular(typeflag byte) bool {
	return typeflag == tar.TypeReg || typeflag == 0 || typeflag == tar.TypeGNUSparse
}
