package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"gitlab.com/tailsbuild/tailsbuild/internal/apk/apktest"
)

// signers are made once: the key of the mirrors that alpine makes, and somebody
// else's.
var signers = sync.OnceValues(func() (keys [2]*apktest.Key, err error) {
	for i, name := range []string{"test@example.org-1.rsa.pub", "stranger@example.org-2.rsa.pub"} {
		if keys[i], err = newKey(name); err != nil {
			break
		}
	}
	return keys, err
})

// newKey makes a key that signs packages and indexes.
func newKey(name string) (*apktest.Key, error) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	return apktest.NewKey(name, &private.PublicKey, func(sum []byte) ([]byte, error) {
		return rsa.SignPKCS1v15(nil, private, crypto.SHA1, sum)
	})
}

// alpine makes a mirror of one branch: alpine DIR TIME PACKAGE... It has Alpine's
// root file system, in which one key more is trusted, and a repository called main,
// signed with it, whose index is of TIME, in seconds, and has the packages. One is
// NAME=VERSION, or NAME=VERSION:PATH or NAME=VERSION:PATH->TARGET to say which file
// or link is in it. Packages that DIR has already stay there.
func alpine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: alpine DIR TIME PACKAGE...")
	}
	made, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	keys, err := signers()
	ts.Check(err)
	branch := filepath.Join(ts.MkAbs(args[0]), "v3.19")
	const rootfs = "releases/x86_64/alpine-minirootfs-3.19.4-x86_64.tar.gz"
	if _, err := os.Stat(filepath.Join(branch, rootfs)); err != nil {
		ts.Check(os.MkdirAll(filepath.Join(branch, path.Dir(rootfs)), 0o755))
		ts.Check(trusting(filepath.Join(ts.Getenv("MIRROR"), "v3.19", rootfs), filepath.Join(branch, rootfs), keys[0]))
	}
	main := apktest.Repository{Key: keys[0], IndexKey: keys[0], Time: made}
	for _, arg := range args[2:] {
		name, rest, _ := strings.Cut(arg, "=")
		version, member, _ := strings.Cut(rest, ":")
		f := apktest.File{Name: "usr/share/" + name, Content: name + " " + version + "\n"}
		if member != "" {
			f.Name, f.Link, _ = strings.Cut(member, "->")
		}
		if f.Link != "" {
			f.Content = ""
		}
		main.Packages = append(main.Packages, apktest.Package{
			Name: name, Version: version, Files: []apktest.File{{Name: "usr/"}, {Name: "usr/share/"}, f},
		})
	}
	ts.Check(main.Write(filepath.Join(branch, "main")))
}

// trusting writes a root file system that also trusts key.
func trusting(from, to string, key *apktest.Key) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	gz, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	archive, err := io.ReadAll(gz)
	if err != nil {
		return err
	}
	archive = bytes.TrimRight(archive, "\x00") // the end, to be written again
	archive = append(archive, make([]byte, (512-len(archive)%512)%512)...)
	more := bytes.NewBuffer(archive)
	w := tar.NewWriter(more)
	for _, dir := range []string{"etc/apk/keys/", "usr/share/apk/keys/x86_64/"} {
		err := w.WriteHeader(&tar.Header{Name: dir + key.Name, Mode: 0o644, Size: int64(len(key.PEM)), ModTime: time.Unix(0, 0)})
		if err != nil {
			return err
		}
		if _, err := w.Write(key.PEM); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(more.Bytes()); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(to, out.Bytes(), 0o644)
}

// spoil changes an index or a package in one way: spoil HOW FILE.
//
//   - unsigned: without the signature
//   - stranger: signed by somebody else, in the name of the key that signed it
//   - other-key: signed by somebody else, in that one's own name
//   - restamped: another time in the signature's gzip header, which nothing but a
//     sum of the whole file covers
//   - flipped: one bit of the byte in the middle
func spoil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: spoil HOW FILE")
	}
	file := ts.MkAbs(args[1])
	b, err := os.ReadFile(file)
	ts.Check(err)
	keys, err := signers()
	ts.Check(err)
	r := bytes.NewReader(b)
	name := firstEntry(ts, r)
	rest := b[len(b)-r.Len():]
	signed := rest
	if strings.HasSuffix(file, ".apk") { // then the data is not signed, but summed up
		r := bytes.NewReader(rest)
		firstEntry(ts, r)
		signed = rest[:len(rest)-r.Len()]
	}
	switch args[0] {
	case "unsigned":
		b = rest
	case "stranger":
		key := *keys[1]
		key.Name = strings.TrimPrefix(name, ".SIGN.RSA.")
		b = resigned(ts, &key, signed, rest)
	case "other-key":
		b = resigned(ts, keys[1], signed, rest)
	case "restamped":
		b[4] ^= 1 // RFC 1952, section 2.3: MTIME
	case "flipped":
		b[len(b)/2] ^= 1
	default:
		ts.Fatalf("no way %q", args[0])
	}
	ts.Check(os.Remove(file)) // which may be a link to one that must not change
	ts.Check(os.WriteFile(file, b, 0o644))
}

// resigned returns key's signature of what rest begins with, and rest.
func resigned(ts *testscript.TestScript, key *apktest.Key, signed, rest []byte) []byte {
	b, err := key.Signed(signed)
	ts.Check(err)
	return append(b, rest[len(signed):]...)
}

// firstEntry returns the name of the first entry of the tar archive in the gzip
// member that r begins with, and leaves r behind it.
func firstEntry(ts *testscript.TestScript, r *bytes.Reader) string {
	gz, err := gzip.NewReader(r)
	ts.Check(err)
	gz.Multistream(false)
	archive, err := io.ReadAll(gz)
	ts.Check(err)
	h, err := tar.NewReader(bytes.NewReader(archive)).Next()
	ts.Check(err)
	return h.Name
}

// serve serves a folder over HTTP until the script ends, at the URL that it sets a
// variable to: serve VARIABLE DIR [ENDLESS]. The file called ENDLESS never ends, and
// its size is not announced.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: serve VARIABLE DIR [ENDLESS]")
	}
	files := http.FileServer(http.Dir(ts.MkAbs(args[1])))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(args) < 3 || path.Base(r.URL.Path) != args[2] {
			files.ServeHTTP(w, r)
			return
		}
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 32<<10)); err != nil {
				return
			}
		}
	}))
	ts.Defer(server.Close)
	ts.Setenv(args[0], server.URL)
}
