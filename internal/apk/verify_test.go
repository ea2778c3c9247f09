package apk

import (
	"archive/tar"
	"bytes"
	"crypto/rsa"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVerify(t *testing.T) {
	test := newTestPackage(t)
	test.control = []file{{name: ".post-install", content: "#!/bin/sh\n"}, {name: ".trigger"}}
	test.info += "pkgdesc = A thing\ntriggers = /a /b\nreplaces = x\nprovides = cmd:foo=1.2-r3\nprovider_priority = 5\nunknown = x\n"
	p, b := test.build(t)
	v, err := verify(p, b, testKeys())
	check(t, err)
	if len(v.Info.DataHash) != 64 {
		t.Errorf("datahash %q", v.Info.DataHash)
	}
	v.Info.DataHash = ""
	want := &Verified{
		Key: testKey, Scripts: []string{".post-install", ".trigger"},
		Info: Info{
			Name: "foo", Version: "1.2-r3", Arch: "x86_64", InstalledSize: 5, Description: "A thing", ProviderPriority: 5,
			Depends: []string{"so:libc.so.1", "bar>1"}, Provides: []string{"cmd:foo=1.2-r3"}, Replaces: []string{"x"}, Triggers: []string{"/a", "/b"},
		},
	}
	if diff := cmp.Diff(want, v); diff != "" {
		t.Errorf("package (-want +got):\n%s", diff)
	}
}

// The real apk takes and refuses what this package does.
func TestVerifyAsApk(t *testing.T) {
	apk := realApk(t)
	dir := t.TempDir()
	keys := filepath.Join(dir, "keys")
	check(t, os.Mkdir(keys, 0o755))
	check(t, os.WriteFile(filepath.Join(keys, testKey), pemKey(t, &privateKeys()[0].PublicKey), 0o644))
	for name, change := range map[string]func(p *testPackage, b []byte) []byte{
		"SHA-1":         func(_ *testPackage, b []byte) []byte { return b },
		"flipped":       func(_ *testPackage, b []byte) []byte { return flip(b, len(b)-20) },
		"truncated":     func(_ *testPackage, b []byte) []byte { return b[:len(b)-20] },
		"SHA-256":       func(p *testPackage, _ []byte) []byte { p.names = []string{sha256Name}; return nil },
		"another's key": func(p *testPackage, _ []byte) []byte { p.key = privateKeys()[1]; return nil },
		"not signed":    func(p *testPackage, _ []byte) []byte { p.names = nil; return nil },
		"other key":     func(p *testPackage, _ []byte) []byte { p.names = []string{".SIGN.RSA.b.rsa.pub"}; return nil },
		"datahash": func(p *testPackage, _ []byte) []byte {
			p.info += "datahash = " + strings.Repeat("0", 64) + "\n"
			return nil
		},
	} {
		test := newTestPackage(t)
		p, b := test.build(t)
		if b = change(test, b); b == nil {
			p, b = test.build(t)
		}
		p.Size = int64(len(b))
		file := filepath.Join(dir, "foo-1.2-r3.apk")
		check(t, os.WriteFile(file, b, 0o644))
		out, refused := apk("--root", dir, "--keys-dir", keys, "--no-network", "--repositories-file", "/dev/null", "verify", file)
		_, err := verify(p, b, testKeys())
		if (err == nil) != (refused == nil) {
			t.Errorf("%s: %v; apk: %v, %s", name, err, refused, out)
		}
		if name == "SHA-1" || name == "SHA-256" {
			check(t, err)
		}
	}
}

func TestVerifyMismatch(t *testing.T) {
	for what, change := range map[string]func(p *Package, test *testPackage){
		"size":     func(p *Package, _ *testPackage) { p.Size++ },
		"checksum": func(p *Package, _ *testPackage) { p.Checksum[0]++ },
		"name":     func(p *Package, _ *testPackage) { p.Name = "bar" },
		"version":  func(p *Package, _ *testPackage) { p.Version = "1.2-r4" },
		"arch":     func(p *Package, _ *testPackage) { p.Arch = "aarch64" },
		"datahash": func(_ *Package, test *testPackage) { test.info += "datahash = " + strings.Repeat("0", 64) + "\n" },
	} {
		test := newTestPackage(t)
		change(&Package{}, test)
		p, b := test.build(t)
		change(p, test)
		_, err := verify(p, b, testKeys())
		if got := wantError[*MismatchError](t, err); got.What != what || got.Package != p.String() || got.Want == got.Got {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Every byte of a small package counts.
func TestVerifyFlipped(t *testing.T) {
	p, b := newTestPackage(t).build(t)
	for i := range b {
		if _, err := verify(p, flip(b, i), testKeys()); err == nil {
			t.Errorf("byte %d of %d", i, len(b))
		}
		cut := *p
		cut.Size = int64(i)
		if _, err := verify(&cut, b[:i], testKeys()); err == nil {
			t.Errorf("%d of %d bytes", i, len(b))
		}
	}
}

func TestVerifySignature(t *testing.T) {
	for name, test := range map[string]struct {
		key   *rsa.PrivateKey
		names []string
	}{
		"not signed":    {nil, nil},
		"another's key": {privateKeys()[1], []string{sha1Name}},
		"other name":    {privateKeys()[0], []string{".SIGN.RSA.b.rsa.pub"}},
	} {
		pkg := newTestPackage(t)
		pkg.key, pkg.names = test.key, test.names
		p, b := pkg.build(t)
		_, err := verify(p, b, testKeys())
		if got := wantError[*SignatureError](t, err); got.File != "foo-1.2-r3" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is signed and still no package.
func TestVerifyFormat(t *testing.T) {
	raw := tarball(t, false, file{name: "a", content: "x"})
	for name, change := range map[string]func(p *testPackage){
		"trailing byte":     func(p *testPackage) { p.data = append(p.data, 0) },
		"fourth archive":    func(p *testPackage) { p.data = append(p.data, p.data...) },
		"no data":           func(p *testPackage) { p.data = nil },
		"data is no gzip":   func(p *testPackage) { p.data = raw },
		"data is no tar":    func(p *testPackage) { p.data = gz(t, bytes.Repeat([]byte("x"), 2048)) },
		"data is cut":       func(p *testPackage) { p.data = gz(t, raw[:512]) },
		"data after tar":    func(p *testPackage) { p.data = gz(t, append(bytes.Clone(raw), 'x')) },
		"data is truncated": func(p *testPackage) { p.data = p.data[:len(p.data)-4] },
		"sparse data":       func(p *testPackage) { p.data = gz(t, sparse(t, "hole")) },
		"two .PKGINFO":      func(p *testPackage) { p.control = []file{{name: ".PKGINFO"}} },
		"two scripts":       func(p *testPackage) { p.control = []file{{name: ".trigger"}, {name: ".trigger"}} },
		"unknown control":   func(p *testPackage) { p.control = []file{{name: ".post-boot"}} },
		"control path":      func(p *testPackage) { p.control = []file{{name: "../.trigger"}} },
		"control link":      func(p *testPackage) { p.control = []file{{name: ".trigger", typ: tar.TypeSymlink, link: "/x"}} },
		"no datahash":       func(p *testPackage) { p.info += "datahash = \n" },
		"short datahash":    func(p *testPackage) { p.info += "datahash = 00\n" },
		"no name":           func(p *testPackage) { p.info = strings.Replace(p.info, "pkgname", "x", 1) },
		"name twice":        func(p *testPackage) { p.info += "pkgname = foo\n" },
		"no field":          func(p *testPackage) { p.info += "hello\n" },
		"control character": func(p *testPackage) { p.info += "pkgdesc = \x1b[2J\n" },
		"number":            func(p *testPackage) { p.info += "builddate = x\n" },
	} {
		test := newTestPackage(t)
		change(test)
		p, b := test.build(t)
		if _, err := verify(p, b, testKeys()); err == nil {
			t.Errorf("%s: verified", name)
		} else {
			wantError[*FormatError](t, err)
		}
	}
	missing := gz(t, tarball(t, true, file{name: ".trigger"}))
	b := append(signed(t, missing), newTestPackage(t).data...)
	p := &Package{Name: "foo", Version: "1.2-r3", Arch: "x86_64", Size: int64(len(b)), Checksum: sha1Sum(missing)}
	_, err := verify(p, b, testKeys())
	wantError[*FormatError](t, err)
}

func TestVerifyLimits(t *testing.T) {
	for name, control := range map[string][]byte{
		"control bomb": zeroMember(t, tarball(t, true, file{name: ".PKGINFO", content: "x"}), maxControl),
		"large info":   gz(t, tarball(t, true, file{name: ".PKGINFO", content: strings.Repeat("#", maxInfo+1)})),
		"long line":    gz(t, tarball(t, true, file{name: ".PKGINFO", content: strings.Repeat("#", maxInfoLine+1)})),
	} {
		b := append(signed(t, control), newTestPackage(t).data...)
		p := &Package{Name: "foo", Version: "1.2-r3", Arch: "x86_64", Size: int64(len(b)), Checksum: sha1Sum(control)}
		if _, err := verify(p, b, testKeys()); err == nil || wantError[*LimitError](t, err).Limit == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// errorReader is a file that can't be read from some byte on.
type errorReader struct {
	b    []byte
	from int64
}

var errDisk = errors.New("disk")

func (r errorReader) ReadAt(p []byte, at int64) (int, error) {
	if at >= r.from || at+int64(len(p)) > int64(len(r.b)) {
		return 0, errDisk
	}
	return copy(p, r.b[at:]), nil
}

func TestVerifyReadError(t *testing.T) {
	p, b := newTestPackage(t).build(t)
	for _, from := range []int64{0, 1} {
		if _, err := p.Verify(errorReader{b, from}, p.Size, testKeys()); !errors.Is(err, errDisk) {
			t.Errorf("unreadable from byte %d: %v", from, err)
		}
	}
}

func TestPaths(t *testing.T) {
	dir := func(name string) file { return file{name: name, typ: tar.TypeDir} }
	link := func(name, target string) file { return file{name: name, typ: tar.TypeSymlink, link: target} }
	hard := func(name, target string) file { return file{name: name, typ: tar.TypeLink, link: target} }
	long := strings.Repeat("a/", maxPath/2+1) + "a"
	for name, files := range map[string][]file{
		"absolute":               {{name: "/etc/passwd"}},
		"parent":                 {{name: "../x"}},
		"parent within":          {{name: "a/../../x"}},
		"ends with parent":       {dir("a/../")},
		"dot":                    {{name: "./a"}},
		"only dot":               {dir("./")},
		"empty element":          {{name: "a//b"}},
		"root":                   {dir("/")},
		"newline":                {{name: "a\nb"}},
		"escape":                 {{name: "a\x1b[2Jb"}},
		"too long":               {{name: long}},
		"apk's own":              {{name: ".PKGINFO"}},
		"a script":               {{name: ".post-install"}},
		"a signature":            {{name: sha1Name}},
		"twice":                  {{name: "a"}, {name: "a"}},
		"folder twice":           {dir("a/"), dir("a/")},
		"file and folder":        {{name: "a"}, dir("a/")},
		"folder, then link":      {{name: "a/b"}, link("a", "/etc")},
		"through a link":         {link("a", "/etc"), {name: "a/passwd"}},
		"through links":          {dir("x/"), link("x/a", "../b"), {name: "x/a/b/c"}},
		"below a file":           {{name: "a"}, {name: "a/b"}},
		"below a hard link":      {{name: "a"}, hard("b", "a"), {name: "b/c"}},
		"link out":               {link("a", "../b")},
		"link far out":           {link("usr/a", "b/../../../c")},
		"link nowhere":           {link("a", "")},
		"link to control":        {link("a", "b\x07")},
		"long link":              {link("a", long)},
		"hard link out":          {hard("a", "../etc/passwd")},
		"absolute hard link":     {hard("a", "/etc/passwd")},
		"hard link to nothing":   {hard("a", "b")},
		"hard link to later":     {hard("a", "b"), {name: "b"}},
		"hard link to folder":    {dir("b/"), hard("a", "b")},
		"hard link to link":      {link("b", "/etc/shadow"), hard("a", "b")},
		"hard link through link": {link("b", "/etc"), hard("a", "b/shadow")},
		"device":                 {{name: "a", typ: tar.TypeChar}},
		"disk":                   {{name: "a", typ: tar.TypeBlock}},
		"pipe":                   {{name: "a", typ: tar.TypeFifo}},
	} {
		p, b := newTestPackage(t, files...).build(t)
		_, err := verify(p, b, testKeys())
		if err == nil {
			t.Errorf("%s was verified", name)
			continue
		}
		if got := wantError[*PathError](t, err); got.Package != "foo-1.2-r3" || strings.ContainsAny(err.Error(), "\x1b\n\x07") {
			t.Errorf("%s: %q", name, err)
		}
	}
	p, b := newTestPackage(t,
		dir("bin/"), file{name: "bin/a", content: "x"}, hard("bin/b", "bin/a"), hard("bin/c", "bin/b"), link("bin/d", "../usr/x"), link("bin/e", "/e"),
		link("usr/lib/f", "../../f"), dir("usr/"), file{name: ".dummy"}, file{name: "usr/.hidden"}, file{name: "usr/tűz"}, file{name: "usr/..."},
	).build(t)
	if _, err := verify(p, b, testKeys()); err != nil {
		t.Error(err)
	}
}

// NUL ends a name in a header, and a PAX record with one is refused by archive/tar.
func TestPathNUL(t *testing.T) {
	err := newTree("foo-1").add(&tar.Header{Name: "a\x00b", Typeflag: tar.TypeReg})
	wantError[*PathError](t, err)
}

// sparse returns a tar of a few blocks whose one file is a hole of 1 TiB, in GNU's
// sparse format 0.1. archive/tar writes none, so the records are written here.
func sparse(tb testing.TB, name string) []byte {
	tb.Helper()
	records := "22 GNU.sparse.major=0\n22 GNU.sparse.minor=1\n33 GNU.sparse.size=1099511627776\n" +
		"26 GNU.sparse.numblocks=1\n34 GNU.sparse.map=1099511627776,0\n"
	for line := range strings.Lines(records) {
		if !strings.HasPrefix(line, strconv.Itoa(len(line))) {
			tb.Fatalf("the record %q has %d bytes", line, len(line))
		}
	}
	raw := tarball(tb, false, file{name: "x", content: records}, file{name: name})
	// The first entry becomes the extended header of the second; the checksum
	// counts the bytes of the header.
	raw[156] = tar.TypeXHeader
	sum := 8 * int(' ')
	for i, c := range raw[:512] {
		if i < 148 || i >= 156 {
			sum += int(c)
		}
	}
	copy(raw[148:], fmt.Sprintf("%06o\x00 ", sum))
	return raw
}
