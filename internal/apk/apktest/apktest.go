// Package apktest makes apk repositories for tests: keys, packages and indexes that
// the real apk takes, signed as Alpine signs its own.
package apktest

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
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Key signs packages and indexes.
type Key struct {
	// Name is the key's file name, which signatures have.
	Name    string
	Private *rsa.PrivateKey
}

// NewKey makes a key of 2048 bits.
func NewKey(name string) (*Key, error) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	return &Key{name, private}, err
}

// PEM returns the public key as apk has it in /etc/apk/keys.
func (k *Key) PEM() ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(&k.Private.PublicKey)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), err
}

// Sign puts the key's signature before b. Without a key, it returns b.
func (k *Key) Sign(b []byte) ([]byte, error) {
	if k == nil {
		return b, nil
	}
	sum := sha1.Sum(b)
	sig, err := rsa.SignPKCS1v15(nil, k.Private, crypto.SHA1, sum[:])
	if err != nil {
		return nil, err
	}
	archive, err := Archive(false, File{Name: ".SIGN.RSA." + k.Name, Content: string(sig)})
	return append(archive, b...), err
}

// A File is an entry of an archive: a folder when its name ends in a slash.
type File struct {
	Name, Content string
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
	// Info has more lines of .PKGINFO, such as "depend = so:libc.musl-x86_64.so.1".
	Info []string
	// Scripts are the files of the control archive beside it, such as
	// ".post-install".
	Scripts []File
	// Files are what it installs, folders before what is in them.
	Files []File
}

// arch is that of all repositories made here.
const arch = "x86_64"

// Build returns the package's file, signed with key if it isn't nil, and its entry
// in an index.
func (p Package) Build(key *Key) (file []byte, entry string, err error) {
	data, err := Archive(true, p.Files...)
	if err != nil {
		return nil, "", err
	}
	info := fmt.Sprintf("pkgname = %s\npkgver = %s\narch = %s\nsize = 1\n%s\ndatahash = %x\n",
		p.Name, p.Version, arch, strings.Join(p.Info, "\n"), sha256.Sum256(data))
	control, err := Archive(false, append([]File{{Name: ".PKGINFO", Content: info}}, p.Scripts...)...)
	if err != nil {
		return nil, "", err
	}
	signed, err := key.Sign(control)
	if err != nil {
		return nil, "", err
	}
	file = append(signed, data...)
	sum := sha1.Sum(control)
	entry = fmt.Sprintf("C:Q1%s\nP:%s\nV:%s\nA:%s\nS:%d\nI:1\nT:a test\nU:https://example.org\nL:MIT\n",
		base64.StdEncoding.EncodeToString(sum[:]), p.Name, p.Version, arch, len(file))
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
	index, err := Archive(true, File{Name: "DESCRIPTION", Content: "a test"}, File{Name: "APKINDEX", Content: list, Time: 1718724996})
	if err != nil {
		return err
	}
	if index, err = r.IndexKey.Sign(index); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "APKINDEX.tar.gz"), index, 0o644)
}
