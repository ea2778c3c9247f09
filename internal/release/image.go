package release

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/inventory"
	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// An image is one whose every blob was read and checked.
type image struct {
	// desc is the manifest's, with the platform that the config names.
	desc     ocispec.Descriptor
	manifest *ocispec.Manifest
	// compressed is the size of manifest, config and layers; unpacked that of
	// the layers' tar archives, or unread.
	compressed, unpacked int64
	labels               map[string]string // of the config
	annotations          map[string]string // of the manifest
	// inventory is what is in it, nil when its layers were not unpacked or it can't
	// be said, with notListed as the reason.
	inventory *inventory.Inventory
	notListed error
	// claimed is what the index calls it, which nobody signed.
	claimed string
}

// blobs returns the config and the layers.
func (i *image) blobs() []ocispec.Descriptor {
	return append([]ocispec.Descriptor{i.manifest.Config}, i.manifest.Layers...)
}

// callsItself checks that the image's annotations, as far as it has them, say the same of
// its name, version and time as the provenance.
func (i *image) callsItself(p evidence.Parameters) error {
	for _, a := range []struct{ name, want string }{
		{ocispec.AnnotationTitle, p.Recipe},
		{ocispec.AnnotationVersion, fmt.Sprintf("%s-r%d", p.Version, p.Release)},
		{ocispec.AnnotationCreated, time.Unix(p.Epoch, 0).UTC().Format(time.RFC3339)},
	} {
		if got, ok := i.annotations[a.name]; ok && got != a.want {
			return fmt.Errorf("the provenance has %s %q, and the image %q", a.name, a.want, got)
		}
	}
	return nil
}

// unread is the unpacked size of layers that were not unpacked.
const unread = -1

// readImage reads all of the image that desc names: each blob has its digest and
// size, and each layer the diffID that the config says.
func readImage(ctx context.Context, l *layout, desc ocispec.Descriptor) (img *image, err error) {
	s := inventory.NewScanner()
	defer func() { err = errors.Join(err, s.Close()) }()
	read := func(ctx context.Context, l *layout, desc ocispec.Descriptor, diffID string) (int64, error) {
		return readLayer(ctx, l, desc, diffID, s)
	}
	if img, err = readImageBy(ctx, l, desc, read); err != nil {
		return nil, err
	}
	img.inventory, img.notListed = s.Inventory()
	return img, nil
}

// An imageReader reads the image that desc names.
type imageReader func(ctx context.Context, l *layout, desc ocispec.Descriptor) (*image, error)

// readPacked reads an image, and its layers without unpacking them.
func readPacked(ctx context.Context, l *layout, desc ocispec.Descriptor) (*image, error) {
	return readImageBy(ctx, l, desc, checkLayer)
}

// readWithoutLayers reads an image whose layers are not there.
func readWithoutLayers(ctx context.Context, l *layout, desc ocispec.Descriptor) (*image, error) {
	return readImageBy(ctx, l, desc, skipLayer)
}

// readImageBy reads an image, its layers with read.
func readImageBy(ctx context.Context, l *layout, desc ocispec.Descriptor, read layerReader) (*image, error) {
	manifest, err := l.manifest(desc)
	if err != nil {
		return nil, err
	}
	if manifest.Subject != nil {
		return nil, fmt.Errorf("manifest %s: it has a subject, so it is no image", desc.Digest)
	}
	config, err := readConfig(l, manifest.Config)
	if err != nil {
		return nil, err
	}
	if len(config.RootFS.DiffIDs) != len(manifest.Layers) {
		return nil, fmt.Errorf("manifest %s has %d layers, its config %d diffIDs",
			desc.Digest, len(manifest.Layers), len(config.RootFS.DiffIDs))
	}
	img := &image{
		desc: ocispec.Descriptor{
			MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size, Platform: &config.Platform,
		},
		manifest:    manifest,
		compressed:  desc.Size + manifest.Config.Size,
		labels:      config.Config.Labels,
		annotations: manifest.Annotations,
	}
	for i, d := range manifest.Layers {
		size, err := read(ctx, l, d, config.RootFS.DiffIDs[i].String())
		if err != nil {
			return nil, err
		}
		img.compressed += d.Size
		if size == unread || img.unpacked == unread {
			img.unpacked = unread
		} else {
			img.unpacked += size
		}
	}
	return img, nil
}

func readConfig(l *layout, desc ocispec.Descriptor) (*ocispec.Image, error) {
	if desc.MediaType != ocispec.MediaTypeImageConfig {
		return nil, fmt.Errorf("config %s: media type is %q, want %q", desc.Digest, desc.MediaType, ocispec.MediaTypeImageConfig)
	}
	raw, err := l.ReadBlob(desc, oci.MaxDocument)
	if err != nil {
		return nil, err
	}
	var config ocispec.Image
	if err := oci.UnmarshalJSON("config "+desc.Digest.String(), raw, &config); err != nil {
		return nil, err
	}
	return &config, nil
}

// A layerReader checks a layer and returns its uncompressed size, or unread.
type layerReader func(ctx context.Context, l *layout, desc ocispec.Descriptor, diffID string) (int64, error)

// checkLayer checks a layer's digest and size, and doesn't unpack it.
func checkLayer(ctx context.Context, l *layout, desc ocispec.Descriptor, _ string) (size int64, err error) {
	if !oci.IsLayer(desc.MediaType) {
		return 0, fmt.Errorf("layer %s: media type is %q, which is no layer's", desc.Digest, desc.MediaType)
	}
	blob, err := l.Blob(desc)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, blob.Close()) }()
	for buf := make([]byte, 128<<10); ; {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if _, err := blob.Read(buf); err == io.EOF {
			return unread, nil
		} else if err != nil {
			return 0, err
		}
	}
}

// skipLayer is for layers that are not there.
func skipLayer(context.Context, *layout, ocispec.Descriptor, string) (int64, error) {
	return unread, nil
}

// readLayer reads a layer to its end, shows its entries to s, and returns its
// uncompressed size.
func readLayer(ctx context.Context, l *layout, desc ocispec.Descriptor, diffID string, s *inventory.Scanner) (size int64, err error) {
	s.NextLayer()
	r, err := l.OpenLayer(desc, oci.LayerLimits{})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = s.Entry(h, r)
		}
		if err != nil {
			return 0, err
		}
	}
	if got := r.DiffID().String(); got != diffID {
		return 0, fmt.Errorf("layer %s unpacks to %s, the config says %s", desc.Digest, got, diffID)
	}
	return r.Size(), nil
}

// validRefName is the grammar of org.opencontainers.image.ref.name (image-spec,
// annotations.md) as far as "name:tag" goes, with a tag that registries take.
var validRefName = lazyregexp.New(`^[A-Za-z0-9]+([-._]+[A-Za-z0-9]+)*:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)

// refName returns what the image is called in the release's index.
func refName(r *recipe.Recipe) (string, error) {
	name := imageName(r.Name, r.Version, r.Release)
	if !validRefName.MatchString(name) {
		return "", &NameError{Name: name}
	}
	return name, nil
}

func imageName(recipe, version string, release int) string {
	return fmt.Sprintf("%s:%s-r%d", recipe, version, release)
}
