package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
)

// Moved says what was moved.
type Moved struct {
	// Image is the image's descriptor, Name what it is called where it came from.
	Image ocispec.Descriptor `json:"image"`
	Name  string             `json:"name,omitempty"`
	// Attached is how many manifests came with it, Left how many were left out.
	Attached int `json:"attached"`
	Left     int `json:"left,omitempty"`
	// Size is how many bytes all of it has, Sent how many of them were moved. What
	// was there already, or mounted in a registry, wasn't.
	Size int64 `json:"size"`
	Sent int64 `json:"sent"`
	// Problems are what else was listed, and not moved.
	Problems []registry.Problem `json:"-"`
	// Index is the one that Pull chose Image from, nil when none was left out.
	Index *registry.Manifest `json:"-"`
}

func (s *Set) moved(size int64) *Moved {
	return &Moved{
		Image: s.Image.Descriptor, Name: s.Name, Attached: len(s.Attached), Left: len(s.Left),
		Size: size, Problems: s.Problems,
	}
}

// Pull copies the image that ref names for platform, or for "" all that it names, with
// everything that is attached to it, to the layout that it makes at dir. An interrupted Pull to the
// same dir is gone on with; dir is only there once all is.
//
// Nothing is verified but digests.
func Pull(ctx context.Context, ref registry.Reference, platform, dir string, opts Options) (*Moved, error) {
	r, err := OpenReference(ctx, ref, platform, opts)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	moved, err := r.Image.ToFolder(ctx, dir, opts)
	if err == nil && r.target != moved.Image.Digest {
		moved.Index, err = r.manifest(ctx, r.target)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ref, err)
	}
	return moved, nil
}

// PullArtifact copies the artifact of a type that ref names, which refers to nothing,
// to the layout that it makes at dir. What refers to it stays where it is.
func PullArtifact(ctx context.Context, ref registry.Reference, artifactType, dir string, opts Options) (err error) {
	r, err := OpenReference(ctx, ref, "", opts)
	if err != nil {
		return err
	}
	defer r.Close()
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", ref, err)
		}
	}()
	m, err := r.manifest(ctx, r.Image.Digest)
	if err != nil {
		return err
	}
	if m == nil || m.Content.ArtifactType != artifactType || m.Content.Subject != nil {
		return &oci.FormatError{What: "manifest " + r.Image.Digest.String(), Detail: "not an artifact of type " + artifactType + " that refers to nothing"}
	}
	w, err := oci.Create(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Abort()) }()
	_, index, err := (&Set{Image: m, origin: r}).Write(ctx, w, opts)
	if err != nil {
		return err
	}
	return w.Commit(index)
}

// ToFolder copies the image, with everything that is attached to it, to the layout
// that it makes at dir, as [Pull] does. What an older layout there has isn't moved.
func (i *Image) ToFolder(ctx context.Context, dir string, opts Options) (moved *Moved, err error) {
	s, err := i.Collect(ctx, opts)
	if err != nil {
		return nil, err
	}
	if old, openErr := oci.OpenLayout(dir); openErr == nil {
		defer func() { err = errors.Join(err, old.Close()) }()
		opts.Near = append(slices.Clone(opts.Near), old)
	}
	w, err := oci.Resume(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.Abort()) }()
	moved, index, err := s.Write(ctx, w, opts)
	if err != nil {
		return nil, err
	}
	return moved, w.Commit(index)
}

// Write adds all of the set to w, and returns the descriptors for its index.
func (s *Set) Write(ctx context.Context, w *oci.Writer, opts Options) (*Moved, []ocispec.Descriptor, error) {
	opts = opts.withDefaults()
	blobs, total, err := blobsOf(s.manifests(), opts.MaxBytes)
	if err != nil {
		return nil, nil, err
	}
	for _, m := range s.manifests() {
		if err := w.Add(m.Descriptor, bytes.NewReader(m.Body)); err != nil {
			return nil, nil, err
		}
	}
	meter := newMeter(total, opts.Report)
	err = each(ctx, opts.Parallel, blobs, func(ctx context.Context, desc ocispec.Descriptor) error {
		if err := s.writeBlob(ctx, w, desc, opts, meter); err != nil {
			return s.tolerate(desc, err)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	s.drop()
	platform, err := s.platform(ctx)
	if err != nil {
		return nil, nil, err
	}
	moved := s.moved(total)
	moved.Sent = meter.sent()
	return moved, s.index(platform), nil
}

// writeBlob adds one blob: what w has, or a layout nearby, isn't asked for.
func (s *Set) writeBlob(ctx context.Context, w *oci.Writer, desc ocispec.Descriptor, opts Options, m *meter) error {
	has, err := w.Has(desc)
	if err == nil && !has {
		has, err = near(ctx, opts.Near, w, desc)
	}
	switch {
	case err != nil:
		return err
	case has:
		m.there(desc)
		return nil
	case desc.Digest == ocispec.DescriptorEmptyJSON.Digest && desc.Size == ocispec.DescriptorEmptyJSON.Size:
		// Everybody has it.
		m.there(desc)
		return w.Add(desc, bytes.NewReader(ocispec.DescriptorEmptyJSON.Data))
	}
	return s.origin.fetch(ctx, w, desc, func(n int64) { m.set(desc, n) })
}

// platform returns the one that the image's config names, nil for an artifact or an
// index.
func (s *Set) platform(ctx context.Context) (*ocispec.Platform, error) {
	if s.Image.Content.ArtifactType != "" || s.Image.Index != nil {
		return nil, nil
	}
	b, err := s.small(ctx, s.Image.Content.Config)
	if err != nil {
		return nil, err
	}
	var config struct {
		ocispec.Platform
	}
	if err := oci.UnmarshalJSON("config "+s.Image.Content.Config.Digest.String(), b, &config); err != nil {
		return nil, err
	}
	return &config.Platform, nil
}

// small reads a blob that has to be in memory.
func (s *Set) small(ctx context.Context, desc ocispec.Descriptor) ([]byte, error) {
	if desc.Size > maxPayload {
		return nil, &oci.LimitError{What: "blob " + desc.Digest.String(), Size: desc.Size, Limit: maxPayload}
	}
	r, err := s.origin.blob(ctx, desc, 0)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(oci.Verified(r, desc))
}
