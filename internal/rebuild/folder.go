package rebuild

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// A folder of statements has a marker, and for each image a folder that is an OCI
// image layout of the manifests that refer to it. Who finds no marker has no folder
// of statements: a disk that isn't mounted is not one that has nothing to say.
const (
	markerFile    = "statements.json"
	markerVersion = 1
	maxMarker     = 4096
)

type marker struct {
	Version int `json:"version"`
}

// folderOf returns the name of an image's folder, which is also the tag of the
// referrers tag schema (distribution-spec v1.1).
func folderOf(image digest.Digest) string { return strings.Replace(image.String(), ":", "-", 1) }

// Publish adds statements to the folder dir, one after the other, and makes it if it
// isn't there. What the folder has stays.
func Publish(dir string, statements []Statement) (err error) {
	lock, err := lockFolder(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	for _, st := range statements {
		if err := publish(filepath.Join(dir, folderOf(st.Attachment.Subject.Digest)), st); err != nil {
			return err
		}
	}
	return nil
}

// lockFolder makes dir a folder of statements if it is empty or not there, and keeps
// other writers from it until what it returns is closed.
func lockFolder(dir string) (_ *os.File, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, markerFile)
	f, err := openMarker(dir, path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return nil, &fs.PathError{Op: "flock", Path: path, Err: err}
	}
	b := make([]byte, maxMarker)
	n, _ := f.ReadAt(b, 0)
	if n == 0 {
		raw, err := json.Marshal(marker{markerVersion})
		if err != nil {
			return nil, err
		}
		_, err = f.WriteAt(append(raw, '\n'), 0)
		return f, errors.Join(err, f.Sync())
	}
	return f, checkMarker(dir, b[:n])
}

// openMarker opens the marker at path, and makes it in a folder that has nothing else.
func openMarker(dir, path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	// Another writer may have made it meanwhile.
	if _, err := os.Lstat(path); err != nil && len(entries) > 0 {
		return nil, &PlaceError{Place: dir, Err: errors.New("it has other files, and no " + markerFile)}
	}
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
}

func checkMarker(place string, b []byte) error {
	var m marker
	if err := oci.UnmarshalJSON(markerFile, b, &m, "version"); err != nil {
		return &PlaceError{Place: place, Err: err}
	}
	if m.Version != markerVersion {
		return &PlaceError{Place: place, Err: fmt.Errorf("%s has version %d, want %d", markerFile, m.Version, markerVersion)}
	}
	return nil
}

// publish writes the layout dir anew, with one statement more.
func publish(dir string, st Statement) (err error) {
	w, err := oci.Create(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Abort()) }()
	index, err := copyAll(w, dir)
	if err != nil {
		return err
	}
	desc, blobs, err := st.Attachment.Manifest()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(index, func(d ocispec.Descriptor) bool { return d.Digest == desc.Digest }) {
		return nil
	}
	for _, b := range blobs {
		if _, err := w.AddBytes(b.MediaType, b.Data); err != nil {
			return err
		}
	}
	return w.Commit(append(index, desc))
}

// copyAll copies what the layout dir has, if it is there, and returns its index.
func copyAll(w *oci.Writer, dir string) ([]ocispec.Descriptor, error) {
	l, err := oci.OpenLayout(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer l.Close()
	index, err := l.Images()
	if err != nil {
		return nil, err
	}
	for _, desc := range index {
		m, raw, err := l.ReadManifest(desc)
		if err != nil {
			return nil, err
		}
		for _, d := range append([]ocispec.Descriptor{m.Config}, m.Layers...) {
			b, err := l.ReadBlob(d, sign.MaxBundle)
			if err != nil {
				return nil, err
			}
			if _, err := w.AddBytes(d.MediaType, b); err != nil {
				return nil, err
			}
		}
		if _, err := w.AddBytes(desc.MediaType, raw); err != nil {
			return nil, err
		}
	}
	return index, nil
}
