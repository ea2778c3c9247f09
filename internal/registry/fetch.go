package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// A store is a layout that is being made: an *[oci.Writer] or an *[oci.Memory].
type store interface {
	Add(desc ocispec.Descriptor, r io.Reader) error
	Fetch(desc ocispec.Descriptor, open func(offset int64) (io.ReadCloser, error)) error
	Omit(desc ocispec.Descriptor) error
}

// A fetch fills one layout.
type fetch struct {
	*Source
	w     store
	image ocispec.Descriptor
	left  int64 // bytes of evidence that may still be read

	index    []ocispec.Descriptor
	problems []Problem
}

func (f *fetch) run(ctx context.Context) error {
	// The evidence first: it is small, and decides.
	evidence, cancel := context.WithTimeout(ctx, f.opts.Limits.EvidenceTime)
	defer cancel()
	image, err := f.readImage(evidence)
	if err != nil {
		return err
	}
	if err := f.artifacts(evidence); err != nil {
		return err
	}
	cancel()
	ctx, cancel = context.WithTimeout(ctx, f.opts.Limits.ImageTime)
	defer cancel()
	return f.layers(ctx, image)
}

// runIndex adds the index, and what refers to it.
func (f *fetch) runIndex(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, f.opts.Limits.EvidenceTime)
	defer cancel()
	f.index = []ocispec.Descriptor{f.image}
	if err := f.addBytes(f.image, f.body); err != nil {
		return err
	}
	return f.artifacts(ctx)
}

// artifacts adds those that refer to the image.
func (f *fetch) artifacts(ctx context.Context) error {
	found, err := f.referrers(ctx)
	if err != nil {
		return err
	}
	for _, desc := range found {
		if err := f.artifact(ctx, desc); err != nil {
			return err
		}
	}
	return nil
}

// readImage adds the image's manifest and config.
func (f *fetch) readImage(ctx context.Context) (*ocispec.Manifest, error) {
	d := f.manifest
	if d == nil || d.desc.Digest != f.image.Digest {
		var err error
		if d, err = f.client.manifest(ctx, f.image.Digest.String(), maxManifest); err != nil {
			return nil, err
		}
	}
	if d.manifest == nil || d.desc.MediaType != f.image.MediaType || d.desc.Size != f.image.Size {
		return nil, &oci.FormatError{What: "manifest " + f.image.Digest.String(), Detail: "not the image that its index describes"}
	}
	f.image = d.desc
	size := d.manifest.Config.Size
	if size > maxManifest {
		return nil, &oci.LimitError{What: "config of " + d.desc.Digest.String(), Size: size, Limit: maxManifest}
	}
	for _, layer := range d.manifest.Layers {
		if layer.Size > f.opts.Limits.Image-size {
			return nil, &oci.LimitError{What: "size of " + d.desc.Digest.String(), Size: size + layer.Size, Limit: f.opts.Limits.Image}
		}
		size += layer.Size
	}
	f.index = []ocispec.Descriptor{d.desc}
	if err := f.addBytes(d.desc, d.body); err != nil {
		return nil, err
	}
	return d.manifest, f.client.blob(ctx, f.w, d.manifest.Config, nil)
}

// layers adds those of the image, or says that they are left out.
func (f *fetch) layers(ctx context.Context, m *ocispec.Manifest) error {
	for _, desc := range m.Layers {
		add := func() error { return f.w.Omit(desc) }
		if f.opts.Layers {
			add = func() error { return f.client.blob(ctx, f.w, desc, nil) }
		}
		if err := add(); err != nil {
			return err
		}
	}
	return nil
}

// artifact adds the manifest that desc names and its blobs, when it is one of
// those asked for and refers to the image. What is wrong with it is a problem and
// no error: anybody who may push can put it there.
func (f *fetch) artifact(ctx context.Context, desc ocispec.Descriptor) error {
	err := f.add(ctx, desc)
	var unused *unusedError
	if err == nil || errors.As(err, &unused) && slices.Contains(f.opts.Others, unused.kind) {
		return nil
	}
	if !aboutArtifact(err) || ctx.Err() != nil {
		return err
	}
	f.problems = append(f.problems, Problem{Manifest: desc.Digest, Err: err})
	return nil
}

// An unusedError is why an artifact of a kind is not used.
type unusedError struct{ reason, kind string }

func (e *unusedError) Error() string { return e.reason }

// aboutArtifact reports whether err is what an artifact itself is to blame for. An
// answer that doesn't come may hide anything.
func aboutArtifact(err error) bool {
	var (
		unused    *unusedError
		subject   *subjectError
		digestErr *oci.DigestError
		sizeErr   *oci.SizeError
		formatErr *oci.FormatError
		limitErr  *oci.LimitError
		status    *StatusError
	)
	if errors.As(err, &status) {
		return status.Code == http.StatusNotFound
	}
	return errors.As(err, &unused) || errors.As(err, &subject) || errors.As(err, &digestErr) ||
		errors.As(err, &sizeErr) || errors.As(err, &formatErr) || errors.As(err, &limitErr)
}

func (f *fetch) add(ctx context.Context, desc ocispec.Descriptor) error {
	limit := desc.Size
	if limit == unknownSize {
		limit = maxManifest
	}
	if limit > maxManifest {
		return &oci.LimitError{What: "manifest " + desc.Digest.String(), Size: limit, Limit: maxManifest}
	}
	if err := f.spend(limit); err != nil {
		return err
	}
	d, err := f.client.manifest(ctx, desc.Digest.String(), limit)
	if err != nil {
		return err
	}
	if err := f.check(d); err != nil {
		return err
	}
	for _, blob := range append([]ocispec.Descriptor{d.manifest.Config}, d.manifest.Layers...) {
		if err := f.addBlob(ctx, blob); err != nil {
			return err
		}
	}
	if err := f.addBytes(d.desc, d.body); err != nil {
		return err
	}
	f.index = append(f.index, d.desc)
	return nil
}

// check checks that d is an artifact that is asked for, going by its own words
// alone.
func (f *fetch) check(d *document) error {
	if d.manifest == nil {
		return &unusedError{reason: "an index, not an artifact"}
	}
	m := d.manifest
	if s := m.Subject; s == nil || s.Digest != f.image.Digest || s.Size != f.image.Size || s.MediaType != f.image.MediaType {
		return &subjectError{want: &f.image, got: s}
	}
	for _, kind := range f.opts.Artifacts {
		if kind.Type != m.ArtifactType {
			continue
		}
		return kind.check(m)
	}
	return &unusedError{fmt.Sprintf("artifact of type %q, which is not asked for", m.ArtifactType), m.ArtifactType}
}

// addBlob adds a blob of an artifact. The empty config isn't asked for: everybody
// has it.
func (f *fetch) addBlob(ctx context.Context, desc ocispec.Descriptor) error {
	if empty := ocispec.DescriptorEmptyJSON; desc.Digest == empty.Digest && desc.Size == empty.Size {
		return f.addBytes(desc, empty.Data)
	}
	if err := f.spend(desc.Size); err != nil {
		return err
	}
	return f.client.blob(ctx, f.w, desc, nil)
}

func (f *fetch) addBytes(desc ocispec.Descriptor, b []byte) error {
	return f.w.Add(desc, bytes.NewReader(b))
}

// spend takes n bytes from what may still be read.
func (f *fetch) spend(n int64) error {
	if n > f.left {
		return &oci.LimitError{What: "evidence", Size: f.opts.Limits.Evidence - f.left + n, Limit: f.opts.Limits.Evidence}
	}
	f.left -= n
	return nil
}

// about makes a problem of err that is about a list.
func (f *fetch) about(err error) {
	f.problems = append(f.problems, Problem{Manifest: f.image.Digest, Err: err})
}
