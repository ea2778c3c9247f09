// Package oci reads and writes OCI image layouts (image-spec v1.1,
// image-layout.md) and the layers in them.
//
// What is read is untrusted. Every read has a limit, every blob is checked
// against its descriptor, documents that two parsers could read in two ways are
// refused, and nothing outside the layout's folder is opened. Only sha256 digests
// are accepted.
package oci

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	// MaxDocument is the limit in bytes of an index, manifest or config.
	MaxDocument = 4 << 20
	// MaxManifests is how many manifests an index may name.
	MaxManifests = 1024
	// MaxLayers is how many layers a manifest may name.
	MaxLayers = 1024
)

// documentKeys are the members of an index, a manifest and the objects in them.
var documentKeys = []string{
	"schemaVersion", "mediaType", "artifactType", "config", "layers", "manifests",
	"subject", "annotations", "digest", "size", "urls", "data", "platform",
	"architecture", "os", "os.version", "os.features", "variant",
	"imageLayoutVersion",
}

// A Layout is an OCI image layout in a folder.
type Layout struct {
	root *os.Root
}

// OpenLayout opens the layout in dir and checks its oci-layout file. Later reads
// go to that folder even when another takes over its name.
func OpenLayout(dir string) (*Layout, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	l := &Layout{root: root}
	if err := l.checkMarker(); err != nil {
		root.Close()
		return nil, fmt.Errorf("layout %s: %w", dir, err)
	}
	return l, nil
}

func (l *Layout) checkMarker() error {
	b, err := l.readFile(ocispec.ImageLayoutFile, 4096)
	if err != nil {
		return err
	}
	var marker ocispec.ImageLayout
	if err := UnmarshalJSON(ocispec.ImageLayoutFile, b, &marker, documentKeys...); err != nil {
		return err
	}
	if marker.Version != ocispec.ImageLayoutVersion {
		return &FormatError{
			ocispec.ImageLayoutFile,
			fmt.Sprintf("imageLayoutVersion is %q, want %q", marker.Version, ocispec.ImageLayoutVersion),
		}
	}
	return nil
}

// Close releases the folder.
func (l *Layout) Close() error { return l.root.Close() }

// Stat describes the folder itself, for os.SameFile.
func (l *Layout) Stat() (fs.FileInfo, error) { return l.root.Stat(".") }

// Images reads index.json and returns the descriptors in it, in its order: those
// of images, and of the manifests that refer to them.
func (l *Layout) Images() ([]ocispec.Descriptor, error) {
	b, err := l.readFile(ocispec.ImageIndexFile, MaxDocument)
	if err != nil {
		return nil, err
	}
	index, err := DecodeIndex(ocispec.ImageIndexFile, b)
	if err != nil {
		return nil, err
	}
	return index.Manifests, nil
}

// ReadManifest returns the image manifest that desc names, decoded and as it is
// on disk (image-spec, manifest.md). Every descriptor in it is valid.
func (l *Layout) ReadManifest(desc ocispec.Descriptor) (*ocispec.Manifest, []byte, error) {
	what := "manifest " + desc.Digest.String()
	if desc.MediaType != ocispec.MediaTypeImageManifest {
		return nil, nil, &FormatError{what, fmt.Sprintf("media type is %q, want %q", desc.MediaType, ocispec.MediaTypeImageManifest)}
	}
	b, err := l.ReadBlob(desc, MaxDocument)
	if err != nil {
		return nil, nil, err
	}
	m, err := DecodeManifest(what, b)
	if err != nil {
		return nil, nil, err
	}
	return m, b, nil
}

// ReadIndex returns the image index that desc names, decoded and as it is on disk
// (image-spec, image-index.md). Every descriptor in it is valid.
func (l *Layout) ReadIndex(desc ocispec.Descriptor) (*ocispec.Index, []byte, error) {
	what := "index " + desc.Digest.String()
	if desc.MediaType != ocispec.MediaTypeImageIndex {
		return nil, nil, &FormatError{what, fmt.Sprintf("media type is %q, want %q", desc.MediaType, ocispec.MediaTypeImageIndex)}
	}
	b, err := l.ReadBlob(desc, MaxDocument)
	if err != nil {
		return nil, nil, err
	}
	index, err := DecodeIndex(what, b)
	if err != nil {
		return nil, nil, err
	}
	return index, b, nil
}

// ReadBlob returns the bytes that desc names, checked. It is a *LimitError when
// they are more than limit.
func (l *Layout) ReadBlob(desc ocispec.Descriptor, limit int64) ([]byte, error) {
	if desc.Size > limit {
		return nil, &LimitError{"blob " + desc.Digest.String(), desc.Size, limit}
	}
	r, err := l.Blob(desc)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// Blob opens the bytes that desc names. The reader ends with io.EOF only when it
// has given exactly those; otherwise it ends with *SizeError or *DigestError, and
// what it gave before must not be used.
func (l *Layout) Blob(desc ocispec.Descriptor) (io.ReadCloser, error) {
	if err := checkDescriptor(desc); err != nil {
		return nil, err
	}
	f, err := l.open(blobPath(desc.Digest))
	if err != nil {
		return nil, err
	}
	return newVerifier(f, desc), nil
}

// Referrers returns descriptors of the manifests in index.json whose subject is
// the manifest with that digest, in index.json's order. Each manifest is read and
// checked: artifactType and annotations are the manifest's own, never those of
// the descriptor in index.json.
func (l *Layout) Referrers(subject digest.Digest) ([]ocispec.Descriptor, error) {
	all, err := l.Images()
	if err != nil {
		return nil, err
	}
	var found []ocispec.Descriptor
	for _, desc := range all {
		if desc.MediaType != ocispec.MediaTypeImageManifest {
			continue
		}
		m, _, err := l.ReadManifest(desc)
		if err != nil {
			return nil, err
		}
		if m.Subject == nil || m.Subject.Digest != subject {
			continue
		}
		ref := ocispec.Descriptor{
			MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size,
			ArtifactType: m.ArtifactType, Annotations: m.Annotations,
		}
		if ref.ArtifactType == "" {
			ref.ArtifactType = m.Config.MediaType
		}
		found = append(found, ref)
	}
	return found, nil
}

// open opens a regular file of the layout. O_NONBLOCK keeps a FIFO that lies in
// its place from blocking us.
func (l *Layout) open(name string) (*os.File, error) {
	f, err := l.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &FormatError{name, "not a regular file"}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (l *Layout) readFile(name string, limit int64) ([]byte, error) {
	f, err := l.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, &LimitError{name, int64(len(b)), limit}
	}
	return b, nil
}

func blobPath(d digest.Digest) string {
	return ocispec.ImageBlobsDir + "/" + d.Algorithm().String() + "/" + d.Encoded()
}
