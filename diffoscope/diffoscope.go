// Package diffoscope compares two images: they are identical, or it lists what
// differs, from the outside in.
//
// Bytes decide: two images are identical when their manifests have one digest and
// every byte that the manifests name was read from both and is right. Parsers only
// explain. What none of them explains is listed as that, with its offset.
//
// Images are untrusted. All reading has limits, and what is missing, truncated or
// not what its digest says is an error, never a difference.
package diffoscope

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// Limits bound a comparison. A zero field means its default.
type Limits struct {
	// LayerSize is how many bytes one layer may have, uncompressed. The default
	// is 16 GiB.
	LayerSize int64
	// LayerRatio is how many times larger than its blob a layer may be, from
	// 256 MiB on. The default is 500.
	LayerRatio int64
	// Entries is how many entries a layer may have. The default is 1,000,000.
	Entries int
	// Path is how many bytes a name in a layer may have. The default is 4096.
	Path int
	// Differences is how many differences are listed; others are counted. No
	// kind and field, for example mtime, takes more than a tenth of them, so that
	// a thousand changed times don't hide one changed content. The default is
	// 10,000.
	Differences int
	// Depth is how many files in each other are taken apart. The default is 8.
	Depth int
	// Decoded is how many bytes are decoded to take files apart. The default is
	// 16 GiB.
	Decoded int64
}

// size and entries are those of a directory.
func (l Limits) size() int64 {
	if l.LayerSize <= 0 {
		return 16 << 30
	}
	return l.LayerSize
}

func (l Limits) entries() int {
	if l.Entries <= 0 {
		return 1_000_000
	}
	return l.Entries
}

func (l Limits) layer() oci.LayerLimits {
	return oci.LayerLimits{Size: l.LayerSize, Ratio: l.LayerRatio, Entries: l.Entries, Path: l.Path}
}

// An Image is one image in an OCI layout.
type Image struct {
	path     string
	layout   *oci.Layout
	find     finder
	info     os.FileInfo
	limits   Limits
	lenient  bool // see oci.LayerLimits
	opaque   bool // it is an artifact
	desc     ocispec.Descriptor
	manifest document
	config   document
	layers   []ocispec.Descriptor
	configAt ocispec.Descriptor
	diffIDs  []digest.Digest
	// walked says which layers the comparison has read to their end, and found right.
	walked []bool
}

// An ImageCountError reports that a layout holds Count images, where one is
// compared.
type ImageCountError struct {
	Path  string
	Count int
}

func (e *ImageCountError) Error() string {
	return fmt.Sprintf("%s: has %d images, want one", e.Path, e.Count)
}

// A ChangedError reports that What was changed while it was compared.
type ChangedError struct{ What string }

func (e *ChangedError) Error() string { return e.What + ": changed while it was compared" }

// Open opens the one image of the OCI layout in the folder path. Manifests with a
// subject, and artifacts, may lie beside it.
func Open(path string, limits Limits) (*Image, error) {
	return openWith(path, limits, (*Image).only)
}

// OpenImage opens the image that desc describes in the OCI layout in the folder path,
// whatever else is there.
func OpenImage(path string, desc ocispec.Descriptor, limits Limits) (*Image, error) {
	return openWith(path, limits, func(i *Image) (ocispec.Descriptor, *ocispec.Manifest, []byte, error) {
		m, raw, err := i.layout.ReadManifest(desc)
		return desc, m, raw, err
	})
}

// A finder finds the image to compare.
type finder func(*Image) (ocispec.Descriptor, *ocispec.Manifest, []byte, error)

func openWith(path string, limits Limits, find finder) (*Image, error) {
	layout, err := oci.OpenLayout(path)
	if err != nil {
		return nil, err
	}
	i := &Image{path: path, layout: layout, limits: limits, find: find}
	if err := i.load(); err != nil {
		layout.Close()
		return nil, err
	}
	return i, nil
}

// SetName has comparisons call the image name instead of its folder: for those that
// others read, whom this machine's folders don't concern.
func (i *Image) SetName(name string) { i.path = name }

// Close releases the layout.
func (i *Image) Close() error { return i.layout.Close() }

// Digest is that of the image's manifest.
func (i *Image) Digest() digest.Digest { return i.desc.Digest }

func (i *Image) load() error {
	info, err := i.layout.Stat()
	if err != nil {
		return err
	}
	desc, m, raw, err := i.find(i)
	if err != nil {
		return err
	}
	i.info, i.desc, i.layers, i.configAt = info, desc, m.Layers, m.Config
	if i.manifest, err = newDocument("manifest", raw); err != nil {
		return err
	}
	raw, err = i.layout.ReadBlob(m.Config, oci.MaxDocument)
	if err != nil {
		return fmt.Errorf("config: %w", err)
	}
	if i.config, err = newDocument("config", raw); err != nil {
		return err
	}
	i.diffIDs, err = i.config.diffIDs(len(m.Layers))
	return err
}

// only returns the layout's one image.
func (i *Image) only() (ocispec.Descriptor, *ocispec.Manifest, []byte, error) {
	var desc ocispec.Descriptor
	var image *ocispec.Manifest
	var raw []byte
	all, err := i.layout.Images()
	if err != nil {
		return desc, nil, nil, err
	}
	count := 0
	for _, d := range all {
		if d.MediaType == ocispec.MediaTypeImageIndex {
			index, _, err := i.layout.ReadIndex(d)
			if err != nil {
				return desc, nil, nil, err
			}
			count += len(index.Manifests)
			continue
		}
		m, b, err := i.layout.ReadManifest(d)
		if err != nil {
			return desc, nil, nil, err
		}
		if !isImage(m) {
			continue
		}
		count++
		desc, image, raw = d, m, b
	}
	if count != 1 || image == nil {
		return desc, nil, nil, &ImageCountError{i.path, count}
	}
	return desc, image, raw, nil
}

// isImage tells an image from what refers to one, and from artifacts: some of them,
// such as cosign's first signature format, have the config of an image.
func isImage(m *ocispec.Manifest) bool {
	return m.Subject == nil && m.Config.MediaType == ocispec.MediaTypeImageConfig &&
		!slices.ContainsFunc(m.Layers, func(l ocispec.Descriptor) bool { return !oci.IsLayer(l.MediaType) })
}

// Compare compares a and b. It reads every byte of both again and checks it against its
// digest. It returns an error, and no comparison, when that cannot be done or when a
// byte is wrong.
func Compare(ctx context.Context, a, b *Image) (*Comparison, error) {
	return CompareBuilds(ctx, a, b, cause.Builds{})
}

// CompareBuilds does what Compare does, and explains what differs by what is known of
// the builds that made a and b.
func CompareBuilds(ctx context.Context, a, b *Image, builds cause.Builds) (*Comparison, error) {
	c := &Comparison{a: a.subject(), b: b.subject(), distinct: !os.SameFile(a.info, b.info)}
	c.identical = a.desc.Digest == b.desc.Digest
	r := newRecorder(a.limits.Differences, newCauses(builds))
	var d []*Difference
	err := verified(ctx, []*Image{a, b}, func() (err error) {
		if !c.identical {
			d, err = compareImages(ctx, r, trail{}, a, b)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if c.identical {
		return c, nil
	}
	if r.total == 0 {
		// No part explains it, but the manifests have two digests.
		u := unexplained("manifest", a.manifest.raw, b.manifest.raw)
		r.admit(trail{}, u, u.Name)
		d = append(d, u)
	}
	c.Differences, c.Counts, c.Unlisted = d, r.list(), r.unlisted
	c.Causes, c.Skipped = r.causes.list(), r.allSkipped()
	return c, nil
}

func (i *Image) subject() Subject {
	s := Subject{Path: i.path, Digest: i.desc.Digest, Bytes: i.desc.Size + i.configAt.Size}
	for _, l := range i.layers {
		s.Bytes += l.Size
	}
	return s
}
