package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
)

const (
	// maxAttached is how many manifests are moved with an image. A release with
	// more is one that nobody verifies.
	maxAttached = 255
	// maxListed is how many manifests are looked at that a list has, listedAtOnce how
	// many at the same time.
	maxListed    = 512
	listedAtOnce = 4
	// maxDepth is how many manifests may be between one and the image.
	maxDepth = 3
	// maxNames is how many signatures of names, and maxPayload how many bytes of
	// what each signs.
	maxNames   = 64
	maxPayload = 1 << 20
)

// A Set is an image with everything that is attached to it, or an artifact that
// refers to nothing, such as a trust root.
type Set struct {
	// Name is what the image is called, name:tag, or "". Nobody signed that.
	Name  string
	Image *registry.Manifest
	// Attached refer to the image, or to another of Attached, by their own words.
	// They are sorted by digest.
	Attached []*registry.Manifest
	// Names are the signatures of the image's names in the form that podman reads,
	// or nil.
	Names *registry.Manifest
	// Problems are what else is listed, and why it isn't moved.
	Problems []registry.Problem
	// Left are the attached manifests that Options.Without left out.
	Left []*registry.Manifest

	origin origin
	mu     sync.Mutex
	broken map[digest.Digest]error // blobs that the origin doesn't have as they have to be
}

// Collect finds everything that is attached to the image. It is an error when a list
// of it, or what one names, can't be read; what refers to something else is one of
// the Problems.
func (i *Image) Collect(ctx context.Context, opts Options) (*Set, error) {
	opts = opts.withDefaults()
	s := &Set{Name: i.Name, origin: i.origin}
	var err error
	if s.Image, err = i.origin.manifest(ctx, i.Digest); err != nil {
		return nil, err
	}
	if s.Image == nil || s.Image.Size != i.Size || s.Image.MediaType != i.MediaType || !oci.IsImage(s.Image.Content) {
		return nil, &oci.FormatError{What: "manifest " + i.Digest.String(), Detail: "not the image that it has to be"}
	}
	if err := s.attached(ctx, opts); err != nil {
		return nil, err
	}
	slices.SortFunc(s.Attached, byDigest)
	slices.SortFunc(s.Left, byDigest)
	if s.Names, err = i.origin.signatures(ctx, i.Digest); err != nil {
		return nil, err
	}
	s.checkNames()
	return s, nil
}

func byDigest(a, b *registry.Manifest) int { return cmp.Compare(a.Digest, b.Digest) }

// attached follows the references, level by level.
func (s *Set) attached(ctx context.Context, opts Options) error {
	seen := map[digest.Digest]bool{s.Image.Digest: true}
	level := []*registry.Manifest{s.Image}
	for depth := 0; len(level) > 0 && depth < maxDepth; depth++ {
		found := make([][]*registry.Manifest, len(level))
		problems := make([][]registry.Problem, len(level))
		err := each(ctx, listedAtOnce, indices(level), func(ctx context.Context, n int) (err error) {
			found[n], problems[n], err = s.referrersOf(ctx, level[n], seen, opts)
			return err
		})
		if err != nil {
			return err
		}
		s.Problems = append(s.Problems, slices.Concat(problems...)...)
		level = nil
		for _, m := range slices.Concat(found...) {
			switch {
			case seen[m.Digest]:
			case slices.Contains(opts.Without, m.Content.ArtifactType):
				s.Left = append(s.Left, m)
			case len(s.Attached) == maxAttached:
				s.tooMany(m.Digest)
			default:
				s.Attached = append(s.Attached, m)
				level = append(level, m)
			}
			seen[m.Digest] = true
		}
	}
	return nil
}

func indices[T any](items []T) []int {
	all := make([]int, len(items))
	for i := range all {
		all[i] = i
	}
	return all
}

// referrersOf reads the manifests that are listed as referring to subject. What
// doesn't is a problem.
func (s *Set) referrersOf(ctx context.Context, subject *registry.Manifest, seen map[digest.Digest]bool, opts Options) ([]*registry.Manifest, []registry.Problem, error) {
	listed, problems, err := s.origin.referrers(ctx, subject.Descriptor)
	if err != nil {
		return nil, nil, err
	}
	listed = slices.DeleteFunc(listed, func(d ocispec.Descriptor) bool { return seen[d.Digest] })
	if n := len(listed); n > maxListed {
		problems = append(problems, registry.Problem{Manifest: subject.Digest, Err: &oci.LimitError{What: "manifests that may refer to it", Size: int64(n), Limit: maxListed}})
		listed = listed[:maxListed]
	}
	found, why := make([]*registry.Manifest, len(listed)), make([]error, len(listed))
	err = each(ctx, listedAtOnce, indices(listed), func(ctx context.Context, n int) (err error) {
		found[n], why[n], err = s.referrer(ctx, listed[n].Digest, subject, opts)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	for n, err := range why {
		if err != nil {
			problems = append(problems, registry.Problem{Manifest: listed[n].Digest, Err: err})
		}
	}
	return slices.DeleteFunc(found, func(m *registry.Manifest) bool { return m == nil }), problems, nil
}

// referrer reads the manifest d, which has to refer to subject, or says why it
// isn't one that does.
func (s *Set) referrer(ctx context.Context, d digest.Digest, subject *registry.Manifest, opts Options) (m *registry.Manifest, problem, err error) {
	m, err = s.origin.manifest(ctx, d)
	var format *oci.FormatError
	switch {
	case errors.As(err, &format):
		return nil, err, nil
	case err != nil:
		return nil, nil, err
	case m == nil:
		return nil, errors.New("it is listed and not there"), nil
	case !about(m, subject):
		return nil, fmt.Errorf("it doesn't refer to %s", subject.Digest), nil
	}
	if problem := opts.Registry.CheckKind(m.Content); problem != nil {
		return nil, problem, nil
	}
	return m, nil, nil
}

// about reports whether m refers to subject, by all that it says of it.
func about(m, subject *registry.Manifest) bool {
	s := m.Content.Subject
	return s != nil && s.Digest == subject.Digest && s.Size == subject.Size && s.MediaType == subject.MediaType
}

func (s *Set) problem(d digest.Digest, err error) {
	s.Problems = append(s.Problems, registry.Problem{Manifest: d, Err: err})
}

func (s *Set) tooMany(d digest.Digest) {
	s.problem(d, &oci.LimitError{What: "manifests attached to " + s.Image.Digest.String(), Size: maxAttached + 1, Limit: maxAttached})
}

// checkNames leaves out signatures that are too many or too large to be some.
func (s *Set) checkNames() {
	if s.Names == nil {
		return
	}
	var err error
	if n := len(s.Names.Content.Layers); n > maxNames {
		err = &oci.LimitError{What: "signatures of names", Size: int64(n), Limit: maxNames}
	}
	for _, d := range append([]ocispec.Descriptor{s.Names.Content.Config}, s.Names.Content.Layers...) {
		if d.Size > maxPayload {
			err = &oci.LimitError{What: "signature of a name", Size: d.Size, Limit: maxPayload}
		}
	}
	if err != nil {
		s.problem(s.Names.Digest, err)
		s.Names = nil
	}
}

// isBroken reports whether err, of getting a blob, is for the origin to answer: it
// has other bytes, or none.
func isBroken(err error) bool {
	var (
		sum  *oci.DigestError
		size *oci.SizeError
	)
	return errors.As(err, &sum) || errors.As(err, &size) || errors.Is(err, fs.ErrNotExist) || registry.IsNotFound(err)
}

// tolerate writes down that a blob is broken, and returns err if the image needs it.
func (s *Set) tolerate(desc ocispec.Descriptor, err error) error {
	if !isBroken(err) || slices.ContainsFunc(blobsIn(s.Image), func(d ocispec.Descriptor) bool { return d.Digest == desc.Digest }) {
		return fmt.Errorf("blob %s: %w", desc.Digest, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil {
		s.broken = map[digest.Digest]error{}
	}
	s.broken[desc.Digest] = err
	return nil
}

// whole returns those of manifests whose blobs are not broken.
func (s *Set) whole(manifests []*registry.Manifest) (whole []*registry.Manifest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range manifests {
		if !slices.ContainsFunc(blobsIn(m), func(d ocispec.Descriptor) bool { return s.broken[d.Digest] != nil }) {
			whole = append(whole, m)
		}
	}
	return whole
}

// drop takes what is broken out of the set, and what refers to it: nobody can use
// that.
func (s *Set) drop() {
	if s.Names != nil && len(s.whole([]*registry.Manifest{s.Names})) == 0 {
		s.problem(s.Names.Digest, errors.New("a signature of a name is not there, or another"))
		s.Names = nil
	}
	kept := map[digest.Digest]bool{s.Image.Digest: true}
	whole := s.whole(s.Attached)
	for n := -1; n != len(kept); {
		n = len(kept)
		for _, m := range whole {
			if kept[m.About()] {
				kept[m.Digest] = true
			}
		}
	}
	for _, m := range s.Attached {
		if !kept[m.Digest] {
			s.problem(m.Digest, s.why(m))
		}
	}
	s.Attached = slices.DeleteFunc(s.Attached, func(m *registry.Manifest) bool { return !kept[m.Digest] })
}

// why says why m can't be used.
func (s *Set) why(m *registry.Manifest) error {
	for _, d := range blobsIn(m) {
		if err := s.broken[d.Digest]; err != nil {
			return err
		}
	}
	return fmt.Errorf("what it refers to, %s, is broken", m.About())
}

// blobsIn returns what m names besides a subject.
func blobsIn(m *registry.Manifest) []ocispec.Descriptor {
	return append([]ocispec.Descriptor{m.Content.Config}, m.Content.Layers...)
}

// manifests returns those of the set, the image's first.
func (s *Set) manifests() []*registry.Manifest {
	all := append([]*registry.Manifest{s.Image}, s.Attached...)
	if s.Names != nil {
		all = append(all, s.Names)
	}
	return all
}

// index describes the manifests as the index of a layout does. Everything in it
// follows from the set, wherever that was.
func (s *Set) index(platform *ocispec.Platform) []ocispec.Descriptor {
	image := s.Image.Descriptor
	image.Platform, image.ArtifactType = platform, s.Image.Content.ArtifactType
	if s.Name != "" {
		image.Annotations = map[string]string{ocispec.AnnotationRefName: s.Name}
	}
	all := []ocispec.Descriptor{image}
	for _, m := range s.Attached {
		desc := m.Descriptor
		desc.ArtifactType, desc.Annotations = m.Content.ArtifactType, m.Content.Annotations
		all = append(all, desc)
	}
	if s.Names != nil {
		desc := s.Names.Descriptor
		desc.Annotations = map[string]string{ocispec.AnnotationRefName: registry.SignaturesTag(s.Image.Digest)}
		all = append(all, desc)
	}
	return all
}
