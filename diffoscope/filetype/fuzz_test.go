package filetype

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"testing"
)

// fuzzLimits are small, so that an input that gets past one shows in the time it takes.
var fuzzLimits = Limits{Parts: 2000, Memory: 1 << 20, Decoded: 4 << 20}

// fuzz calls Parse with what one parser is for, and reads everything.
func fuzz(f *testing.F, name string, seeds ...[]byte) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) { check(t, name, data) })
}

// check parses data twice, and wants names that are unique, ranges that are in the
// file, and contents within limits.
func check(t *testing.T, name string, data []byte) {
	t.Helper()
	file, err := Parse(name, bytes.NewReader(data), fuzzLimits)
	if again, err2 := Parse(name, bytes.NewReader(data), fuzzLimits); (err == nil) != (err2 == nil) || err == nil && outline(file) != outline(again) {
		t.Errorf("twice: %v and %v", err, err2)
	}
	if err != nil {
		var limit *LimitError
		var format *FormatError
		if !errors.Is(err, ErrUnknown) && !errors.As(err, &limit) && !errors.As(err, &format) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%T %v", err, err)
		}
		return
	}
	names := map[string]bool{}
	total, parts := int64(0), 0
	for _, p := range file.Parts {
		if names[p.Name] {
			t.Errorf("%q is there twice", p.Name)
		}
		names[p.Name] = true
		for _, g := range append([]Part{p}, p.Fields...) {
			parts++
			if g.Offset < 0 || g.Size < 0 || g.Offset+g.Size > int64(len(data)) {
				t.Errorf("%q/%q is at %d+%d of %d", p.Name, g.Name, g.Offset, g.Size, len(data))
			}
		}
		if p.Open == nil {
			continue
		}
		if p.Near != nil {
			p.Near(p.Size / 2)
		}
		r, err := p.Open()
		if err != nil {
			continue
		}
		n, _ := io.Copy(io.Discard, r) // any error will do
		total += n
		if err := r.Close(); err != nil {
			t.Errorf("%q: %v", p.Name, err)
		}
	}
	if most := fuzzLimits.Decoded + 2*int64(len(data)); total > most || parts > fuzzLimits.Parts {
		t.Errorf("%d bytes in %d parts", total, parts)
	}
}

// made runs a script and returns the files it makes.
func made(f *testing.F, tools []string, script string, names ...string) [][]byte {
	need(f, tools...)
	dir := run(f, script)
	var all [][]byte
	for _, name := range names {
		all = append(all, read(f, dir, name))
	}
	return all
}

func FuzzGzip(f *testing.F) {
	fuzz(f, "x.gz", made(f, []string{"gzip", "tar"}, `echo hello >.PKGINFO; gzip -k .PKGINFO; tar -cf - .PKGINFO | gzip -n >c; cat c .PKGINFO.gz >apk`, ".PKGINFO.gz", "apk")...)
}

func FuzzTar(f *testing.F) {
	fuzz(f, "x.tar", made(f, []string{"tar"}, `echo hello >a; ln -s a b; truncate -s 9k s; echo x >>s; tar -Scf t.tar a b s; tar --format=pax -Scf p.tar a s`, "t.tar", "p.tar")...)
}

func FuzzAr(f *testing.F) {
	seeds := made(f, []string{"ar"}, `echo hello >a; echo b >with-a-long-name-of-its-own; ar rcU a.a a with*`, "a.a")
	fuzz(f, "x.a", append(seeds, []byte(arMagic+"#1/8            1704164645  0     0     100644  13        `\nname\x00\x00\x00\x00hello\n"))...)
}

func FuzzZip(f *testing.F) {
	fuzz(f, "x.zip", made(f, []string{"zip"}, `echo hello >a; yes | head -c 999 >b; zip -q z.zip a b; zip -qX x.zip b`, "z.zip", "x.zip")...)
}

func FuzzZstd(f *testing.F) {
	fuzz(f, "x.zst", made(f, []string{"zstd"}, `yes | head -c 9999 >a; zstd -q a; zstd -q --no-check -c <a >b.zst`, "a.zst", "b.zst")...)
}

func FuzzXz(f *testing.F) {
	fuzz(f, "x.xz", made(f, []string{"xz"}, `yes | head -c 9999 >a; xz -k a; xz --block-size=2000 -Csha256 -c a >b.xz`, "a.xz", "b.xz")...)
}

func FuzzBzip2(f *testing.F) {
	fuzz(f, "x.bz2", made(f, []string{"bzip2"}, `echo hello | bzip2 -1 >a.bz2`, "a.bz2")...)
}

func FuzzELF(f *testing.F) {
	fuzz(f, "x", made(f, []string{"gcc", "strip"}, `printf 'int f(void) { return 1; } const char d[] = __DATE__ __FILE__;' >m.c
gcc -c -g -gz=zlib m.c; gcc -shared -nostdlib -Wl,--build-id=sha1,-rpath,/opt/lib -o m.so m.c; strip m.so`, "m.o", "m.so")...)
}

// FuzzGoFunctions is for the table of functions alone, which is large in programs.
func FuzzGoFunctions(f *testing.F) {
	le := binary.LittleEndian
	seed := append(le.AppendUint32(nil, 0xfffffff1), 0, 0, 1, 8)
	for _, word := range []uint64{2, 0, 0, 72, 0, 0, 0, 80} {
		seed = le.AppendUint64(seed, word)
	}
	seed = append(seed, "main\x00...\x00\x00\x00\x00\x18\x00\x00\x00\x10\x00\x00\x00\x18\x00\x00\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
	f.Add(seed, int64(17))
	f.Fuzz(func(t *testing.T, data []byte, offset int64) {
		file := &elfFile{input: newInput(bytes.NewReader(data), fuzzLimits), order: le, wide: true, head: make([]byte, 64)}
		file.sections = []elfSection{{name: ".gopclntab", typ: elf.SHT_PROGBITS, size: int64(len(data))}}
		name, start := file.goFunctionAt(elfSection{name: ".text"}, offset)
		if name != "" && start > offset {
			t.Errorf("%q at %d", name, start)
		}
		if bytes.Equal(data, seed) && offset == 17 && (name != "main" || start != 16) {
			t.Errorf("got %q at %d", name, start)
		}
	})
}

func FuzzPyc(f *testing.F) {
	fuzz(f, "x.pyc", made(f, []string{"python3"}, `echo 'def f(a): return {1, 2}, "x", 2.5, a' >m.py
python3 -c "import py_compile; py_compile.compile('m.py', 'm.pyc', '/src/m.py')"`, "m.pyc")...)
}

func FuzzSqlite(f *testing.F) {
	fuzz(f, "x.db", made(f, []string{"sqlite3"}, `sqlite3 d.db "PRAGMA page_size = 512; CREATE TABLE t(a, b); INSERT INTO t VALUES(1, 'x'), (2.5, hex(zeroblob(500))); CREATE TABLE k(a PRIMARY KEY) WITHOUT ROWID; INSERT INTO k VALUES(hex(zeroblob(600)));"`, "d.db")...)
}

func FuzzMo(f *testing.F) {
	fuzz(f, "x.mo", made(f, []string{"msgfmt"}, `printf 'msgid ""\nmsgstr "A: b\\n"\nmsgid "x"\nmsgstr "y"\n' >a.po; msgfmt -o a.mo a.po`, "a.mo")...)
}

func FuzzCpio(f *testing.F) {
	fuzz(f, "x.cpio", made(f, []string{"cpio"}, `echo hello >a; ln -s a b; printf 'a\nb\n' | cpio -o -H newc --quiet >c`, "c")...)
}

func FuzzJKS(f *testing.F) { fuzz(f, "cacerts", []byte(jksByHand())) }

func FuzzPE(f *testing.F) { fuzz(f, "x.dll", []byte(peByHand())) }

func FuzzPNG(f *testing.F) { fuzz(f, "x.png", []byte(pngByHand(f))) }

func FuzzPEM(f *testing.F) {
	fuzz(f, "x.pem", made(f, []string{"openssl"}, `openssl req -x509 -newkey ed25519 -nodes -keyout k.pem -out c.pem -subj /CN=one 2>/dev/null`, "c.pem", "k.pem")...)
}

func FuzzLdCache(f *testing.F) {
	fuzz(f, "ld.so.cache", []byte(ldMagic+"\x01\x00\x00\x00\x08\x00\x00\x00\x02\x00\x00\x00\x50\x00\x00\x00"+
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x03\x00\x00\x48\x00\x00\x00\x4c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"+
		"a.so\x00/a\x00\x74\x21\xa4\xea\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x68\x00\x00\x00\x04\x00\x00\x00made"))
}

// FuzzText is for the formats that are told by their names.
func FuzzText(f *testing.F) {
	names := []string{"passwd", "shadow", ".PKGINFO", "installed", "MANIFEST.MF", "x.crt"}
	f.Add([]byte("root:x:0:0:root:/root:/bin/sh\n"))
	f.Add([]byte("# x\npkgname = p\nbuilddate = 1\n"))
	f.Add([]byte("C:Q1\nP:musl\nt:1\nF:lib\nR:x\n\nP:b\n"))
	f.Add([]byte("A: b\n c\n\nName: d\nE: f\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, name := range names {
			check(t, name, data)
		}
	})
}
