// Package apktest makes apk repositories for tests: packages and indexes that the
// real apk takes, signed as Alpine signs its own.
package apktest

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Key signs packages and indexes. This package has no code that signs: only
// tests do, and bring it.
type Key struct {
	// Name is the key's file name, which signatures have.
	Name string
	// PEM is the public key as apk has it in /etc/apk/keys.
	PEM []byte
	// RSA returns the signature of a SHA-1 (PKCS #1 v1.5, RFC 8017, section 8.2).
	RSA func(sum []byte) ([]byte, error)
}

// NewKey returns the key that goes with public. rsa is as in Key.
func NewKey(name string, public *rsa.PublicKey, rsa func(sum []byte) ([]byte, error)) (*Key, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	return &Key{name, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), rsa}, err
}

// Signed puts the key's signature before b. Without a key, it returns b.
func (k *Key) Signed(b []byte) ([]byte, error) {
	if k == nil {
		return b, nil
	}
	sum := sha1.Sum(b)
	sig, err := k.RSA(sum[:])
	if err != nil {
		return nil, err
	}
	archive, err := Archive(false, File{Name: ".SIGN.RSA." + k.Name, Content: string(sig)})
	return append(archive, b...), err
}

// A File is an entry of an archive: a folder when its name ends in a slash, and a
// symbolic link when it has a Link.
type File struct {
	Name, Content string
	Link          string
	Mode          int64 // 0 is 0755 for a folder, and 0644 for a file
	// Time is in seconds since 1970.
	Time int64
}

// Archive returns a tar.gz of files. Only the last of the archives that a package
// or an index is made of has the zeros at its end.
func Archive(last bool, files ...File) ([]byte, error) {
	var b bytes.Buffer
	gz := gzip.NewWriter(&b)
	w := tar.NewWriter(gz)
	for _, f := range files {
		h := &tar.Header{Name: f.Name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(f.Content)), ModTime: time.Unix(f.Time, 0)}
		if strings.HasSuffix(f.Name, "/") {
			h.Typeflag, h.Mode = tar.TypeDir, 0o755
		}
		if f.Link != "" {
			h.Typeflag, h.Linkname = tar.TypeSymlink, f.Link
		}
		if f.Mode != 0 {
			h.Mode = f.Mode
		}
		if last && h.Typeflag == tar.TypeReg {
			// apk's own list of a package's files has their sums from here.
			h.PAXRecords = map[string]string{"APK-TOOLS.checksum.SHA1": fmt.Sprintf("%x", sha1.Sum([]byte(f.Content)))}
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write([]byte(f.Content)); err != nil {
			return nil, err
		}
	}
	if err := w.Flush(); err != nil {
		return nil, err
	}
	if last {
		if err := w.Close(); err != nil {
			return nil, err
		}
	}
	err := gz.Close()
	return b.Bytes(), err
}

// A Package is what goes into a repository.
type Package struct {
	Name, Version string
	// Arch is x86_64 if it is "".
	Arch string
	// Info has more lines of .PKGINFO, such as "depend = so:libc.musl-x86_64.so.1".
	Info []string
	// Scripts are the files of the control archive beside it, such as
	// ".post-install".
	Scripts []File
	// Files are what it installs, folders before what is in them.
	Files []File
}

// arch is that of all repositories made here, and of packages that have no other.
const arch = "x86_64"

// Build returns the package's file, signed with key if it isn't nil, and its entry
// in an index.
func (p Package) Build(key *Key) (file []byte, entry string, err error) {
	data, err := Archive(true, p.Files...)
	if err != nil {
		return nil, "", err
	}
	info := fmt.Sprintf("pkgname = %s\npkgver = %s\narch = %s\nsize = 1\n%s\ndatahash = %x\n",
		p.Name, p.Version, cmp.Or(p.Arch, arch), strings.Join(p.Info, "\n"), sha256.Sum256(data))
	control, err := Archive(false, append([]File{{Name: ".PKGINFO", Content: info}}, p.Scripts...)...)
	if err != nil {
		return nil, "", err
	}
	signed, err := key.Signed(control)
	if err != nil {
		return nil, "", err
	}
	file = append(signed, data...)
	sum := sha1.Sum(control)
	entry = fmt.Sprintf("C:Q1%s\nP:%s\nV:%s\nA:%s\nS:%d\nI:1\nT:a test\nU:https://example.org\nL:MIT\n",
		base64.StdEncoding.EncodeToString(sum[:]), p.Name, p.Version, cmp.Or(p.Arch, arch), len(file))
	for _, line := range p.Info {
		if depend, ok := strings.CutPrefix(line, "depend = "); ok {
			entry += "D:" + depend + "\n"
		}
	}
	return file, entry + "\n", nil
}

// A Repository is what Write makes.
type Repository struct {
	// Key signs the packages, and IndexKey the index. Nil is no signature.
	Key, IndexKey *Key
	Packages      []Package
	// Time is when the index was made, in seconds since 1970. The default is in
	// June 2024.
	Time int64
}

// Write makes the repository in dir, as apk wants it: dir/x86_64/APKINDEX.tar.gz
// and the packages beside it.
func (r Repository) Write(dir string) error {
	dir = filepath.Join(dir, arch)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	list := ""
	for _, p := range r.Packages {
		file, entry, err := p.Build(r.Key)
		if err != nil {
			return err
		}
		list += entry
		if err := os.WriteFile(filepath.Join(dir, p.Name+"-"+p.Version+".apk"), file, 0o644); err != nil {
			return err
		}
	}
	made := r.Time
	if made == 0 {
		made = 1718724996
	}
	index, err := Archive(true, File{Name: "DESCRIPTION", Content: "a test"}, File{Name: "APKINDEX", Content: list, Time: made})
	if err != nil {
		return err
	}
	if index, err = r.IndexKey.Signed(index); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "APKINDEX.tar.gz"), index, 0o644)
}
