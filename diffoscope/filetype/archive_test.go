package filetype

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestGzip(t *testing.T) {
	need(t, "gzip")
	dir := run(t, `printf hello >f; touch -d 2024-01-02T03:04:05Z f
gzip -9k f; gzip -n1c f >n.gz; cat f.gz n.gz >both.gz; (cat f.gz; printf rest) >rest.gz`)
	f := parse(t, "f.gz", read(t, dir, "f.gz"))
	want(t, f, "mtime", "2024-01-02T03:04:05Z", "name", "f", "level", "best", "operating system", "Unix")
	if got := content(t, f, "content"); got != "hello" {
		t.Errorf("got %q", got)
	}
	f = parse(t, "n.gz", read(t, dir, "n.gz"))
	want(t, f, "mtime", "none", "level", "fastest")
	f = parse(t, "both.gz", read(t, dir, "both.gz"))
	want(t, f, "mtime", "2024-01-02T03:04:05Z", "member 2/mtime", "none")
	if got := content(t, f, "content"); got != "hellohello" {
		t.Errorf("got %q", got)
	}
	f = parse(t, "rest.gz", read(t, dir, "rest.gz"))
	if got := content(t, f, "trailer"); got != "rest" {
		t.Errorf("got %q", got)
	}
}

func TestTar(t *testing.T) {
	need(t, "tar", "truncate")
	dir := run(t, `printf hello >f; touch -d 2024-01-02T03:04:05.5Z f; ln f hard; ln -s f soft; mkdir d
truncate -s 1M sparse; printf x >>sparse; i=0; while [ $i -lt 40 ]; do printf x >>many; truncate -s +8192 many; i=$((i+1)); done; chmod 640 f
tar --format=pax --owner=me:1000 --group=us:100 -Scf t.tar f hard soft d sparse f; printf rest >>t.tar
tar --format=gnu -Scf g.tar sparse f; for v in 0.0 0.1 1.0; do tar --format=pax --sparse-version=$v -Scf $v.tar many f; done; tar --format=gnu -Scf m.tar many f; head -c 1000 t.tar >cut.tar`)
	f := parse(t, "t.tar", read(t, dir, "t.tar"))
	want(t, f, "f/mtime", "2024-01-02T03:04:05.5Z", "f/mode", "0640", "f/uid", "1000", "f/gname", "us", "f/type", "file",
		"hard/type", "hard link", "hard/linkname", "f", "soft/type", "symlink", "d//type", "directory")
	if got := content(t, f, "f"); got != "hello" {
		t.Errorf("got %q", got)
	}
	if got := field(t, f, "f#2/linkname"); got != "f" {
		t.Errorf("got %q", got)
	}
	if got := content(t, f, "trailer"); !strings.HasSuffix(got, "\x00rest") {
		t.Errorf("got %q", got)
	}
	for _, f := range []*File{f, parse(t, "g.tar", read(t, dir, "g.tar"))} {
		if got := content(t, f, "sparse"); got != strings.Repeat("\x00", 1<<20)+"x" {
			t.Errorf("got %d bytes", len(got))
		}
	}
	for _, name := range []string{"0.0.tar", "0.1.tar", "1.0.tar", "m.tar"} {
		f := parse(t, name, read(t, dir, name))
		if got := content(t, f, "many"); got != string(read(t, dir, "many")) {
			t.Errorf("%s: got %d bytes", name, len(got))
		}
		want(t, f, "many/mode", "0644", "f/mode", "0640")
	}
	var format *FormatError
	if _, err := Parse("cut.tar", bytes.NewReader(read(t, dir, "cut.tar")), Limits{}); !errors.As(err, &format) {
		t.Errorf("got %v", err)
	}
}

func TestAr(t *testing.T) {
	need(t, "ar", "dpkg-deb")
	dir := run(t, `printf hello >a; printf odd >a-name-of-more-than-sixteen-bytes; touch -d 2024-01-02T03:04:05Z a
ar rcU u.a a a-name-of-more-than-sixteen-bytes; ar rcD d.a a; ar rcT thin.a a
mkdir -p p/DEBIAN; printf 'Package: p\nVersion: 1\nArchitecture: all\nMaintainer: me\nDescription: p\n' >p/DEBIAN/control
dpkg-deb -Zgzip --build p p.deb`)
	f := parse(t, "u.a", read(t, dir, "u.a"))
	want(t, f, "a/mtime", "2024-01-02T03:04:05Z", "a/mode", "100644")
	if got := content(t, f, "a-name-of-more-than-sixteen-bytes"); got != "odd" {
		t.Errorf("got %q", got)
	}
	want(t, parse(t, "d.a", read(t, dir, "d.a")), "a/mtime", "1970-01-01T00:00:00Z", "a/uid", "0", "a/mode", "644")
	var format *FormatError
	if _, err := Parse("thin.a", bytes.NewReader(read(t, dir, "thin.a")), Limits{}); !errors.As(err, &format) {
		t.Errorf("got %v", err)
	}
	f = parse(t, "p.deb", read(t, dir, "p.deb"))
	if f.Format != Deb || content(t, f, "debian-binary") != "2.0\n" {
		t.Errorf("got %s", outline(f))
	}
	part(t, f, "control.tar.gz")
	bsd := arMagic + "#1/8            1704164645  0     0     100644  13        `\nname\x00\x00\x00\x00hello\n"
	f = parse(t, "bsd.a", []byte(bsd))
	if got := content(t, f, "name"); got != "hello" {
		t.Errorf("got %q", got)
	}
}

func TestZip(t *testing.T) {
	need(t, "zip")
	dir := run(t, `printf hello >f; yes | head -c 9999 >big; touch -d 2024-01-02T03:04:05Z f big; chmod 600 f
zip -q z.zip f big; printf comment | zip -qz z.zip; zip -qX x.zip f; mkdir META-INF; printf 'A: b\n' >META-INF/MANIFEST.MF; zip -qr j.jar META-INF`)
	f := parse(t, "z.zip", read(t, dir, "z.zip"))
	want(t, f, "f/mtime", "2024-01-02T03:04:06", "f/UT mtime", "2024-01-02T03:04:05Z", "f/mode", "100600", "f/method", "stored",
		"big/method", "deflate", "comment", "comment", "f/made by", "Unix 3.0")
	field(t, f, "f/local UT atime")
	field(t, f, "f/ux uid")
	if got := content(t, f, "big"); len(got) != 9999 {
		t.Errorf("got %d bytes", len(got))
	}
	for _, g := range part(t, parse(t, "x.zip", read(t, dir, "x.zip")), "f").Fields {
		if strings.HasPrefix(g.Name, "UT") {
			t.Errorf("got %v", g)
		}
	}
	if f := parse(t, "j.jar", read(t, dir, "j.jar")); f.Format != JAR {
		t.Errorf("got %s", outline(f))
	}
}

// TestZipLocal: what a local header says otherwise is a field of its own.
func TestZipLocal(t *testing.T) {
	need(t, "zip")
	data := read(t, run(t, `printf hello >f; touch -d 2024-01-02T03:04:04Z f; zip -qX z.zip f`), "z.zip")
	data[10], data[6] = 0, 8
	want(t, parse(t, "z.zip", data), "f/mtime", "2024-01-02T03:04:04", "f/local mtime", "2024-01-02T03:00:00", "f/local flags", "0x8")
}

func TestCpio(t *testing.T) {
	need(t, "cpio")
	dir := run(t, `printf hello >f; touch -d 2024-01-02T03:04:05Z f; ln -s f l; printf 'f\nl\n' | cpio -o -H newc --quiet >c.cpio; printf 'f\n' | cpio -o -H crc --quiet >s.cpio`)
	f := parse(t, "c.cpio", read(t, dir, "c.cpio"))
	want(t, f, "f/mtime", "2024-01-02T03:04:05Z", "f/mode", "100644", "l/mode", "120777")
	if got := content(t, f, "f") + content(t, f, "l"); got != "hellof" {
		t.Errorf("got %q", got)
	}
	want(t, parse(t, "s.cpio", read(t, dir, "s.cpio")), "f/checksum", "0x214")
}

// TestAPK: three gzip members, and the first two have no end of a tar.
func TestAPK(t *testing.T) {
	need(t, "gzip", "tar", "head")
	dir := run(t, `printf sig >.SIGN.RSA.key.rsa.pub; printf 'pkgname = p\n' >.PKGINFO; printf hello >f
tar -cf - .SIGN.RSA.key.rsa.pub | head -c 1024 | gzip -n >p.apk
tar --format=pax -cf - .PKGINFO | head -c 2560 | gzip -n >>p.apk; tar -cf - f | gzip -n >>p.apk`)
	f := parse(t, "p.apk", read(t, dir, "p.apk"))
	if f.Format != APK || len(f.Parts) != 3 {
		t.Fatalf("got %s", outline(f))
	}
	control := parse(t, "control", []byte(content(t, f, "control")))
	if got := content(t, control, ".PKGINFO"); got != "pkgname = p\n" {
		t.Errorf("got %q", got)
	}
	want(t, f, "control/mtime", "none")
	if got := content(t, parse(t, "data", []byte(content(t, f, "data"))), "f"); got != "hello" {
		t.Errorf("got %q", got)
	}
}

func TestUnknown(t *testing.T) {
	for _, data := range []string{"", "x", "hello, world\n", strings.Repeat("\x00", 4096)} {
		if f, err := Parse("f", strings.NewReader(data), Limits{}); !errors.Is(err, ErrUnknown) {
			t.Errorf("%q: got %v, %v", data, f, err)
		}
	}
}

// TestLimits: bombs end in a LimitError, of Parse or of the content.
func TestLimits(t *testing.T) {
	need(t, "gzip", "tar", "zip")
	dir := run(t, `head -c 3000000 /dev/zero >zero; gzip -k zero; zip -q z.zip zero; for i in 1 2 3 4 5 6; do echo >$i; done; tar -cf t.tar 1 2 3 4 5 6
truncate -s 3000000 sparse; tar -Scf s.tar sparse`)
	limits := Limits{Decoded: 1 << 20, Parts: 40}
	for _, c := range []struct{ file, part string }{{"zero.gz", "content"}, {"z.zip", "zero"}, {"s.tar", "sparse"}} {
		f, err := Parse(c.file, bytes.NewReader(read(t, dir, c.file)), limits)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			r, err := part(t, f, c.part).Open()
			if err != nil {
				t.Fatal(err)
			}
			var limit *LimitError
			n, err := io.Copy(io.Discard, r)
			if !errors.As(err, &limit) || n > limits.Decoded {
				t.Errorf("%s: %d bytes, %v", c.file, n, err)
			}
			r.Close()
		}
	}
	// Six members fit, but not with their fields.
	tarFile, err := Parse("t.tar", bytes.NewReader(read(t, dir, "t.tar")), limits)
	if err != nil || tarFile.Skipped == "" || len(tarFile.Parts) != 7 {
		t.Errorf("got %v, %v", tarFile, err)
	}
	limits.Parts = 5
	var limit *LimitError
	if _, err := Parse("t.tar", bytes.NewReader(read(t, dir, "t.tar")), limits); !errors.As(err, &limit) {
		t.Errorf("got %v", err)
	}
}

// TestZipMethods: members that newer tools compress, and damage in them.
func TestZipMethods(t *testing.T) {
	need(t, "python3", "zstd", "xz")
	dir := run(t, `seq 1 2000 >f; zstd -q f; xz -k f; python3 - <<'P'
import lzma, struct, zlib
body = open('f', 'rb').read()
def write(name, method, flags, packed):
    crc, n = zlib.crc32(body), name.encode()
    common = struct.pack('<HHHHHIIIHH', 63, flags, method, 0, 33, crc, len(packed), len(body), 1, 0)
    local = b'PK\x03\x04' + common + b'f' + packed
    central = b'PK\x01\x02' + struct.pack('<H', 63) + common + struct.pack('<HHHII', 0, 0, 0, 0, 0) + b'f'
    end = b'PK\x05\x06' + struct.pack('<HHHHIIH', 0, 0, 1, 1, len(central), len(local), 0)
    open(name, 'wb').write(local + central + end)
write('zstd.zip', 93, 0, open('f.zst', 'rb').read())
write('xz.zip', 95, 0, open('f.xz', 'rb').read())
alone = lzma.compress(body, format=lzma.FORMAT_ALONE)
head = b'\x18\x04' + struct.pack('<H', 5) + alone[:5]
write('lzma.zip', 14, 2, head + alone[13:])
P`)
	body := string(read(t, dir, "f"))
	for _, name := range []string{"zstd", "xz", "lzma"} {
		raw := read(t, dir, name+".zip")
		f := parse(t, "x.zip", raw)
		want(t, f, "f/method", name)
		if p := part(t, f, "f"); p.Encoding != name {
			t.Errorf("%s: encoding %q", name, p.Encoding)
		}
		if got := content(t, f, "f"); got != body {
			t.Errorf("%s: got %d bytes, want %d", name, len(got), len(body))
		}
		for at := range 60 {
			damaged := bytes.Clone(raw)
			damaged[31+at] ^= 0x55
			check(t, "x.zip", damaged)
		}
	}
}
