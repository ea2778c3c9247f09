package apk

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"

	"github.com/klauspost/compress/gzip"
)

// Limits on keys and on the root file system that has them.
const (
	maxKey         = 16 << 10
	maxKeys        = 1000
	maxKeyName     = 255
	minKeyBits     = 2048
	maxKeyBits     = 16384 // verifying takes longer with the size
	maxRootfs      = 4 << 30
	maxRootfsFiles = 1 << 20
)

// Keys are the public keys of one repository, by file name, which is how a
// signature names its key. A repository's own set is what keeps a key of another
// one from signing for it.
type Keys map[string]*rsa.PublicKey

// Names returns the keys' names, sorted.
func (k Keys) Names() []string { return slices.Sorted(maps.Keys(k)) }

// ParseKey parses a PEM public key (SubjectPublicKeyInfo, RFC 5280, section
// 4.1.2.7). name, the key's file name, only appears in errors, which are of type
// *KeyError. Keys are RSA and have 2048 bits or more.
func ParseKey(name string, b []byte) (*rsa.PublicKey, error) {
	fail := func(problem string, err error) (*rsa.PublicKey, error) {
		return nil, &KeyError{name, problem, err}
	}
	if len(b) > maxKey {
		return nil, &LimitError{"key " + name, maxKey}
	}
	block, rest := pem.Decode(b)
	if block == nil || block.Type != "PUBLIC KEY" {
		return fail("not a public key in PEM", nil)
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return fail("bytes follow the key", nil)
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return fail("not a public key", err)
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return fail(fmt.Sprintf("a %T, and apk takes RSA only", parsed), nil)
	}
	if n := key.N.BitLen(); n < minKeyBits || n > maxKeyBits {
		return fail(fmt.Sprintf("has %d bits, and a key has %d to %d", n, minKeyBits, maxKeyBits), nil)
	}
	return key, nil
}

// checkKeyName reports a name that can't be that of a file in etc/apk/keys.
func checkKeyName(name string) error {
	if name == "" || len(name) > maxKeyName || name[0] == '.' || strings.ContainsFunc(name, notInName) {
		return &KeyError{clip(fmt.Sprintf("%q", name)), "not the name of a key", nil}
	}
	return nil
}

// notInName reports what no name of a key or file should have: a separator, a
// space, or what a terminal doesn't show.
func notInName(r rune) bool { return r <= ' ' || r == '/' || r == '\\' || r >= 0x7f }

// ownKeyName is what a key that comes without a name may be called: apk looks for
// it in a folder, under the name in the signature.
var ownKeyName = lazyregexp.New(`^[A-Za-z0-9_@+][A-Za-z0-9._@+-]*\.rsa\.pub$`)

// ReadOwnIndex is [ReadIndex] for a repository with one key of its own, in PEM. It
// also returns the repository's set: that key, under the name with which the index
// says it is signed, which is how apk will look for it.
//
// Its errors are those of ReadIndex and *KeyError.
func ReadOwnIndex(name string, b []byte, key string) (*Index, Keys, error) {
	public, err := ParseKey("of "+name, []byte(key))
	if err != nil {
		return nil, nil, err
	}
	signers, err := SignersUnsafe(name, b)
	if err != nil {
		return nil, nil, err
	}
	for _, signer := range signers {
		keys := Keys{signer: public}
		index, readErr := ReadIndex(name, b, keys)
		var refused *SignatureError
		if err = readErr; errors.As(err, &refused) {
			continue // another of the signatures may be the key's
		}
		if err != nil {
			return nil, nil, err
		}
		if !ownKeyName.MatchString(signer) {
			return nil, nil, &KeyError{signer, "not the name of a file of apk's keys, which end in .rsa.pub", nil}
		}
		return index, keys, nil
	}
	return nil, nil, err
}

const (
	trustedFolder = "etc/apk/keys"
	allFolder     = "usr/share/apk/keys"
)

// RootfsKeys returns the keys with which the apk in a root file system, a
// tar.gz file, verifies what is for arch: those in etc/apk/keys. If the root file
// system says in usr/share/apk/keys/ARCH which of all keys are for arch, the
// others are left out. name only appears in errors.
func RootfsKeys(name string, r io.Reader, arch string) (Keys, error) {
	files, err := keyFiles(name, r)
	if err != nil {
		return nil, err
	}
	keys := Keys{}
	ours := path.Join(allFolder, arch)
	narrowed := slices.ContainsFunc(slices.Collect(maps.Keys(files)), func(p string) bool { return path.Dir(p) == ours })
	for _, p := range slices.Sorted(maps.Keys(files)) {
		if path.Dir(p) != trustedFolder {
			continue
		}
		content, err := files.resolve(name, p)
		if err != nil {
			return nil, err
		}
		if _, has := files[path.Join(ours, path.Base(p))]; narrowed && !has {
			continue
		}
		if narrowed {
			other, err := files.resolve(name, path.Join(ours, path.Base(p)))
			if err != nil {
				return nil, err
			}
			if !bytes.Equal(content, other) {
				return nil, &KeyError{path.Base(p), fmt.Sprintf("%s has two that differ", name), nil}
			}
		}
		if keys[path.Base(p)], err = ParseKey(path.Base(p), content); err != nil {
			return nil, err
		}
	}
	if len(keys) == 0 {
		return nil, &KeyError{name, "has none for " + arch + " in " + trustedFolder, nil}
	}
	return keys, nil
}

// A keySet has the keys of a root file system by path: content, or, for a
// symbolic link, where it points.
type keySet map[string]keyFile

type keyFile struct {
	content []byte
	link    string
}

// resolve returns the content of the key at p, which may be one link away.
func (s keySet) resolve(rootfs, p string) ([]byte, error) {
	f := s[p]
	if f.link != "" {
		target := path.Join(path.Dir(p), f.link)
		if path.IsAbs(f.link) {
			target = path.Clean(f.link)[1:]
		}
		f = s[target]
	}
	if f.content == nil {
		return nil, &KeyError{path.Base(p), fmt.Sprintf("%s has a link to nothing in %s", rootfs, path.Dir(p)), nil}
	}
	return f.content, nil
}

// keyFiles reads what is below etc/apk/keys and usr/share/apk/keys.
func keyFiles(name string, r io.Reader) (keySet, error) {
	gz, err := gzip.NewReader(bufio.NewReaderSize(r, 64<<10))
	if err != nil {
		return nil, &FormatError{name, "not a gzip file", err}
	}
	gz.Multistream(false)
	archive := tar.NewReader(&limitReader{gz, maxRootfs, maxRootfs, name})
	files := keySet{}
	for n := 0; ; n++ {
		h, err := archive.Next()
		if err == io.EOF {
			return files, nil
		}
		if err != nil {
			return nil, &FormatError{name, "not a tar archive", err}
		}
		if n == maxRootfsFiles || len(files) > maxKeys {
			return nil, &LimitError{"number of files in " + name, maxRootfsFiles}
		}
		p := path.Clean(h.Name)
		if !strings.HasSuffix(p, ".rsa.pub") || path.Dir(p) != trustedFolder && !strings.HasPrefix(p, allFolder+"/") {
			continue
		}
		if err := files.add(name, p, h, archive); err != nil {
			return nil, err
		}
	}
}

func (s keySet) add(rootfs, p string, h *tar.Header, r io.Reader) error {
	if err := checkKeyName(path.Base(p)); err != nil {
		return err
	}
	if _, has := s[p]; has {
		return &KeyError{path.Base(p), "is there twice in " + path.Dir(p), nil}
	}
	switch h.Typeflag {
	case tar.TypeReg:
		content, err := readLimited(r, maxKey, "key "+path.Base(p))
		if err != nil {
			return formatError(rootfs, "not a tar archive", err)
		}
		s[p] = keyFile{content: content}
	case tar.TypeSymlink:
		s[p] = keyFile{link: h.Linkname}
	default:
		return &KeyError{path.Base(p), "not a file", nil}
	}
	return nil
}
