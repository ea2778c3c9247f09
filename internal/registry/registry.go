// Package registry reads a release from a registry (distribution-spec v1.1): an
// image, and what refers to it, into an OCI layout that package release verifies.
//
// A registry is not trusted. A tag is asked for once, and everything after that by
// digest; what a descriptor says of something else is not believed; bytes, number,
// time and memory have limits, and what is over them is not read. Signatures only
// ever add trust, so that what can't be used is left out and named as a problem.
// Nothing goes unencrypted but to this machine.
package registry

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// Options say what is fetched.
type Options struct {
	// Artifacts are the kinds of artifact that are fetched with an image, for
	// which there is no default. Others are named as problems.
	Artifacts []Artifact
	// Others are kinds that are known and not fetched; they are no problems.
	Others []string
	// Known returns manifests of artifacts that are known to belong to an image. They
	// are asked for first, whatever the registry's lists say, so that a flood of
	// others doesn't hide them. When it is nil, none are known.
	Known func(ctx context.Context, image digest.Digest) []digest.Digest
	// Layers says to fetch the image's layers. Otherwise the layout has its
	// manifest and config only.
	Layers bool
	Limits Limits
	// Proxy is what everything but this machine is asked through; the default is
	// what the environment names, see [proxy.Find].
	Proxy string
	// Connections are used, and are for whoever made them to close. The default is
	// some for each Open.
	Connections *Connections

	roots *x509.CertPool // nil for the system's
	idle  time.Duration
	pause time.Duration
}

// An Artifact is a kind of artifact that refers to an image.
type Artifact struct {
	// Type is the manifest's own artifactType.
	Type string
	// MaxBlobs is how many blobs it may have besides its config, MaxSize how many
	// bytes each, and the config, may have.
	MaxBlobs int
	MaxSize  int64
}

// CheckKind returns an *[oci.LimitError] when m claims to be one of the Artifacts and
// is larger than one may be.
func (o Options) CheckKind(m *ocispec.Manifest) error {
	for _, kind := range o.Artifacts {
		if kind.Type == m.ArtifactType {
			return kind.check(m)
		}
	}
	return nil
}

func (a Artifact) check(m *ocispec.Manifest) error {
	if n := len(m.Layers); n > a.MaxBlobs {
		return &oci.LimitError{What: "blobs of the artifact", Size: int64(n), Limit: int64(a.MaxBlobs)}
	}
	for _, blob := range append([]ocispec.Descriptor{m.Config}, m.Layers...) {
		if blob.Size > a.MaxSize {
			return &oci.LimitError{What: "blob " + blob.Digest.String(), Size: blob.Size, Limit: a.MaxSize}
		}
	}
	return nil
}

// Limits bound what is read. A zero means the default.
type Limits struct {
	// Referrers is how many manifests that may refer to an image are looked at.
	// The default is 256.
	Referrers int
	// Evidence is how many bytes of lists, manifests and artifacts are read for an
	// image. The default is 64 MiB.
	Evidence int64
	// Image is how many bytes the config and layers may have. The default is 1 GiB.
	Image int64
	// EvidenceTime and ImageTime bound how long that may take: by default a minute
	// for logging in, resolving and evidence, and 15 minutes for the layers.
	EvidenceTime, ImageTime time.Duration
}

func (o Options) withDefaults() Options {
	set(&o.Limits.Referrers, 256)
	set(&o.Limits.Evidence, 64<<20)
	set(&o.Limits.Image, 1<<30)
	set(&o.Limits.EvidenceTime, time.Minute)
	set(&o.Limits.ImageTime, 15*time.Minute)
	set(&o.idle, idleTimeout)
	set(&o.pause, firstPause)
	return o
}

func set[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

// A Source is what a reference was at one moment. It is not for concurrent use.
type Source struct {
	// Target describes the manifest or index that the reference names.
	Target ocispec.Descriptor
	// Images are Target itself, or what the index names, in its order.
	Images []ocispec.Descriptor

	client *client
	opts   Options
	// manifest is Target's, when it is one; it isn't asked for again. body is that of
	// an index.
	manifest *document
	body     []byte
}

// Open finds out what ref is. This is the only time that a tag is asked for.
//
// Errors are *[StatusError], *[TransferError] or *[InsecureError] when there is no
// good answer, and those of package oci when it is not one manifest or index.
func Open(ctx context.Context, ref Reference, opts Options) (*Source, error) {
	s := &Source{opts: opts.withDefaults()}
	ctx, cancel := context.WithTimeout(ctx, s.opts.Limits.EvidenceTime)
	defer cancel()
	var err error
	if s.client, err = newClient(ctx, ref.ref.Context(), s.opts, ref.ref.Context().Scope(transport.PullScope)); err != nil {
		return nil, err
	}
	if err := s.resolve(ctx, ref); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// resolve asks what ref is.
func (s *Source) resolve(ctx context.Context, ref Reference) error {
	d, err := s.client.manifest(ctx, ref.ref.Identifier(), maxManifest)
	if err != nil {
		return err
	}
	s.Target = d.desc
	if d.index != nil {
		s.Images, s.body = d.index.Manifests, d.body
		return nil
	}
	s.Images, s.manifest = []ocispec.Descriptor{d.desc}, d
	return nil
}

// Close ends the connections.
func (s *Source) Close() { s.client.guard.close() }

// Image returns the image for platform, such as linux/amd64 or linux/arm64/v8, and
// for "" that of this machine. A reference to one image is that, whatever its
// platform. Errors are *[PlatformError].
func (s *Source) Image(platform string) (ocispec.Descriptor, error) {
	if s.manifest != nil {
		return s.Target, nil
	}
	return Choose(s.Target.Digest, s.Images, platform)
}

// MachinePlatform returns this machine's platform, as linux/amd64.
func MachinePlatform() string { return "linux/" + runtime.GOARCH }

// Choose returns the one of an index's images that is for platform, as
// [Source.Image] does.
func Choose(index digest.Digest, images []ocispec.Descriptor, platform string) (ocispec.Descriptor, error) {
	if platform == "" {
		platform = MachinePlatform()
	}
	found, has := []ocispec.Descriptor(nil), []string(nil)
	for _, desc := range images {
		p := PlatformOf(desc)
		if p == platform {
			found = append(found, desc)
		}
		has = append(has, p)
	}
	if len(found) != 1 {
		return ocispec.Descriptor{}, &PlatformError{Index: index, Platform: platform, Has: has}
	}
	return found[0], nil
}

// PlatformOf returns the platform that a descriptor names, as linux/arm64/v8.
func PlatformOf(desc ocispec.Descriptor) string {
	p := desc.Platform
	if p == nil {
		return "no platform"
	}
	out := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		out += "/" + p.Variant
	}
	return out
}

// Fetched says what is in a layout, and what isn't.
type Fetched struct {
	// Target is what the reference was, Image what was fetched of it: the same, or
	// one of an index.
	Target, Image ocispec.Descriptor
	// Artifacts is how many are with the image.
	Artifacts int
	// Problems are what else was found, in the order in which it was.
	Problems []Problem
}

// Incomplete reports whether more was said to refer to the image than is read.
func (f *Fetched) Incomplete() bool {
	return slices.ContainsFunc(f.Problems, func(p Problem) bool {
		var limit *oci.LimitError
		return p.Manifest == f.Image.Digest && errors.As(p.Err, &limit)
	})
}

// Fetch writes image, one of s.Images, and the artifacts that refer to it to the
// layout that it makes at dir, for this process to verify: it isn't synced to disk.
//
// It is an error when the image or a list of what refers to it can't be read, as
// for [Open]. What is wrong with an artifact is one of the result's Problems.
func (s *Source) Fetch(ctx context.Context, image ocispec.Descriptor, dir string) (*Fetched, error) {
	w, err := oci.Create(dir)
	if err != nil {
		return nil, err
	}
	defer w.Abort()
	w.Passing()
	f, index, err := s.FetchInto(ctx, image, w)
	if err != nil {
		return nil, err
	}
	return f, w.Commit(index)
}

// FetchMemory is Fetch into m, a layout that is empty. What it returns is the layout.
func (s *Source) FetchMemory(ctx context.Context, image ocispec.Descriptor, m *oci.Memory) (*Fetched, *oci.Layout, error) {
	f, index, err := s.fetchInto(ctx, image, m)
	if err != nil {
		return nil, nil, err
	}
	l, err := m.Layout(index)
	return f, l, err
}

// FetchInto is Fetch into a layout that is being written: it returns the descriptors
// for its index.
func (s *Source) FetchInto(ctx context.Context, image ocispec.Descriptor, w *oci.Writer) (*Fetched, []ocispec.Descriptor, error) {
	return s.fetchInto(ctx, image, w)
}

func (s *Source) fetchInto(ctx context.Context, image ocispec.Descriptor, w store) (*Fetched, []ocispec.Descriptor, error) {
	f := &fetch{Source: s, w: w, image: image, left: s.opts.Limits.Evidence}
	if err := f.run(ctx); err != nil {
		return nil, nil, err
	}
	return &Fetched{Target: s.Target, Image: f.image, Artifacts: len(f.index) - 1, Problems: f.problems}, f.index, nil
}

// FetchAllInto is FetchInto of all that the reference is: the image or, of an index, each
// of its images, and what refers to the index itself.
func (s *Source) FetchAllInto(ctx context.Context, w *oci.Writer) (*Fetched, []ocispec.Descriptor, error) {
	if s.manifest != nil {
		return s.FetchInto(ctx, s.Target, w)
	}
	if n := len(s.Images); n == 0 || n > maxImages {
		return nil, nil, &oci.LimitError{What: "images of " + s.Target.Digest.String(), Size: int64(n), Limit: maxImages}
	}
	f := &fetch{Source: s, w: w, image: s.Target, left: s.opts.Limits.Evidence}
	if err := f.runIndex(ctx); err != nil {
		return nil, nil, err
	}
	for _, image := range s.Images {
		one, index, err := s.FetchInto(ctx, image, w)
		if err != nil {
			return nil, nil, err
		}
		f.index = append(f.index, index[1:]...)
		f.problems = append(f.problems, one.Problems...)
	}
	return &Fetched{Target: s.Target, Image: s.Target, Artifacts: len(f.index) - 1, Problems: f.problems}, f.index, nil
}

// maxImages is how many images an index may have that is fetched whole.
const maxImages = 16

// Fetch opens ref and fetches its image for platform, as [Source.Image] has it, to
// the layout that it makes at dir.
func Fetch(ctx context.Context, ref Reference, platform, dir string, opts Options) (f *Fetched, err error) {
	err = open(ctx, ref, platform, opts, func(s *Source, image ocispec.Descriptor) (err error) {
		f, err = s.Fetch(ctx, image, dir)
		return err
	})
	return f, err
}

// FetchMemory is Fetch into m, as [Source.FetchMemory] has it.
func FetchMemory(ctx context.Context, ref Reference, platform string, m *oci.Memory, opts Options) (f *Fetched, l *oci.Layout, err error) {
	err = open(ctx, ref, platform, opts, func(s *Source, image ocispec.Descriptor) (err error) {
		f, l, err = s.FetchMemory(ctx, image, m)
		return err
	})
	return f, l, err
}

// open calls fetch with what ref is at this moment, and with its image for platform.
func open(ctx context.Context, ref Reference, platform string, opts Options, fetch func(*Source, ocispec.Descriptor) error) error {
	s, err := Open(ctx, ref, opts)
	if err != nil {
		return fmt.Errorf("%s: %w", ref, err)
	}
	defer s.Close()
	image, err := s.Image(platform)
	if err == nil {
		err = fetch(s, image)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", ref, err)
	}
	return nil
}
