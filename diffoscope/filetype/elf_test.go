package filetype

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestELF(t *testing.T) {
	need(t, "gcc", "objcopy", "strip")
	dir := run(t, `printf '#include <stdio.h>\nint main(void) { puts(__DATE__ " " __TIME__ " " __FILE__); return 0; }\n' >m.c
gcc -g -gz=zlib -Wl,--build-id=sha1 -Wl,-rpath,/opt/lib -Wl,--enable-new-dtags -o m "$PWD/m.c"
gcc -shared -Wl,-soname,libm.so.1 -o lib.so m.c; gcc -c m.c
objcopy --only-keep-debug m m.debug; strip -o s m; cp m.o m.ko; printf 'sixteen bytes...\0\0\2\0\0\0\0\0\0\0\0\020~Module signature appended~\n' >>m.ko; objcopy --add-gnu-debuglink=m.debug s`)
	f := parse(t, "m", read(t, dir, "m"))
	if id := field(t, f, "GNU build id"); len(id) != 40 {
		t.Errorf("got %q", id)
	}
	want(t, f, "interp", "/lib64/ld-linux-x86-64.so.2", "needed", "libc.so.6", "runpath", "/opt/lib", "machine", "X86_64", "class", "64")
	if got := field(t, f, "comment"); !strings.HasPrefix(got, "GCC: ") {
		t.Errorf("got %q", got)
	}
	if got := content(t, f, "symbols"); !strings.Contains(got, "main func global .text ") {
		t.Errorf("got %s", got)
	}
	if got := content(t, f, ".rodata strings"); !strings.Contains(got, dir+"/") || !strings.Contains(got, " 20") {
		t.Errorf("got %q", got)
	}
	if p := part(t, f, ".debug_info"); p.Encoding != "zlib" || !bytes.Contains([]byte(readPart(t, p)), []byte{8, 0, 0, 0}) {
		t.Errorf("got %q", p.Encoding)
	}
	if got := content(t, f, ".debug_line_str strings"); !strings.Contains(got, dir) {
		t.Errorf("got %q", got)
	}
	want(t, parse(t, "lib.so", read(t, dir, "lib.so")), "soname", "libm.so.1", "type", "DYN")
	want(t, parse(t, "m.o", read(t, dir, "m.o")), "type", "REL")
	if got := field(t, parse(t, "s", read(t, dir, "s")), "debug link"); !strings.HasPrefix(got, "m.debug crc32 ") {
		t.Errorf("got %q", got)
	}
	if got := content(t, parse(t, "m.ko", read(t, dir, "m.ko")), "module signature"); !strings.HasPrefix(got, "sixteen bytes...") {
		t.Errorf("got %q", got)
	}
	for _, name := range []string{"m", "m.o", "lib.so", "s", "m.ko"} {
		covered(t, read(t, dir, name), name)
	}
}

// covered checks that each byte of a file is in the content of one of its parts, but
// for the magic number.
func covered(t *testing.T, data []byte, name string) {
	t.Helper()
	f := parse(t, name, data)
	at := int64(4)
	for _, p := range f.Parts {
		if p.Open == nil || p.Size == 0 {
			continue
		}
		if p.Offset > at {
			t.Errorf("%s: nothing has the bytes %d to %d\n%s", name, at, p.Offset, outline(f))
		}
		at = max(at, p.Offset+p.Size)
	}
	if at != int64(len(data)) {
		t.Errorf("%s: nothing has the bytes from %d on", name, at)
	}
}

// buildGo builds a program with a module beside it, and returns its path.
func buildGo(t testing.TB, flags string) string {
	t.Helper()
	need(t, "go")
	dir := run(t, `mkdir dep; cd dep; printf 'module example.com/dep\ngo 1.24\n' >go.mod; printf 'package dep\nfunc F() {}\n' >dep.go; cd ..
printf 'module example.com/m\ngo 1.24\nrequire example.com/dep v1.0.0\nreplace example.com/dep => ./dep\n' >go.mod
printf 'package main\nimport "example.com/dep"\nfunc main() { dep.F(); println("hello") }\n' >main.go
GOTOOLCHAIN=local go build -buildvcs=false `+flags+` -o p .`)
	return filepath.Join(dir, "p")
}

func TestGoProgram(t *testing.T) {
	plain, trimmed := buildGo(t, ""), buildGo(t, "-trimpath")
	dir := filepath.Dir(plain)
	f := parse(t, "p", read(t, dir, "p"))
	want(t, f, "go package", "example.com/m", "setting -compiler", "gc", "go module example.com/m", "(devel)",
		"go module example.com/dep", "v1.0.0 => ./dep (devel)")
	if v := field(t, f, "go version"); !strings.HasPrefix(v, "go1.") {
		t.Errorf("got %q", v)
	}
	if id := field(t, f, "Go build id"); strings.Count(id, "/") != 3 {
		t.Errorf("got %q", id)
	}
	if got := content(t, f, ".gopclntab strings"); !strings.Contains(got, dir+"/\n") {
		t.Errorf("got %s", got)
	}
	covered(t, read(t, dir, "p"), "p")
	f = parse(t, "p", read(t, filepath.Dir(trimmed), "p"))
	want(t, f, "setting -trimpath", "true")
	if got := content(t, f, ".gopclntab strings"); strings.Contains(got, dir) {
		t.Errorf("got %s", got)
	}
}

func BenchmarkELF(b *testing.B) {
	data, err := os.ReadFile(buildGo(b, ""))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			parse(b, "p", data)
		}
	})
	b.Run("read", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			for _, p := range parse(b, "p", data).Parts {
				if p.Open == nil {
					continue
				}
				r, err := p.Open()
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, r); err != nil {
					b.Fatal(err)
				}
				r.Close()
			}
		}
	})
}
