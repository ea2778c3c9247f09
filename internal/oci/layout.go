// Package oci reads and writes OCI image layouts (image-spec v1.1,
// image-layout.md) and the layers in them.
//
// What is read is untrusted. Every read has a limit, every blob is checked
// against its descriptor, documents that two parsers could read in two ways are
// refused, and nothing outside the layout's folder is opened. Only sha256 digests
// are accepted.
package oci

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
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

// MediaTypeSimpleSigning is that of the layers of a manifest with signatures in the
// form that podman, skopeo and bootc read (cosign, specs/SIGNATURE_SPEC.md). Such a
// manifest looks like that of an image, and refers to none: its tag does.
const MediaTypeSimpleSigning = "application/vnd.dev.cosign.simplesigning.v1+json"

// IsSignatures reports whether m is such a manifest.
func IsSignatures(m *ocispec.Manifest) bool {
	other := func(d ocispec.Descriptor) bool { return d.MediaType != MediaTypeSimpleSigning }
	return isPlain(m) && len(m.Layers) > 0 && !slices.ContainsFunc(m.Layers, other)
}

// IsImage reports whether m is an image's: it refers to nothing, and is neither an
// artifact nor signatures.
func IsImage(m *ocispec.Manifest) bool { return isPlain(m) && !IsSignatures(m) }

func isPlain(m *ocispec.Manifest) bool { return m.Subject == nil && m.ArtifactType == "" }

// documentKeys are the members of an index, a manifest and the objects in them.
var documentKeys = []string{
	"schemaVersion", "mediaType", "artifactType", "config", "layers", "manifests",
	"subject", "annotations", "digest", "size", "urls", "data", "platform",
	"architecture", "os", "os.version", "os.features", "variant",
	"imageLayoutVersion",
}

// A Layout is an OCI image layout in a folder or in one file.
type Layout struct{ files files }

// files are those of a layout, by their names in it. Whatever the name, nothing
// else can be opened, and only regular files.
type files interface {
	open(name string) (io.ReadCloser, error)
	stat() (fs.FileInfo, error)
	Close() error
}

// OpenLayout opens the layout in dir and checks its oci-layout file. Later reads
// go to that folder even when another takes over its name.
func OpenLayout(dir string) (*Layout, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	l := &Layout{files: folder{root}}
	if err := l.checkMarker(); err != nil {
		l.Close()
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

// Close releases the folder or file.
func (l *Layout) Close() error { return l.files.Close() }

// Stat describes the folder or file itself, for os.SameFile.
func (l *Layout) Stat() (fs.FileInfo, error) { return l.files.stat() }

// Images reads index.json and returns the descriptors in it, in its order: those
// of images, and of the manifests that refer to them.
func (l *Layout) Images() ([]ocispec.Descriptor, error) {
	index, _, err := l.Index()
	if err != nil {
		return nil, err
	}
	return index.Manifests, nil
}

// Index reads index.json, and returns it decoded and as it is on disk.
func (l *Layout) Index() (*ocispec.Index, []byte, error) {
	b, err := l.readFile(ocispec.ImageIndexFile, MaxDocument)
	if err != nil {
		return nil, nil, missing(ocispec.ImageIndexFile, err)
	}
	index, err := DecodeIndex(ocispec.ImageIndexFile, b)
	if err != nil {
		return nil, nil, err
	}
	return index, b, nil
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
	// Who wrote the descriptor may have lied about the size.
	b := bytes.NewBuffer(make([]byte, 0, min(desc.Size, maxInMemory)+bytes.MinRead))
	if _, err := b.ReadFrom(r); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Blob opens the bytes that desc names, or returns a *[MissingError]. The reader ends
// with io.EOF only when it has given exactly those; otherwise it ends with *SizeError
// or *DigestError, and what it gave before must not be used.
func (l *Layout) Blob(desc ocispec.Descriptor) (io.ReadCloser, error) {
	if err := checkDescriptor(desc); err != nil {
		return nil, err
	}
	f, err := l.files.open(BlobPath(desc.Digest))
	if err != nil {
		return nil, missing("blob "+desc.Digest.String(), err)
	}
	return newVerifier(f, desc), nil
}

// missing makes err a *MissingError if it says that there is no such file.
func missing(what string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &MissingError{what, err}
	}
	return err
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

// A folder has the files of a layout.
type folder struct{ root *os.Root }

func (d folder) Close() error               { return d.root.Close() }
func (d folder) stat() (fs.FileInfo, error) { return d.root.Stat(".") }

// open opens a file. O_NONBLOCK keeps a FIFO that lies in its place from blocking
// us.
func (d folder) open(name string) (io.ReadCloser, error) {
	f, err := d.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
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
	f, err := l.files.open(name)
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

// BlobPath returns where a layout has a blob (image-spec, image-layout.md, "Blobs").
func BlobPath(d digest.Digest) string {
	return ocispec.ImageBlobsDir + "/" + d.Algorithm().String() + "/" + d.Encoded()
}
