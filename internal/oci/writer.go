package oci

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	// blobsFolder has the blobs, marker is what the file oci-layout says.
	blobsFolder = ocispec.ImageBlobsDir + "/sha256"
	marker      = `{"imageLayoutVersion":"` + ocispec.ImageLayoutVersion + `"}`
)

// A Writer makes a layout beside the folder that it will become. Different blobs
// may be added concurrently.
type Writer struct {
	dir  string // what Commit makes
	temp string
	keep bool     // Abort leaves temp to the next Resume
	lock *os.File // temp, locked for as long as its Writer lives
	root *os.Root // temp

	mu sync.Mutex
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
	return newWriter(dir, temp, lock)
}

func newWriter(dir, temp string, lock *os.File) (w *Writer, err error) {
	w = &Writer{dir: dir, temp: temp, lock: lock, blobs: map[digest.Digest]int64{}, omitted: map[digest.Digest]int64{}}
	if w.root, err = os.OpenRoot(temp); err == nil {
		err = w.root.MkdirAll(blobsFolder, 0o755)
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
	if has, err := w.Has(desc); has || err != nil {
		return err
	}
	name := BlobPath(desc.Digest)
	if err := w.writeFile(name, newVerifier(io.NopCloser(r), desc)); err != nil {
		return errors.Join(err, ignoreMissing(w.root.Remove(name)))
	}
	w.added(desc)
	return nil
}

func (w *Writer) added(desc ocispec.Descriptor) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.blobs[desc.Digest] = desc.Size
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
	w.mu.Lock()
	defer w.mu.Unlock()
	w.omitted[desc.Digest] = desc.Size
	return nil
}

// Commit writes index.json with those manifests, in that order, syncs everything
// to disk, unless it is [Writer.Passing], and puts the layout at dir in one step. It
// refuses a layout that lacks a blob which a manifest names and Omit didn't. What dir
// holds is always whole: before that step what it held before, and then the new
// layout, even when removing the old one or the last sync is an error.
func (w *Writer) Commit(index []ocispec.Descriptor) error {
	if _, err := w.Stage(index); err != nil {
		return err
	}
	if err := w.removeUnused(index); err != nil {
		return err
	}
	for _, name := range []string{blobsFolder, ocispec.ImageBlobsDir, "."} {
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

// Stage is Commit without the last step: the folder that it returns is a layout, to
// be looked at, until the Writer is used again.
func (w *Writer) Stage(index []ocispec.Descriptor) (dir string, err error) {
	if err := w.checkWhole(index); err != nil {
		return "", err
	}
	body, err := encodeIndex(index)
	if err != nil {
		return "", err
	}
	for name, content := range map[string][]byte{ocispec.ImageIndexFile: body, ocispec.ImageLayoutFile: []byte(marker)} {
		if err := ignoreMissing(w.root.Remove(name)); err != nil {
			return "", err
		}
		if err := w.writeFile(name, bytes.NewReader(content)); err != nil {
			return "", err
		}
	}
	return w.temp, nil
}

// encodeIndex returns index.json with those manifests.
func encodeIndex(index []ocispec.Descriptor) ([]byte, error) {
	body, err := json.Marshal(ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageIndex,
		Manifests: index,
	})
	if err != nil {
		return nil, err
	}
	_, err = DecodeIndex(ocispec.ImageIndexFile, body)
	return body, err
}

// Abort removes what was written, unless the next [Resume] is to use it. After
// Commit it does nothing, so that it can be deferred.
func (w *Writer) Abort() error {
	if w.temp == "" {
		return nil
	}
	var err error
	if !w.keep {
		err = os.RemoveAll(w.temp)
	}
	w.close()
	return err
}

// Discard is Abort that leaves nothing to the next [Resume] either.
func (w *Writer) Discard() error {
	w.keep = false
	return w.Abort()
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
	l := &Layout{files: folder{w.root}}
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
	w.mu.Lock()
	defer w.mu.Unlock()
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
