package main

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
	"encoding/base64"
	"encoding/pem"
	"fmt"
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
)

// signer is the name of the key that signs the mirrors which alpine makes.
const signer = "test@example.org-1.rsa.pub"

// signers are made once: that of the mirrors, and somebody else's.
var signers = sync.OnceValues(func() (keys [2]*rsa.PrivateKey, err error) {
	for i := range keys {
		if keys[i], err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			break
		}
	}
	return keys, err
})

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
	main := filepath.Join(branch, "main", "x86_64")
	ts.Check(os.MkdirAll(main, 0o755))
	const rootfs = "releases/x86_64/alpine-minirootfs-3.19.4-x86_64.tar.gz"
	if _, err := os.Stat(filepath.Join(branch, rootfs)); err != nil {
		ts.Check(os.MkdirAll(filepath.Join(branch, path.Dir(rootfs)), 0o755))
		ts.Check(trusting(filepath.Join(ts.Getenv("MIRROR"), "v3.19", rootfs), filepath.Join(branch, rootfs), &keys[0].PublicKey))
	}
	var index strings.Builder
	for _, arg := range args[2:] {
		name, rest, _ := strings.Cut(arg, "=")
		version, member, _ := strings.Cut(rest, ":")
		file, entry := apkFile(name, version, member, keys[0])
		index.WriteString(entry)
		ts.Check(os.WriteFile(filepath.Join(main, name+"-"+version+".apk"), file, 0o644))
	}
	list := zipped(tarred(true,
		tar.Header{Name: "DESCRIPTION"}, []byte("v3.19"),
		tar.Header{Name: "APKINDEX", ModTime: time.Unix(made, 0)}, []byte(index.String())))
	ts.Check(os.WriteFile(filepath.Join(main, "APKINDEX.tar.gz"), append(signature(keys[0], signer, list), list...), 0o644))
}

// trusting writes a root file system that also trusts key.
func trusting(from, to string, key *rsa.PublicKey) error {
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
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return err
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	archive = bytes.TrimRight(archive, "\x00")
	archive = append(archive, make([]byte, (512-len(archive)%512)%512)...)
	archive = append(archive, tarred(true,
		tar.Header{Name: "etc/apk/keys/" + signer, Mode: 0o644}, public,
		tar.Header{Name: "usr/share/apk/keys/x86_64/" + signer, Mode: 0o644}, public)...)
	return os.WriteFile(to, zipped(archive), 0o644)
}

// apkFile returns a package and its entry in an index.
func apkFile(name, version, member string, key *rsa.PrivateKey) (file []byte, entry string) {
	content := []byte(name + " " + version + "\n")
	h := tar.Header{Name: "usr/share/" + name, Mode: 0o644}
	if member != "" {
		h.Name, h.Linkname, _ = strings.Cut(member, "->")
	}
	if h.Linkname != "" {
		h.Typeflag, content = tar.TypeSymlink, nil
	}
	sum := sha1.Sum(content)
	h.PAXRecords = map[string]string{"APK-TOOLS.checksum.SHA1": fmt.Sprintf("%x", sum)}
	folder := func(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o755} }
	data := zipped(tarred(true, folder("usr/"), []byte(nil), folder("usr/share/"), []byte(nil), h, content))
	info := fmt.Sprintf("pkgname = %s\npkgver = %s\narch = x86_64\nsize = %d\ndatahash = %x\n", name, version, len(content), sha256.Sum256(data))
	control := zipped(tarred(false, tar.Header{Name: ".PKGINFO", Mode: 0o644}, []byte(info)))
	file = append(append(signature(key, signer, control), control...), data...)
	id := sha1.Sum(control)
	return file, fmt.Sprintf("C:Q1%s\nP:%s\nV:%s\nA:x86_64\nS:%d\nI:%d\n\n", base64.StdEncoding.EncodeToString(id[:]), name, version, len(file), len(content))
}

// signature returns the first member of what is signed.
func signature(key *rsa.PrivateKey, name string, signed []byte) []byte {
	sum := sha1.Sum(signed)
	sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA1, sum[:])
	if err != nil {
		panic(err)
	}
	return zipped(tarred(false, tar.Header{Name: ".SIGN.RSA." + name, Mode: 0o644}, sig))
}

// tarred returns a tar archive of pairs of a tar.Header and a []byte, with the
// zeros at its end if it is whole.
func tarred(whole bool, entries ...any) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(entries); i += 2 {
		h, content := entries[i].(tar.Header), entries[i+1].([]byte)
		if h.Typeflag == 0 {
			h.Typeflag, h.Size = tar.TypeReg, int64(len(content))
		}
		if h.ModTime.IsZero() {
			h.ModTime = time.Unix(0, 0)
		}
		if err := w.WriteHeader(&h); err != nil {
			panic(err)
		}
		if _, err := w.Write(content); err != nil {
			panic(err)
		}
	}
	if err := w.Flush(); err != nil {
		panic(err)
	}
	if whole {
		if err := w.Close(); err != nil {
			panic(err)
		}
	}
	return b.Bytes()
}

func zipped(b []byte) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		panic(err)
	}
	if _, err := w.Write(b); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
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
		b = append(signature(keys[1], strings.TrimPrefix(name, ".SIGN.RSA."), signed), rest...)
	case "other-key":
		b = append(signature(keys[1], "stranger@example.org-2.rsa.pub", signed), rest...)
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
