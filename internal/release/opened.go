package release

import (
	"context"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// An opened is a release whose images were read.
type opened struct {
	*layout
	called string // by errors
	// index describes the image index of several images, and is nil for one.
	index  *ocispec.Descriptor
	images []*image // in the order of the index
	// withoutSealed says not to read sealed inputs.
	withoutSealed bool
	// others are all other manifests, in the order of the layout's own index.
	others []attachedTo
}

// An attachedTo is a manifest that refers to another.
type attachedTo struct {
	ocispec.Descriptor
	subject digest.Digest // "" for none
}

// openRelease opens the release in dir, which errors call called, and reads its
// images with read.
func openRelease(ctx context.Context, dir, called string, read imageReader) (*opened, error) {
	l, err := openLayout(dir)
	if err != nil {
		return nil, err
	}
	return readRelease(ctx, l, called, read)
}

// readRelease is openRelease of the layout l, which it closes when there is an error.
func readRelease(ctx context.Context, l *layout, called string, read imageReader) (*opened, error) {
	r := &opened{layout: l, called: called}
	err := r.read(ctx, read)
	if err == nil {
		return r, nil
	}
	err = errors.Join(err, l.Close())
	var refused *RefusedError
	if errors.As(err, &refused) {
		refused.Dir = called
		return nil, refused
	}
	return nil, fmt.Errorf("release %s: %w", called, err)
}

func (r *opened) read(ctx context.Context, read imageReader) error {
	top, err := r.split()
	if err != nil {
		return err
	}
	images, err := r.all(top)
	if err != nil {
		return err
	}
	for _, desc := range images {
		img, err := read(ctx, r.layout, desc)
		if err != nil {
			return err
		}
		img.claimed = top.Annotations[ocispec.AnnotationRefName]
		if name := platformOf(desc); r.index != nil && name != platformOf(img.desc) {
			return &RefusedError{Reason: fmt.Errorf("the index has %s for %q, which is for %q", desc.Digest, name, platformOf(img.desc))}
		}
		r.images = append(r.images, img)
	}
	return nil
}

// split returns the descriptor of the layout's one image or image index, and fills
// in the index and all else.
func (r *opened) split() (ocispec.Descriptor, error) {
	var images []ocispec.Descriptor
	index, err := r.Images()
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	if len(index) > maxEvidence+1 {
		return ocispec.Descriptor{}, &oci.LimitError{What: "index.json", Size: int64(len(index)), Limit: maxEvidence + 1}
	}
	for _, desc := range index {
		if desc.MediaType == ocispec.MediaTypeImageIndex {
			images = append(images, desc)
			continue
		}
		m, err := r.manifest(desc)
		switch {
		case err != nil:
			return ocispec.Descriptor{}, err
		case oci.IsImage(m):
			images = append(images, desc)
		case oci.IsSignatures(m): // which podman reads, and nothing here does
		case m.Subject != nil:
			r.others = append(r.others, attachedTo{desc, m.Subject.Digest})
		default:
			r.others = append(r.others, attachedTo{desc, ""})
		}
	}
	if len(images) != 1 {
		return ocispec.Descriptor{}, &RefusedError{Reason: fmt.Errorf("%d images, want 1", len(images))}
	}
	if top := images[0]; top.MediaType == ocispec.MediaTypeImageIndex {
		r.index = &ocispec.Descriptor{MediaType: top.MediaType, Digest: top.Digest, Size: top.Size}
	}
	return images[0], nil
}

// all returns the descriptors of all images: top, or those in it.
func (r *opened) all(top ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	if r.index == nil {
		return []ocispec.Descriptor{top}, nil
	}
	return r.listed(top)
}

// listed returns the descriptors of the images in an index, each for a platform of
// its own.
func (r *opened) listed(top ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	index, _, err := r.ReadIndex(top)
	if err != nil {
		return nil, err
	}
	refused := func(format string, args ...any) ([]ocispec.Descriptor, error) {
		return nil, &RefusedError{Image: top.Digest, Reason: fmt.Errorf(format, args...)}
	}
	if n := len(index.Manifests); n == 0 || n > maxPlatforms || index.Subject != nil || index.ArtifactType != "" {
		return refused("an index of %d manifests, or of no image", n)
	}
	seen := map[string]bool{}
	for _, desc := range index.Manifests {
		name := platformOf(desc)
		if name == "" || seen[name] {
			return refused("the index has two images for the platform %q, or for none", name)
		}
		seen[name] = true
	}
	return index.Manifests, nil
}

// about returns the manifests that may be about what desc describes: those that refer
// to it and, for a release of one image, all others.
func (r *opened) about(desc ocispec.Descriptor) []ocispec.Descriptor {
	var all []ocispec.Descriptor
	for _, o := range r.others {
		if r.index == nil || o.subject == desc.Digest {
			all = append(all, o.Descriptor)
		}
	}
	return all
}

// strays returns the manifests that refer to nothing in an index, nor to it.
func (r *opened) strays() []ocispec.Descriptor {
	known := map[digest.Digest]bool{r.index.Digest: true}
	for _, img := range r.images {
		known[img.desc.Digest] = true
	}
	var all []ocispec.Descriptor
	for _, o := range r.others {
		if !known[o.subject] {
			all = append(all, o.Descriptor)
		}
	}
	return all
}
