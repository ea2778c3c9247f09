package inputs

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"os"
	"path"
)

// A tarball is a tar archive that depends on nothing but the files put into it:
// owner 0, no times, folders 0755 and before what is in them, in the order in
// which the files are added. It is written to a file of the store's tmp folder.
type tarball struct {
	store *Store
	file  *os.File
	hash  hash.Hash
	size  int64
	tar   *tar.Writer
	dirs  map[string]bool
	t     *transfer
}

func (s *Store) newTarball(t *transfer) (*tarball, error) {
	file, err := s.temp()
	if err != nil {
		return nil, err
	}
	b := &tarball{store: s, file: file, hash: sha256.New(), dirs: map[string]bool{".": true}, t: t}
	b.tar = tar.NewWriter(b)
	return b, nil
}

// Write takes the archive's bytes from the tar writer.
func (b *tarball) Write(p []byte) (int, error) {
	b.hash.Write(p)
	b.t.add(int64(len(p)))
	n, err := b.file.Write(p)
	b.size += int64(n)
	if err != nil {
		return n, &StoreError{Path: b.file.Name(), Err: err}
	}
	return n, nil
}

// start begins a file of size bytes, which the caller then writes to the result.
func (b *tarball) start(name string, size, mode int64) (io.Writer, error) {
	if err := b.mkdir(path.Dir(name)); err != nil {
		return nil, err
	}
	return b.tar, b.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: mode})
}

func (b *tarball) add(name string, content []byte) error {
	w, err := b.start(name, int64(len(content)), 0o644)
	if err != nil {
		return err
	}
	_, err = w.Write(content)
	return err
}

func (b *tarball) mkdir(name string) error {
	if b.dirs[name] {
		return nil
	}
	if err := b.mkdir(path.Dir(name)); err != nil {
		return err
	}
	b.dirs[name] = true
	return b.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755})
}

// sum ends the archive and returns its sha256 in hex.
func (b *tarball) sum() (string, error) {
	if err := b.tar.Close(); err != nil {
		return "", err
	}
	return hex.EncodeToString(b.hash.Sum(nil)), nil
}

// discard removes the archive, unless the store has taken it.
func (b *tarball) discard() {
	b.file.Close()
	os.Remove(b.file.Name())
}
