package rebuild

import (
	"context"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
)

// Limits on what one place says about one image.
const (
	maxStatements = 256
	maxTotal      = 64 << 20 // bytes
)

// A PlaceError reports a place from which the statements can't be read, so that what
// it has to say isn't known.
type PlaceError struct {
	Place string
	Err   error
}

func (e *PlaceError) Error() string { return fmt.Sprintf("statements in %s: %v", e.Place, e.Err) }
func (e *PlaceError) Unwrap() error { return e.Err }

// ReadFiles returns the bundles about an image that the folder of statements at a
// place has: as files on this machine, or served over HTTP.
//
// The place is its owner's alone. Whatever is wrong with it is a *[PlaceError]: a
// statement that can't be read may be the one that matters.
func ReadFiles(ctx context.Context, place trust.Source, image ocispec.Descriptor) ([]release.Bundle, error) {
	r := &reader{place: place, image: image, left: maxTotal}
	bundles, err := r.read(ctx)
	var known *PlaceError
	if err != nil && !errors.As(err, &known) {
		err = &PlaceError{Place: place.String(), Err: err}
	}
	return bundles, err
}

type reader struct {
	place trust.Source
	image ocispec.Descriptor
	left  int64
}

func (r *reader) read(ctx context.Context) ([]release.Bundle, error) {
	b, err := r.place.Read(ctx, markerFile, maxMarker)
	if err != nil {
		return nil, err
	}
	if err := checkMarker(r.place.String(), b); err != nil {
		return nil, err
	}
	var missing *trust.MissingError
	raw, err := r.file(ctx, ocispec.ImageIndexFile, oci.MaxDocument)
	if errors.As(err, &missing) {
		return nil, nil // it says nothing of this image
	}
	if err != nil {
		return nil, err
	}
	index, err := oci.DecodeIndex(ocispec.ImageIndexFile, raw)
	if err != nil {
		return nil, err
	}
	if n := len(index.Manifests); n > maxStatements {
		return nil, &oci.LimitError{What: "statements", Size: int64(n), Limit: maxStatements}
	}
	var all []release.Bundle
	for _, desc := range index.Manifests {
		bundle, err := r.bundle(ctx, desc)
		if err != nil {
			return nil, err
		}
		all = append(all, bundle)
	}
	return all, nil
}

func (r *reader) bundle(ctx context.Context, desc ocispec.Descriptor) (release.Bundle, error) {
	raw, err := r.blob(ctx, desc, oci.MaxDocument)
	if err != nil {
		return release.Bundle{}, err
	}
	m, err := oci.DecodeManifest("manifest "+desc.Digest.String(), raw)
	if err != nil {
		return release.Bundle{}, err
	}
	layer, err := release.BundleLayer(m, r.image)
	if err != nil {
		return release.Bundle{}, fmt.Errorf("manifest %s: %w", desc.Digest, err)
	}
	body, err := r.blob(ctx, layer, sign.MaxBundle)
	return release.Bundle{Manifest: desc.Digest, Annotations: m.Annotations, Body: body}, err
}

// blob reads what desc names, and checks it.
func (r *reader) blob(ctx context.Context, desc ocispec.Descriptor, limit int64) ([]byte, error) {
	name := "blob " + desc.Digest.String()
	if desc.Size > limit {
		return nil, &oci.LimitError{What: name, Size: desc.Size, Limit: limit}
	}
	b, err := r.file(ctx, ocispec.ImageBlobsDir+"/"+desc.Digest.Algorithm().String()+"/"+desc.Digest.Encoded(), desc.Size)
	if err != nil {
		return nil, err
	}
	return b, checkBlob(name, desc, b)
}

// checkBlob checks that b is what desc describes.
func checkBlob(name string, desc ocispec.Descriptor, b []byte) error {
	if int64(len(b)) != desc.Size {
		return &oci.SizeError{Blob: name, Expected: desc.Size, Got: int64(len(b))}
	}
	if got := digest.FromBytes(b); got != desc.Digest {
		return &oci.DigestError{Blob: name, Expected: desc.Digest, Got: got}
	}
	return nil
}

// file reads a file of the image's folder.
func (r *reader) file(ctx context.Context, name string, limit int64) ([]byte, error) {
	b, err := r.place.Read(ctx, folderOf(r.image.Digest)+"/"+name, min(limit, r.left))
	r.left -= int64(len(b))
	return b, err
}
