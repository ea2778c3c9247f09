package filetype

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestHostile: files that are made to take long, or much memory, end soon.
func TestHostile(t *testing.T) {
	for _, c := range []struct {
		name, file string
		data       func() string
	}{
		{"lines that go on", "MANIFEST.MF", func() string { return "A: b\n" + strings.Repeat(" x\n", 4<<20) }},
		{"fields of a package", "installed", func() string { return "P:x\n" + strings.Repeat("V:1\n", 3<<20) }},
		{"users", "passwd", func() string { return strings.Repeat("a:::::0:\n", 1<<20) }},
		{"marks of PEM", "x.pem", func() string { return strings.Repeat("-----BEGIN X-----\n", 200<<10) }},
		{"references", "x.pyc", func() string {
			return "\xcb\x0d\r\n" + strings.Repeat("\x00", 12) + "(" + "\x00\x00\x18\x00" + strings.Repeat("\xce", 0x180000)
		}},
		{"one name for all symbols", "x", manySymbols},
		{"members", "x.tar", func() string { return manyMembers(t, 20_000) }},
		{"long names", "x.tar", func() string { return longNames(t, 40) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := c.data()
			start := time.Now()
			f, err := Parse(c.file, strings.NewReader(data), Limits{})
			if err == nil {
				for _, p := range f.Parts {
					readUntil(t, p)
				}
			}
			var limit *LimitError
			var format *FormatError
			if err != nil && !errors.As(err, &limit) && !errors.As(err, &format) && !errors.Is(err, ErrUnknown) {
				t.Error(err)
			}
			if d := time.Since(start); d > 20*time.Second {
				t.Errorf("it took %s", d)
			}
		})
	}
}

// TestGzipMembers: however many members a gzip file has, the first are told apart, the
// content of all is there, and what that needs has a limit.
func TestGzipMembers(t *testing.T) {
	member := func(name, body string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		w.Name = name
		if _, err := io.WriteString(w, body); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	one, long := member("", "x"), member(strings.Repeat("n", 200<<10), "")
	for _, c := range []struct {
		name, data, content, skipped string
		parts                        int
	}{
		{"few", member("a", "1") + strings.Repeat(one, 20), "1" + strings.Repeat("x", 20), "", 26},
		{"as many as may be", strings.Repeat(one, 1000), strings.Repeat("x", 1000), "", 1004},
		{"too many", strings.Repeat(one, 50_000), strings.Repeat("x", 50_000), "gzip headers: more than 1000 gzip members", 1004},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f := parse(t, "x.gz", []byte(c.data))
		if got := content(t, f, "content"); got != c.content {
			t.Errorf("%s: %d bytes of content, want %d", c.name, len(got), len(c.content))
		}
		runtime.ReadMemStats(&after)
		if len(f.Parts) != c.parts || f.Skipped != c.skipped {
			t.Errorf("%s: %d parts, want %d; skipped %q", c.name, len(f.Parts), c.parts, f.Skipped)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 16<<20 {
			t.Errorf("%s: %d bytes of memory", c.name, n)
		}
	}
	var limit *LimitError
	if _, err := Parse("x.gz", strings.NewReader(strings.Repeat(long, 200)), Limits{}); !errors.As(err, &limit) {
		t.Errorf("long names: %v", err)
	}
}

// TestZipMembers: a zip with more members than a file may have parts is known by its
// directory, before its members need memory.
func TestZipMembers(t *testing.T) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := range 101_000 {
		if _, err := w.Create(fmt.Sprintf("dir/%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Parse("x.zip", bytes.NewReader(b.Bytes()), Limits{})
	runtime.ReadMemStats(&after)
	var limit *LimitError
	if !errors.As(err, &limit) || limit.What != "members" {
		t.Errorf("got %v", err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 16<<20 {
		t.Errorf("%d bytes of memory", n)
	}
}

func readUntil(t *testing.T, p Part) {
	t.Helper()
	if p.Open == nil {
		return
	}
	r, err := p.Open()
	if err != nil {
		return
	}
	defer r.Close()
	var limit *LimitError
	if n, err := io.Copy(io.Discard, r); err != nil && !errors.As(err, &limit) {
		t.Errorf("%s: %d bytes, %v", p.Name, n, err)
	}
}

// manySymbols is an ELF file with 100,000 symbols, all of one long name.
func manySymbols() string {
	const n, name = 100_000, 4000
	le := binary.LittleEndian
	names := "\x00" + strings.Repeat("x", name) + "\x00.symtab\x00"
	symbol := append(le.AppendUint32(nil, 1), make([]byte, 20)...)
	head := make([]byte, 64)
	copy(head, "\x7fELF\x02\x01\x01")
	strtab, symtab := int64(64), int64(64+len(names))
	sections := symtab + n*24
	le.PutUint64(head[40:], uint64(sections))
	le.PutUint16(head[58:], 64)
	le.PutUint16(head[60:], 3)
	le.PutUint16(head[62:], 1)
	section := func(name, typ uint32, offset, size int64, link uint32) []byte {
		s := make([]byte, 64)
		le.PutUint32(s, name)
		le.PutUint32(s[4:], typ)
		le.PutUint64(s[24:], uint64(offset))
		le.PutUint64(s[32:], uint64(size))
		le.PutUint32(s[40:], link)
		return s
	}
	var b bytes.Buffer
	b.Write(head)
	b.WriteString(names)
	b.Write(bytes.Repeat(symbol, n))
	b.Write(make([]byte, 64))
	b.Write(section(0, 3, strtab, int64(len(names)), 0))
	b.Write(section(name+2, 2, symtab, n*24, 1))
	return b.String()
}

func manyMembers(tb testing.TB, n int) string {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := range n {
		h := &tar.Header{Name: fmt.Sprintf("dir/%d", i), Size: 1, Mode: 0o644, Uname: "root", Gname: "root", ModTime: time.Unix(int64(i), 0)}
		if err := w.WriteHeader(h); err != nil {
			tb.Fatal(err)
		}
		if _, err := w.Write([]byte("x")); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func longNames(tb testing.TB, n int) string {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := range n {
		if err := w.WriteHeader(&tar.Header{Name: strings.Repeat("x", 1<<19) + fmt.Sprint(i), Format: tar.FormatGNU}); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func BenchmarkTar(b *testing.B) {
	data := manyMembers(b, 5000)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if f := parse(b, "x.tar", []byte(data)); len(f.Parts) != 5001 {
			b.Fatalf("%d parts", len(f.Parts))
		}
	}
}
