package apk

import (
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/rsa"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	kgzip "github.com/klauspost/compress/gzip"

	"gitlab.com/tailsbuild/tailsbuild/internal/apk/apktest"
)

// testRepository returns the index and the one package of a small repository.
func testRepository(t *testing.T) (index, file []byte) {
	t.Helper()
	private := privateKeys()[0]
	key, err := apktest.NewKey(testKey, &private.PublicKey, func(sum []byte) ([]byte, error) {
		return rsa.SignPKCS1v15(nil, private, crypto.SHA1, sum)
	})
	check(t, err)
	dir := t.TempDir()
	check(t, apktest.Repository{Key: key, IndexKey: key, Packages: []apktest.Package{{
		Name: "foo", Version: "1.2-r3", Files: []apktest.File{{Name: "usr/"}, {Name: "usr/a", Content: "hello"}},
	}}}.Write(dir))
	return readFile(t, dir, "x86_64/APKINDEX.tar.gz"), readFile(t, dir, "x86_64/foo-1.2-r3.apk")
}

// TestSignatureFlipped: the member of the signatures, which nobody signs, has one form
// alone.
func TestSignatureFlipped(t *testing.T) {
	index, file := testRepository(t)
	x, err := ReadIndex("i", index, testKeys())
	check(t, err)
	for name, test := range map[string]struct {
		b    []byte
		read func(b []byte) error
	}{
		"index":   {index, func(b []byte) error { _, err := ReadIndex("i", b, testKeys()); return err }},
		"package": {file, func(b []byte) error { _, err := verify(x.Find("foo")[0], b, testKeys()); return err }},
	} {
		check(t, test.read(test.b))
		raw, _, _, err := splitMember(name, test.b, maxSignatureTar)
		check(t, err)
		for i := range raw {
			for bit := range 8 {
				b := bytes.Clone(test.b)
				b[i] ^= 1 << bit
				if test.read(b) == nil {
					t.Errorf("%s: byte %d of %d, bit %d: taken", name, i, len(raw), bit)
				}
			}
		}
	}
}

// TestRealSignatureFlipped: so has each that Alpine made.
func TestRealSignatureFlipped(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(mirror(t), "v3.19/[mc]*/x86_64/*"))
	check(t, err)
	for n, name := range files {
		f, err := os.Open(name)
		check(t, err)
		head := make([]byte, 4<<10)
		_, err = f.Read(head)
		check(t, err)
		check(t, f.Close())
		raw, content, _, err := splitMember(name, head, maxSignatureTar)
		check(t, errors.Join(err, checkMember(name, raw, content)))
		for i := range raw {
			b := bytes.Clone(raw)
			b[i] ^= 1 << ((n + i) % 8) // another bit in each file
			_, got, rest, err := splitMember(name, b, maxSignatureTar)
			if err == nil && len(rest) == 0 && bytes.Equal(got, content) && checkMember(name, b, got) == nil {
				t.Errorf("%s: byte %d: taken", name, i)
			}
		}
	}
}

func TestSignatureMember(t *testing.T) {
	index, _ := testRepository(t)
	raw, content, rest, err := splitMember("i", index, maxSignatureTar)
	check(t, err)
	member := func(level int, change func(w *gzip.Writer)) []byte {
		var b bytes.Buffer
		w, err := gzip.NewWriterLevel(&b, level)
		check(t, err)
		change(w)
		_, err = w.Write(content)
		check(t, err)
		check(t, w.Close())
		return b.Bytes()
	}
	// klauspost/compress doesn't look for the nearest copy.
	fast := func(at time.Time) []byte {
		var b bytes.Buffer
		w := kgzip.NewWriter(&b)
		w.ModTime = at
		_, err := w.Write(content)
		check(t, errors.Join(err, w.Close()))
		return b.Bytes()
	}
	// The last block, which is empty, begins with a byte: one bit says that it is the
	// last, two how it is stored, and five fill the byte up.
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err = w.Write(content)
	check(t, errors.Join(err, w.Flush(), w.Close()))
	filled := b.Bytes()
	filled[len(filled)-8-5] ^= 1 << 7
	for name, test := range map[string]struct {
		member  []byte
		problem string // "" is none
	}{
		"Go's":           {member(gzip.DefaultCompression, func(*gzip.Writer) {}), ""},
		"gzip's":         {member(gzip.BestCompression, func(w *gzip.Writer) { w.OS = 3 }), ""},
		"melange's":      {fast(time.Time{}), ""},
		"a name":         {member(gzip.DefaultCompression, func(w *gzip.Writer) { w.Name = "x" }), "gzip header"},
		"a comment":      {member(gzip.DefaultCompression, func(w *gzip.Writer) { w.Comment = "x" }), "gzip header"},
		"another system": {member(gzip.DefaultCompression, func(w *gzip.Writer) { w.OS = 7 }), "gzip header"},
		"fast":           {member(gzip.BestSpeed, func(*gzip.Writer) {}), "gzip header"},
		"a time":         {flip(raw, 5), "gzip header"},
		"filling":        {filled, "filled up"},
		"far copies":     {fast(time.Unix(0, 0)), "copies from farther"},
	} {
		_, err := ReadIndex("i", append(test.member, rest...), testKeys())
		if test.problem == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if got := wantError[*FormatError](t, err); got.File != "i, signatures" || !strings.Contains(got.Error(), test.problem) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
