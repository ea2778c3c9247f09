package rebuild

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// A repository of statements has them as what refers to an image, which isn't there,
// and a marker: without one, a repository that is gone or that nobody may see would
// be one that has nothing to say.
const (
	markerTag  = "statements"
	markerType = "application/vnd.tailsbuild.statements.v1+json"
)

// errNoMarker is that a repository isn't one of statements.
var errNoMarker = errors.New("it has no " + markerTag + " tag that makes it a repository of statements")

// openRepository opens the repository called name, without a tag.
func openRepository(ctx context.Context, name string, write bool, opts registry.Options) (*registry.Repository, error) {
	ref, err := registry.ParseReference(name + ":" + markerTag)
	if err != nil {
		return nil, err
	}
	return registry.OpenRepository(ctx, ref, write, nil, opts)
}

// newMarker returns the marker's manifest, which is always the same.
func newMarker() (*registry.Manifest, error) {
	empty := ocispec.DescriptorEmptyJSON
	empty.Data = nil
	return encode(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		ArtifactType: markerType, Config: empty, Layers: []ocispec.Descriptor{empty},
	})
}

func encode(m ocispec.Manifest) (*registry.Manifest, error) {
	raw, err := json.Marshal(m)
	return &registry.Manifest{
		Descriptor: ocispec.Descriptor{MediaType: m.MediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))},
		Body:       raw, Content: &m,
	}, err
}

// hasMarker reports whether the repository is one of statements.
func hasMarker(ctx context.Context, r *registry.Repository) (bool, error) {
	m, err := r.Manifest(ctx, markerTag)
	if m == nil || err != nil {
		return false, err
	}
	if m.Content.ArtifactType != markerType {
		return false, fmt.Errorf("the tag %s is of type %q, want %q", markerTag, m.Content.ArtifactType, markerType)
	}
	return true, nil
}

// ReadRepository is [ReadFiles] of a repository of statements, HOST/PATH.
func ReadRepository(ctx context.Context, name string, image ocispec.Descriptor, opts registry.Options) ([]release.Bundle, error) {
	bundles, err := readRepository(ctx, name, image, opts)
	if err != nil {
		return nil, &PlaceError{Place: name, Err: err}
	}
	return bundles, nil
}

func readRepository(ctx context.Context, name string, image ocispec.Descriptor, opts registry.Options) ([]release.Bundle, error) {
	r, err := openRepository(ctx, name, false, opts)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	switch ok, err := hasMarker(ctx, r); {
	case err != nil:
		return nil, err
	case !ok:
		return nil, errNoMarker
	}
	list, problems, err := r.Referrers(ctx, image)
	if err != nil {
		return nil, err
	}
	if len(problems) > 0 {
		return nil, problems[0].Err
	}
	if n := len(list); n > maxStatements {
		return nil, &oci.LimitError{What: "statements", Size: int64(n), Limit: maxStatements}
	}
	var all []release.Bundle
	left := int64(maxTotal)
	for _, desc := range list {
		bundle, err := readReferrer(ctx, r, desc.Digest, image)
		if err != nil {
			return nil, fmt.Errorf("manifest %s: %w", desc.Digest, err)
		}
		if bundle == nil {
			continue
		}
		if left -= int64(len(bundle.Body)); left < 0 {
			return nil, &oci.LimitError{What: "statements", Size: maxTotal - left, Limit: maxTotal}
		}
		all = append(all, *bundle)
	}
	return all, nil
}

// readReferrer reads one manifest about image, and the bundle that it carries. It
// returns nil for an artifact of another kind.
func readReferrer(ctx context.Context, r *registry.Repository, manifest digest.Digest, image ocispec.Descriptor) (*release.Bundle, error) {
	m, err := r.Manifest(ctx, manifest.String())
	switch {
	case err != nil:
		return nil, err
	case m == nil:
		return nil, errors.New("it is listed, and not there")
	case m.Content.ArtifactType != sign.BundleMediaType:
		return nil, nil
	}
	layer, err := release.BundleLayer(m.Content, image)
	if err != nil {
		return nil, err
	}
	body, err := readBlob(ctx, r, layer)
	return &release.Bundle{Manifest: manifest, Annotations: m.Content.Annotations, Body: body}, err
}

func readBlob(ctx context.Context, r *registry.Repository, desc ocispec.Descriptor) ([]byte, error) {
	name := "blob " + desc.Digest.String()
	if desc.Size > sign.MaxBundle {
		return nil, &oci.LimitError{What: name, Size: desc.Size, Limit: sign.MaxBundle}
	}
	rc, err := r.Blob(ctx, desc, 0)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(rc, desc.Size+1))
	if err := errors.Join(err, rc.Close()); err != nil {
		return nil, err
	}
	return b, checkBlob(name, desc, b)
}

// PublishTo adds statements to a repository, HOST/PATH, and makes that one of
// statements if it has nothing under the tag for that. What it has stays.
func PublishTo(ctx context.Context, name string, statements []Statement, opts registry.Options) error {
	r, err := openRepository(ctx, name, true, opts)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := mark(ctx, r); err != nil {
		return &PlaceError{Place: name, Err: err}
	}
	for _, st := range statements {
		if err := attach(ctx, r, st); err != nil {
			return &PlaceError{Place: name, Err: err}
		}
	}
	return nil
}

// mark writes the marker if it isn't there.
func mark(ctx context.Context, r *registry.Repository) error {
	if ok, err := hasMarker(ctx, r); ok || err != nil {
		return err
	}
	m, err := newMarker()
	if err != nil {
		return err
	}
	if err := put(ctx, r, m.Content.Config, ocispec.DescriptorEmptyJSON.Data); err != nil {
		return err
	}
	_, err = r.PutManifest(ctx, m, markerTag)
	return err
}

// attach adds one statement.
func attach(ctx context.Context, r *registry.Repository, st Statement) error {
	desc, blobs, err := st.Attachment.Manifest()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(blobs, func(b ocispec.Descriptor) bool { return b.Digest == desc.Digest })
	body := blobs[i].Data
	content, err := oci.DecodeManifest("manifest", body)
	if err != nil {
		return err
	}
	for _, b := range slices.Delete(blobs, i, i+1) {
		if err := put(ctx, r, b, b.Data); err != nil {
			return err
		}
	}
	m := &registry.Manifest{Descriptor: desc, Body: body, Content: content}
	return r.Attach(ctx, st.Attachment.Subject, []*registry.Manifest{m})
}

// put brings a blob into the repository that isn't there.
func put(ctx context.Context, r *registry.Repository, desc ocispec.Descriptor, b []byte) error {
	desc.Data = nil
	if has, err := r.Has(ctx, desc); has || err != nil {
		return err
	}
	_, err := r.Put(ctx, desc, nil, func(offset int64) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b[offset:])), nil
	}, nil)
	return err
}
