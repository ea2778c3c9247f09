package oci

import (
	"encoding/json"
	"fmt"
	"io"
	"path"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// dockerFile is where docker save says which files are an image's.
const dockerFile = "manifest.json"

// A dockerImage is one image of docker save (moby, image/spec/v1.2.md, "Combined Image
// JSON + Filesystem Changeset Format").
type dockerImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

func (t *tarFiles) hasDocker() bool {
	p, ok := t.parts[dockerFile]
	return ok && p.size < MaxDocument
}

// makeLayout makes the documents of a layout that has the images of docker save. It
// reports whether there are any: any program may have a manifest.json.
func (t *tarFiles) makeLayout() (bool, error) {
	l := &Layout{files: t}
	b, err := l.readFile(dockerFile, MaxDocument)
	if err != nil {
		return false, err
	}
	var images []dockerImage
	if json.Unmarshal(b, &images) != nil || len(images) == 0 || images[0].Config == "" {
		return false, nil
	}
	if err := UnmarshalJSON(dockerFile, b, &images, "Config", "RepoTags", "Layers"); err != nil {
		return false, fmt.Errorf("%s: %w", t.opened.Name(), err)
	}
	t.made = map[string][]byte{ocispec.ImageLayoutFile: []byte(marker)}
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex}
	for _, image := range images {
		desc, err := t.makeManifest(image)
		if err != nil {
			return false, fmt.Errorf("%s: %w", t.opened.Name(), err)
		}
		index.Manifests = append(index.Manifests, desc)
	}
	body, err := json.Marshal(index)
	if err != nil {
		return false, err
	}
	t.made[ocispec.ImageIndexFile] = body
	return true, nil
}

func (t *tarFiles) makeManifest(image dockerImage) (ocispec.Descriptor, error) {
	m := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
	var err error
	if m.Config, err = t.describe(image.Config); err != nil {
		return ocispec.Descriptor{}, err
	}
	m.Config.MediaType = ocispec.MediaTypeImageConfig
	if n := len(image.Layers); n > MaxLayers {
		return ocispec.Descriptor{}, &LimitError{"layers in " + dockerFile, int64(n), MaxLayers}
	}
	m.Layers = []ocispec.Descriptor{}
	for _, name := range image.Layers {
		desc, err := t.describe(name)
		if err != nil {
			return ocispec.Descriptor{}, err
		}
		m.Layers = append(m.Layers, desc)
	}
	body, err := json.Marshal(m)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	desc := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromBytes(body), Size: int64(len(body))}
	t.made[BlobPath(desc.Digest)] = body
	return desc, nil
}

// describe hashes a file, and makes a blob of it.
func (t *tarFiles) describe(name string) (ocispec.Descriptor, error) {
	p, ok := t.find(path.Clean(name))
	if !ok {
		return ocispec.Descriptor{}, &FormatError{dockerFile, fmt.Sprintf("%q is missing", name)}
	}
	r := io.NewSectionReader(t.file, p.offset, p.size)
	d, err := digest.SHA256.FromReader(r)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	head := make([]byte, min(4, p.size))
	if _, err := r.ReadAt(head, 0); err != nil && err != io.EOF {
		return ocispec.Descriptor{}, err
	}
	desc := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: d, Size: p.size}
	switch compressionOf(head) {
	case "gzip":
		desc.MediaType = ocispec.MediaTypeImageLayerGzip
	case "zstd":
		desc.MediaType = ocispec.MediaTypeImageLayerZstd
	}
	if _, ok := t.parts[BlobPath(d)]; !ok {
		t.parts[BlobPath(d)], t.aliases[BlobPath(d)] = p, true
	}
	return desc, nil
}

// Media types of Docker's own manifests (distribution, manifest-v2-2.md), which are
// those of OCI but for the names.
const (
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerIndex    = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerConfig   = "application/vnd.docker.container.image.v1+json"
	dockerLayer    = "application/vnd.docker.image.rootfs.diff.tar"
)

// ociType returns the media type of OCI for one of Docker's, and others as they are.
func ociType(mediaType string) string {
	switch mediaType {
	case dockerManifest:
		return ocispec.MediaTypeImageManifest
	case dockerIndex:
		return ocispec.MediaTypeImageIndex
	case dockerConfig:
		return ocispec.MediaTypeImageConfig
	case dockerLayer:
		return ocispec.MediaTypeImageLayer
	case dockerLayer + ".gzip":
		return ocispec.MediaTypeImageLayerGzip
	}
	return mediaType
}

// IsIndex reports whether a descriptor with that media type is an index, of OCI or
// Docker.
func IsIndex(mediaType string) bool { return ociType(mediaType) == ocispec.MediaTypeImageIndex }

// ReadAnyManifest is [Layout.ReadManifest], which takes Docker's manifests, too. Its
// descriptors have OCI's media types; what is on disk says what it says.
func (l *Layout) ReadAnyManifest(desc ocispec.Descriptor) (*ocispec.Manifest, []byte, error) {
	if desc.MediaType != dockerManifest {
		return l.ReadManifest(desc)
	}
	what := "manifest " + desc.Digest.String()
	b, err := l.ReadBlob(desc, MaxDocument)
	if err != nil {
		return nil, nil, err
	}
	m, err := decodeManifest(what, b, dockerManifest)
	if err != nil {
		return nil, nil, err
	}
	m.Config.MediaType = ociType(m.Config.MediaType)
	for i := range m.Layers {
		m.Layers[i].MediaType = ociType(m.Layers[i].MediaType)
	}
	return m, b, nil
}

// ReadAnyIndex is [Layout.ReadIndex], which takes Docker's manifest lists, too.
func (l *Layout) ReadAnyIndex(desc ocispec.Descriptor) (*ocispec.Index, []byte, error) {
	if desc.MediaType != dockerIndex {
		return l.ReadIndex(desc)
	}
	what := "index " + desc.Digest.String()
	b, err := l.ReadBlob(desc, MaxDocument)
	if err != nil {
		return nil, nil, err
	}
	index, err := decodeIndex(what, b, dockerIndex)
	return index, b, err
}
