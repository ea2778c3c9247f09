package inventory

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// database returns a database with packages called names.
func database(names ...string) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteString("C:Q1eJ+zHwWsbDeVxbpH9kqZyxI8VPw=\nP:" + name + "\nV:1-r0\nA:x86_64\nS:1\nF:etc\nR:x\n\n")
	}
	return b.String()
}

// An entry is a regular file, or what typeflag says.
type entry struct {
	name, content string
	typeflag      byte
	link          string
}

const (
	db     = "lib/apk/db/installed"
	system = "etc/os-release"
)

// scan shows layers to a scanner, as their tar archives say.
func scan(t testing.TB, layers ...[]entry) (*Inventory, error) {
	t.Helper()
	s := NewScanner()
	defer s.Close()
	for _, entries := range layers {
		s.NextLayer()
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, e := range entries {
			h := &tar.Header{Name: e.name, Size: int64(len(e.content)), Mode: 0o755, Typeflag: e.typeflag, Linkname: e.link}
			if h.Typeflag == 0 {
				h.Typeflag = tar.TypeReg
			}
			if err := w.WriteHeader(h); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(w, e.content); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := show(s, &b); err != nil {
			t.Fatal(err)
		}
	}
	return s.Inventory()
}

func show(s *Scanner, archive io.Reader) error {
	for r := tar.NewReader(archive); ; {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.Entry(h, r); err != nil {
			return err
		}
	}
}

// goProgram is a small ELF file with build information, as debug/buildinfo has it.
func goProgram(version, info string) string {
	const ends = "0123456789abcdef" // 16 bytes before and after
	var data []byte
	data = append(data, "\xff Go buildinf:\x08\x02"...)
	data = append(data, make([]byte, 16)...)
	for _, text := range []string{version, ends + info + ends} {
		data = append(binary.AppendUvarint(data, uint64(len(text))), text...)
	}
	const header, at = 64, 0x1000
	b := []byte("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9))
	le := binary.LittleEndian
	b = le.AppendUint16(b, 2)    // executable
	b = le.AppendUint16(b, 0x3e) // x86_64
	b = le.AppendUint32(b, 1)
	b = le.AppendUint64(b, at)     // entry
	b = le.AppendUint64(b, header) // program headers
	b = le.AppendUint64(b, 0)      // no sections
	b = le.AppendUint32(b, 0)
	for _, n := range []uint16{header, 56, 1, 64, 0, 0} {
		b = le.AppendUint16(b, n)
	}
	b = le.AppendUint32(b, 1) // loaded
	b = le.AppendUint32(b, 6) // readable, writable
	size := uint64(len(data))
	for _, n := range []uint64{header + 56 + 8, at, at, size, size, 1} {
		b = le.AppendUint64(b, n)
	}
	b = append(b, make([]byte, 8)...)
	return string(append(b, data...))
}

const appInfo = "path\texample.org/app/cmd\n" +
	"mod\texample.org/app\t(devel)\t\n" +
	"dep\texample.org/z\tv1.0.0\th1:Khu2En+0gcYPZ2kuIihfswbzxv/mIHXgzPZ018Oty48=\n" +
	"dep\texample.org/old\tv1.0.0\n" +
	"=>\texample.org/new\tv1.1.0\th1:Khu2En+0gcYPZ2kuIihfswbzxv/mIHXgzPZ018Oty48=\n" +
	"build\t-trimpath=true\n"

// TestBuildInfo reads what the go command writes.
func TestBuildInfo(t *testing.T) {
	inv, err := scan(t, []entry{{name: "usr/bin/app", content: goProgram("go1.26.8", appInfo)}})
	if err != nil || len(inv.Programs) != 1 {
		t.Fatalf("got %+v, %v", inv, err)
	}
	sum := sha256.Sum256([]byte(goProgram("go1.26.8", appInfo)))
	const h1 = "h1:Khu2En+0gcYPZ2kuIihfswbzxv/mIHXgzPZ018Oty48="
	want := Program{
		Path: "/usr/bin/app", SHA256: hex.EncodeToString(sum[:]), Go: "go1.26.8", Package: "example.org/app/cmd",
		Main:    Module{"example.org/app", "(devel)", ""},
		Modules: []Module{{"example.org/new", "v1.1.0", h1}, {"example.org/z", "v1.0.0", h1}},
	}
	if diff := cmp.Diff(want, inv.Programs[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// Garbage in the right place: a program of the toolchain, of which no more is known.
	inv, err = scan(t, []entry{{name: "usr/bin/app", content: goProgram("go1.26.8", "garbage")}})
	if err != nil || len(inv.Programs) != 1 || inv.Programs[0].Go != "go1.26.8" || inv.Programs[0].Modules != nil {
		t.Errorf("garbage: %+v, %v", inv, err)
	}
	var format *FormatError
	if _, err := scan(t, []entry{{name: "usr/bin/app", content: goProgram("go1\x1b", appInfo)}}); !errors.As(err, &format) {
		t.Errorf("odd version: %v", err)
	}
	var limit *LimitError
	long := appInfo + strings.Repeat("build\tx=y\n", maxRead/10)
	if _, err := scan(t, []entry{{name: "usr/bin/app", content: goProgram("go1", long)}}); !errors.As(err, &limit) || limit.Limit != maxRead {
		t.Errorf("long: %v", err)
	}
	many := "path\tx\nmod\tx\t(devel)\t\n" + strings.Repeat("dep\tx\tv1\n", maxModules+1)
	if _, err := scan(t, []entry{{name: "usr/bin/app", content: goProgram("go1", many)}}); !errors.As(err, &limit) {
		t.Errorf("many modules: %v", err)
	}
}

// self is this test's own program, which the go command built.
func self(t testing.TB) string {
	t.Helper()
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func names(inv *Inventory) string {
	var all []string
	for _, p := range inv.Packages {
		all = append(all, p.Name)
	}
	for _, p := range inv.Programs {
		all = append(all, p.Path)
	}
	return strings.Join(all, " ")
}

func TestProgram(t *testing.T) {
	program := self(t)
	inv, err := scan(t, []entry{
		{name: "./usr/bin/app", content: program},
		{name: "usr/bin/text", content: "#!/bin/sh\n"},
		{name: "usr/bin/other", content: "\x7fELF and nothing more"},
		{name: "usr/bin/short", content: "\x7fE"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := names(inv); got != "/usr/bin/app" {
		t.Fatalf("found %s", got)
	}
	p, sum := inv.Programs[0], sha256.Sum256([]byte(program))
	if p.SHA256 != hex.EncodeToString(sum[:]) || !strings.HasPrefix(p.Go, "go1.") ||
		!strings.HasSuffix(p.Package, "/internal/inventory.test") {
		t.Errorf("got %+v", p)
	}
	again, err := scan(t, []entry{{name: "usr/bin/app", content: program}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(inv, again); diff != "" {
		t.Errorf("another time (-first +second):\n%s", diff)
	}
}

// TestLayers: what counts is what is there once all layers are applied.
func TestLayers(t *testing.T) {
	program := goProgram("go1", appInfo)
	base := []entry{
		{name: db, content: database("musl", "busybox")},
		{name: system, content: "NAME=\"Alpine\"\nID=alpine\nVERSION_ID=3.19.4\n"},
		{name: "usr/bin/app", content: program},
		{name: "opt/a/app", content: program},
	}
	const all = "busybox musl /opt/a/app /usr/bin/app"
	for name, c := range map[string]struct {
		want   string
		layers [][]entry
	}{
		"one layer":          {all, nil},
		"another database":   {"musl sftp /opt/a/app /usr/bin/app", [][]entry{{{name: db, content: database("sftp", "musl")}}}},
		"file over file":     {"busybox musl /opt/a/app", [][]entry{{{name: "usr/bin/app", content: "x"}}}},
		"whiteout":           {"busybox musl /opt/a/app", [][]entry{{{name: "usr/bin/.wh.app"}}}},
		"whiteout of folder": {"busybox musl /usr/bin/app", [][]entry{{{name: "opt/.wh.a"}}}},
		"opaque":             {"busybox musl /usr/bin/app", [][]entry{{{name: "opt/.wh..wh..opq"}}}},
		"opaque root":        {"", [][]entry{{{name: ".wh..wh..opq"}}}},
		"opaque, and again":  {all, [][]entry{{{name: "opt/a/app", content: program}, {name: "opt/.wh..wh..opq"}}}},
		"whiteout, and again": {all, [][]entry{
			{{name: "opt/.wh.a"}}, {{name: "opt/a/app", content: program}},
		}},
		"file over folder":    {"busybox musl /usr/bin/app", [][]entry{{{name: "opt", content: "x"}}}},
		"link over folder":    {"busybox musl /usr/bin/app", [][]entry{{{name: "opt", typeflag: tar.TypeSymlink, link: "usr"}}}},
		"folder over file":    {"busybox musl /opt/a/app", [][]entry{{{name: "usr/bin/app", typeflag: tar.TypeDir}}}},
		"folder over folder":  {all, [][]entry{{{name: "opt/a", typeflag: tar.TypeDir}}}},
		"hard link":           {all + " /usr/bin/more", [][]entry{{{name: "usr/bin/app", content: program}, {name: "usr/bin/more", typeflag: tar.TypeLink, link: "usr/bin/app"}}}},
		"hard link to itself": {all, [][]entry{{{name: "usr/bin/x", typeflag: tar.TypeLink, link: "usr/bin/x"}}}},
		"above the root":      {all, [][]entry{{{name: "../../usr/bin/app", content: program}}}},
		"another name":        {"musl sftp /opt/a/app /usr/bin/app", [][]entry{{{name: "./lib/apk/../apk/db/installed", content: database("sftp", "musl")}}}},
	} {
		inv, err := scan(t, append([][]entry{base}, c.layers...)...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := names(inv); got != c.want {
			t.Errorf("%s: found %s, want %s", name, got, c.want)
		}
		if want := (System{"alpine", "3.19.4"}); inv.System != want && c.want != "" {
			t.Errorf("%s: system %+v", name, inv.System)
		}
	}
}

func TestUsrMerged(t *testing.T) {
	inv, err := scan(t, []entry{{name: "usr/" + db, content: database("musl")}, {name: "usr/lib/os-release", content: "ID='alpine'\n"}})
	if err != nil || names(inv) != "musl" || inv.System.ID != "alpine" {
		t.Errorf("got %+v, %v", inv, err)
	}
}

func TestRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		want    string
		entries []entry
	}{
		"two databases":  {"says something else", []entry{{name: db, content: database("a")}, {name: "usr/" + db, content: database("b")}}},
		"twice a name":   {"is there twice", []entry{{name: db, content: database("a", "a")}}},
		"no database":    {"ends within a line", []entry{{name: db, content: "\x00\x01"}}},
		"large system":   {"more than 65536", []entry{{name: system, content: strings.Repeat("x", maxRelease+1)}}},
		"after the fact": {"is there twice", []entry{{name: db, content: database("a", "a")}, {name: "usr/bin/app", content: "x"}}},
	} {
		inv, err := scan(t, c.entries)
		if inv != nil || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %+v, %v", name, inv, err)
		}
	}
}

// TestNames refuses build information that nobody could show or write.
func TestNames(t *testing.T) {
	good := Program{Go: "go1", Package: "a/b", Main: Module{"a", "(devel)", ""}, Modules: []Module{{"c", "v1", "h1:x"}}}
	if err := good.check("/app"); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(p *Program){
		"newline":  func(p *Program) { p.Package = "a\nb" },
		"bidi":     func(p *Program) { p.Modules[0].Path = "a\u202eb" },
		"not text": func(p *Program) { p.Go = "\xff" },
		"long":     func(p *Program) { p.Modules[0].Version = strings.Repeat("v", maxName+1) },
		"no name":  func(p *Program) { p.Modules[0].Path = "" },
		"two sums": func(p *Program) { p.Modules = append(p.Modules, Module{"c", "v1", "h1:y"}) },
	} {
		bad := good
		bad.Modules = slices.Clone(good.Modules)
		change(&bad)
		var format *FormatError
		if err := bad.check("/app"); !errors.As(err, &format) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var format *FormatError
	if err := good.check("/app\x1b[2J"); !errors.As(err, &format) {
		t.Errorf("its own name: %v", err)
	}
}

func TestSystem(t *testing.T) {
	for text, want := range map[string]System{
		"":                                     {},
		"ID=alpine\nVERSION_ID=3.19.4":         {"alpine", "3.19.4"},
		"ID=\"alpine\"\n VERSION_ID='3_a'\n":   {"alpine", "3_a"},
		"ID=al pine\nVERSION_ID=\"3":           {},
		"ID=\nVERSION_ID=":                     {},
		"ID=" + strings.Repeat("a", 65):        {},
		"#ID=x\nVERSION_ID=$(rm -rf /)\nID=\"": {},
	} {
		if got := parseRelease(text); got != want {
			t.Errorf("%q is %+v, want %+v", text, got, want)
		}
	}
}

// TestMeter stops what reads too much.
func TestMeter(t *testing.T) {
	m := &meter{src: strings.NewReader("0123456789"), left: 6}
	for i, want := range []int{4, 2, 0, 0} {
		if n, _ := m.ReadAt(make([]byte, []int{4, 2, 1, 1}[i]), 0); n != want {
			t.Errorf("read %d: %d bytes", i, n)
		}
	}
	if m.left >= 0 || m.err != nil {
		t.Errorf("%+v", m)
	}
}

// FuzzProgram reads any bytes as an ELF file.
func FuzzProgram(f *testing.F) {
	program := self(f)
	f.Add([]byte(program[:4096]))
	f.Add([]byte("\x7fELF"))
	f.Add([]byte(goProgram("go1.26.8", appInfo)))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := readProgram("/app", bytes.NewReader(b), int64(len(b)))
		if p != nil && (err != nil || p.check("/app") != nil) {
			t.Fatalf("accepted %+v", p)
		}
	})
}

// FuzzScanner reads any bytes as a layer, twice: the same comes of it.
func FuzzScanner(f *testing.F) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range []entry{{name: db, content: database("a")}, {name: "etc/.wh.x"}, {name: "a/.wh..wh..opq"}, {name: "x", content: goProgram("go1", appInfo)}} {
		_ = w.WriteHeader(&tar.Header{Name: e.name, Size: int64(len(e.content)), Typeflag: tar.TypeReg})
		_, _ = io.WriteString(w, e.content)
	}
	_ = w.Close()
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		look := func() (*Inventory, error) {
			s := NewScanner()
			defer s.Close()
			for range 2 {
				s.NextLayer()
				if err := show(s, bytes.NewReader(b)); err != nil {
					return nil, err
				}
			}
			return s.Inventory()
		}
		first, err := look()
		second, again := look()
		if diff := cmp.Diff(first, second); diff != "" || (err == nil) != (again == nil) {
			t.Fatalf("%v, %v: %s", err, again, diff)
		}
	})
}
