package oci

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// A Writer makes a layout beside the folder that it will become. It is not for
// concurrent use.
type Writer struct {
	dir  string // what Commit makes
	temp string
	lock *os.File // temp, locked for as long as its Writer lives
	root *os.Root // temp
	// blobs are those written so far, by digest.
	blobs map[digest.Digest]int64
	// omitted are those that were left out on purpose.
	omitted map[digest.Digest]int64
	// passing says that nothing is synced.
	passing bool
}

// Create begins the layout that Commit puts at dir, whose parent folder must
// exist. Until then everything is in ".<name>.tmp-<random>" in that parent, where
// Create removes what a killed Writer for the same dir left. When dir exists, it
// must be an empty folder or a layout, which Commit replaces.
func Create(dir string) (*Writer, error) {
	dir = filepath.Clean(dir)
	if err := checkReplaceable(dir); err != nil {
		return nil, err
	}
	temp, lock, err := makeTemp(dir)
	if err != nil {
		return nil, err
	}
	w := &Writer{dir: dir, temp: temp, lock: lock, blobs: map[digest.Digest]int64{}, omitted: map[digest.Digest]int64{}}
	if w.root, err = os.OpenRoot(temp); err == nil {
		err = w.root.MkdirAll(ocispec.ImageBlobsDir+"/"+digest.SHA256.String(), 0o755)
	}
	if err != nil {
		return nil, errors.Join(err, w.Abort())
	}
	return w, nil
}

// Passing says that the layout won't be there for longer than this process, so that
// nothing has to be synced to disk.
func (w *Writer) Passing() { w.passing = true }

// Add copies the blob that desc names from r, to r's end, and checks it. A blob
// that the layout has already is not read again.
func (w *Writer) Add(desc ocispec.Descriptor, r io.Reader) error {
	if err := checkDescriptor(desc); err != nil {
		return err
	}
	if size, ok := w.blobs[desc.Digest]; ok {
		if size != desc.Size {
			return &SizeError{"blob " + desc.Digest.String(), desc.Size, size}
		}
		return nil
	}
	name := blobPath(desc.Digest)
	if err := w.writeFile(name, newVerifier(io.NopCloser(r), desc)); err != nil {
		return errors.Join(err, ignoreMissing(w.root.Remove(name)))
	}
	w.blobs[desc.Digest] = desc.Size
	return nil
}

// AddBytes adds b and returns its descriptor.
func (w *Writer) AddBytes(mediaType string, b []byte) (ocispec.Descriptor, error) {
	desc := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(b), Size: int64(len(b))}
	return desc, w.Add(desc, bytes.NewReader(b))
}

// Omit lets Commit accept a layout without the blob that desc names (image-spec,
// image-layout.md: a blob may be in another store). Reading it is an error.
func (w *Writer) Omit(desc ocispec.Descriptor) error {
	if err := checkDescriptor(desc); err != nil {
		return err
	}
	w.omitted[desc.Digest] = desc.Size
	return nil
}

// Commit writes index.json with those manifests, in that order, syncs everything
// to disk, unless it is [Writer.Passing], and puts the layout at dir in one step. It refuses a layout that lacks
// a blob which a manifest names and Omit didn't. What dir holds is always whole:
// before that step what it held before, and then the new layout, even when
// removing the old one or the last sync is an error.
func (w *Writer) Commit(index []ocispec.Descriptor) error {
	if err := w.checkWhole(index); err != nil {
		return err
	}
	marker, err := json.Marshal(ocispec.ImageLayout{Version: ocispec.ImageLayoutVersion})
	if err != nil {
		return err
	}
	body, err := json.Marshal(ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageIndex,
		Manifests: index,
	})
	if err != nil {
		return err
	}
	if _, err := DecodeIndex(ocispec.ImageIndexFile, body); err != nil {
		return err
	}
	if err := w.writeFile(ocispec.ImageIndexFile, bytes.NewReader(body)); err != nil {
		return err
	}
	if err := w.writeFile(ocispec.ImageLayoutFile, bytes.NewReader(marker)); err != nil {
		return err
	}
	for _, name := range []string{"blobs/sha256", "blobs", "."} {
		if err := w.syncDir(filepath.Join(w.temp, name)); err != nil {
			return err
		}
	}
	if err := replace(w.temp, w.dir); err != nil {
		return err
	}
	w.close()
	return w.syncDir(filepath.Dir(w.dir))
}

func (w *Writer) syncDir(dir string) error {
	if w.passing {
		return nil
	}
	return syncDir(dir)
}

// Abort removes what was written. After Commit it does nothing, so that it can be
// deferred.
func (w *Writer) Abort() error {
	if w.temp == "" {
		return nil
	}
	err := os.RemoveAll(w.temp)
	w.close()
	return err
}

func (w *Writer) close() {
	if w.root != nil {
		w.root.Close()
	}
	w.lock.Close()
	w.temp = ""
}

// checkWhole checks that every blob was added that the index's manifests name, or
// those of an image index in it.
func (w *Writer) checkWhole(index []ocispec.Descriptor) error {
	l := &Layout{root: w.root}
	for _, desc := range index {
		if err := w.checkPresent("index.json", desc); err != nil {
			return err
		}
		manifests := []ocispec.Descriptor{desc}
		if desc.MediaType == ocispec.MediaTypeImageIndex {
			nested, _, err := l.ReadIndex(desc)
			if err != nil {
				return err
			}
			manifests = nested.Manifests
		}
		for _, m := range manifests {
			if err := w.checkManifest(l, m); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *Writer) checkManifest(l *Layout, desc ocispec.Descriptor) error {
	what := "manifest " + desc.Digest.String()
	if err := w.checkPresent(what, desc); err != nil {
		return err
	}
	m, _, err := l.ReadManifest(desc)
	if err != nil {
		return err
	}
	for _, d := range append([]ocispec.Descriptor{m.Config}, m.Layers...) {
		if err := w.checkPresent(what, d); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) checkPresent(what string, desc ocispec.Descriptor) error {
	size, ok := w.blobs[desc.Digest]
	if !ok {
		size, ok = w.omitted[desc.Digest]
	}
	if !ok {
		return &FormatError{what, fmt.Sprintf("blob %s was not added", desc.Digest)}
	}
	if size != desc.Size {
		return &SizeError{"blob " + desc.Digest.String(), desc.Size, size}
	}
	return nil
}

func (w *Writer) writeFile(name string, r io.Reader) error {
	f, err := w.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err == nil && !w.passing {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
