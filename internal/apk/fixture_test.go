package apk

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// wantError returns err as the error type T.
func wantError[T error](tb testing.TB, err error) T {
	tb.Helper()
	var want T
	if !errors.As(err, &want) {
		tb.Fatalf("got error %v (%T), want a %T", err, err, want)
	}
	return want
}

// need skips the test where a machine lacks something, or fails it where nothing
// may be skipped.
func need(tb testing.TB, ok bool, what string) {
	tb.Helper()
	if ok {
		return
	}
	if os.Getenv("TAILSBUILD_REQUIRE_ALL") != "" || os.Getenv("CI") != "" {
		tb.Fatalf("this machine lacks %s", what)
	}
	tb.Skipf("this machine lacks %s", what)
}

// mirror returns the folder that is laid out like Alpine's CDN, beside the checkout.
func mirror(tb testing.TB) string {
	tb.Helper()
	dir, err := filepath.Abs("../../../shared/mirror/alpine")
	check(tb, err)
	_, err = os.Stat(dir)
	need(tb, !errors.Is(err, fs.ErrNotExist), "an Alpine mirror at "+dir)
	return dir
}

func readFile(tb testing.TB, elements ...string) []byte {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join(elements...))
	check(tb, err)
	return b
}

const testKey = "test@example.org-1.rsa.pub"

// privateKeys are made once: two, of which only the first is in the set.
var privateKeys = sync.OnceValue(func() [2]*rsa.PrivateKey {
	var keys [2]*rsa.PrivateKey
	for i := range keys {
		key, err := rsa.GenerateKey(rand.Reader, minKeyBits)
		if err != nil {
			panic(err)
		}
		keys[i] = key
	}
	return keys
})

func testKeys() Keys { return Keys{testKey: &privateKeys()[0].PublicKey} }

func pemKey(tb testing.TB, key crypto.PublicKey) []byte {
	tb.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	check(tb, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// A file is an entry of a tar archive: a regular file, unless it says more.
type file struct {
	name, content string
	typ           byte
	link          string
	time          int64
}

// tarball writes a tar archive, without the zeros at its end if it is cut.
func tarball(tb testing.TB, cut bool, files ...file) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Typeflag: f.typ, Linkname: f.link, Mode: 0o644, ModTime: time.Unix(f.time, 0)}
		if f.typ == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(f.content))
		}
		check(tb, w.WriteHeader(h))
		if h.Size > 0 {
			_, err := w.Write([]byte(f.content))
			check(tb, err)
		}
	}
	check(tb, w.Flush())
	if !cut {
		check(tb, w.Close())
	}
	return b.Bytes()
}

func gz(tb testing.TB, b []byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(b)
	check(tb, err)
	check(tb, w.Close())
	return out.Bytes()
}

// sign returns the signatures' archive for signed. Each name is that of the entry.
func sign(tb testing.TB, key *rsa.PrivateKey, signed []byte, names ...string) []byte {
	tb.Helper()
	var files []file
	for _, name := range names {
		hash, sum := crypto.SHA1, sha1.Sum(signed)
		digest := sum[:]
		if strings.HasPrefix(name, ".SIGN.RSA256.") {
			sum := sha256.Sum256(signed)
			hash, digest = crypto.SHA256, sum[:]
		}
		sig, err := rsa.SignPKCS1v15(nil, key, hash, digest)
		check(tb, err)
		files = append(files, file{name: name, content: string(sig)})
	}
	return gz(tb, tarball(tb, true, files...))
}

const (
	sha1Name   = ".SIGN.RSA." + testKey
	sha256Name = ".SIGN.RSA256." + testKey
)

// signed puts the test key's signature before the bytes.
func signed(tb testing.TB, b []byte) []byte {
	tb.Helper()
	return append(sign(tb, privateKeys()[0], b, sha1Name), b...)
}

// indexArchive returns the second part of an index.
func indexArchive(tb testing.TB, list string) []byte {
	tb.Helper()
	return gz(tb, tarball(tb, false, file{name: "DESCRIPTION", content: "v1-test"}, file{name: "APKINDEX", content: list, time: 1718724996}))
}

// A testPackage is what a test changes before it builds a package.
type testPackage struct {
	info    string // .PKGINFO without datahash, which is added unless it is there
	control []file // beside .PKGINFO
	data    []byte // the data archive, compressed
	key     *rsa.PrivateKey
	names   []string
}

func newTestPackage(tb testing.TB, files ...file) *testPackage {
	tb.Helper()
	if files == nil {
		files = []file{{name: "usr/", typ: tar.TypeDir}, {name: "usr/a", content: "hello"}}
	}
	return &testPackage{
		info:  "# made by a test\npkgname = foo\npkgver = 1.2-r3\narch = x86_64\ndepend = so:libc.so.1\ndepend = bar>1\nsize = 5\n",
		data:  gz(tb, tarball(tb, false, files...)),
		key:   privateKeys()[0],
		names: []string{sha1Name},
	}
}

// build returns the package and its entry in an index.
func (p *testPackage) build(tb testing.TB) (*Package, []byte) {
	tb.Helper()
	info := p.info
	if !strings.Contains(info, "datahash") {
		sum := sha256.Sum256(p.data)
		info += "datahash = " + hex.EncodeToString(sum[:]) + "\n"
	}
	control := gz(tb, tarball(tb, true, append([]file{{name: ".PKGINFO", content: info}}, p.control...)...))
	var b []byte
	if p.names != nil {
		b = sign(tb, p.key, control, p.names...)
	}
	b = append(append(b, control...), p.data...)
	return &Package{Name: "foo", Version: "1.2-r3", Arch: "x86_64", Size: int64(len(b)), Checksum: sha1.Sum(control)}, b
}

func verify(p *Package, b []byte, keys Keys) (*Verified, error) {
	v, err := p.Verify(bytes.NewReader(b), int64(len(b)), keys)
	if (v == nil) != (err != nil) {
		return nil, fmt.Errorf("both a result and an error: %v, %w", v, err)
	}
	return v, err
}

// entryText is the text of a minimal entry.
func entryText(name, version string) string {
	return fmt.Sprintf("C:%s\nP:%s\nV:%s\nA:x86_64\nS:1\n\n", Checksum{}, name, version)
}

// flip returns b with one bit of the byte at i changed.
func flip(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[i] ^= 1
	return b
}

func sha1Sum(b []byte) Checksum { return sha1.Sum(b) }
