package cause

import (
	"strings"
	"testing"
)

// inside returns a leaf in the content of a member, or of what was decoded.
func inside(formats, path, a, b string) Leaf {
	return Leaf{Kind: "part", Path: strings.Split(path, " > "), Formats: strings.Split(formats, "/"), A: a, B: b, Content: true}
}

// TestHolder: what holds the value says what to change, and no name around it.
func TestHolder(t *testing.T) {
	const day, next = "built 2026-11-28", "built 2026-11-29"
	for _, c := range []struct {
		name string
		leaf Leaf
		want Name
		mend string // a part of it
	}{
		{"text in gzip", inside("gzip", "usr/share/x.gz > content", day, next), Timestamp, "date -u -d"},
		{"manual page in gzip", inside("gzip", "usr/share/man/man1/x.1.gz > content", day, next), Timestamp, "manual page"},
		{"text in a tar in gzip", inside("gzip/tar", "x.tar.gz > a.txt", day, next), Timestamp, "date -u -d"},
		{"time in a tar in gzip", part("gzip/tar", "x.tar.gz", "mtime", "2026-11-28T10:00:00Z", "2026-11-29T10:00:00Z"), Timestamp, "tar --sort=name"},
		{"text in zip", inside("zip", "x.zip > a.txt", day, next), Timestamp, "date -u -d"},
		{"manifest in jar", inside("jar/manifest", "x.jar > META-INF/MANIFEST.MF > Built", day, next), Timestamp, "date -u -d"},
		{"time in a tar in deb", part("deb/xz/tar", "x.deb", "mtime", "2026-11-28T10:00:00Z", "2026-11-29T10:00:00Z"), Timestamp, "dpkg-deb"},
		{"library of a version", inside("elf", "usr/lib/libx.so.1 > .rodata strings", "10:00:00.", "10:00:01."), Timestamp, "-Wdate-time"},
		{"package of Alpine", part("apk/tar/pkginfo", "x.apk", "builddate", "2026-11-28T10:00:00Z", "2026-11-29T10:00:00Z"), Timestamp, "abuild"},
		{"path in trust", at("trust/x", "/build/one/x", "/build/two/x"), BuildPath, "same folder"},
		{"path in rlib", inside("ar/elf", "x.rlib > x.o > .rodata", "/build/one/x", "/build/two/x"), BuildPath, "RUSTFLAGS"},
		{"date in Go", inside("elf/go", "bin/x > .rodata strings", day, next), Timestamp, "-ldflags -X"},
		{"date in C", inside("elf", "bin/x > .rodata strings", day, next), Timestamp, "-Wdate-time"},
		{"RUNPATH", part("elf", "bin/x", "RUNPATH", "/build/one/lib", "/build/two/lib"), BuildPath, "patchelf"},
		{"objects", inside("elf", "bin/x > symbols", "a.c file\nb.c file\nf func\n", "b.c file\na.c file\nf func\n"), Order, "link objects in one order"},
		{"number of a user", part("passwd", "etc/passwd", "x: uid", "1000", "1001"), Ownership, "adduser -u"},
		{"owner in a tar", part("tar", "x.tar", "uid", "1000", "1001"), Ownership, "tar --owner=0"},

		{"time of a layer's gzip", Leaf{Kind: "compression", Path: []string{"gzip mtime"}, A: "1700000000", B: "1700003600"}, Timestamp, "gzip -n"},
		{"gzip without a time", Leaf{Kind: "compression", Path: []string{"gzip mtime"}, A: "1700000000", B: "0"}, Timestamp, "gzip -n"},
		{"name in a layer's gzip", Leaf{Kind: "compression", Path: []string{"gzip name"}, A: "a.tar", B: ""}, Compression, "gzip -n"},
		{"name or none", Leaf{Kind: "compression", Path: []string{"gzip flags"}, A: "0x08", B: "0x00"}, Compression, "gzip -n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Of(c.leaf, Builds{})
			if got.Name != c.want || !strings.Contains(got.Mend, c.mend) {
				t.Errorf("got %+v, want %s with %q", got, c.want, c.mend)
			}
		})
	}
}

// TestOtherContent: bytes that differ, and weren't decoded, are not called the same
// content.
func TestOtherContent(t *testing.T) {
	for _, format := range []string{"gzip", "xz", "zstd", "bzip2", "zip", "deb"} {
		l := Leaf{Kind: "unexplained", Path: []string{"x", "bytes of content"}, Formats: []string{format}, A: "\x01\x02\x03", B: "\x04\x05\x06"}
		if got := Of(l, Builds{}); got.Name != Unknown {
			t.Errorf("%s: got %+v", format, got)
		}
	}
	l := Leaf{Kind: "compression", Path: []string{"x", "bytes of content"}, Formats: []string{"xz"}, A: "\x01", B: "\x02"}
	if got := Of(l, Builds{}); got.Name != Compression || got.Detail != "it was compressed in another way" {
		t.Errorf("got %+v", got)
	}
}
