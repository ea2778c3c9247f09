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
	maxNames = 64
	// maxPlatforms is how many images an index may have.
	maxPlatforms = 64
	maxPayload   = 1 << 20
)

// A Set is an image, or an index with its images, with everything that is attached to
// it, or an artifact that refers to nothing, such as a trust root.
type Set struct {
	// Name is what the image is called, name:tag, or "". Nobody signed that.
	Name string
	// Image is the image's manifest, or the index.
	Image *registry.Manifest
	// Platforms are the images of an index, in its order, nil for an image.
	Platforms []*registry.Manifest
	// Attached refer to the image, the index or one of its images, or to another of
	// Attached, by their own words. They are sorted by digest.
	Attached []*registry.Manifest
	// Names are the signatures of the names of the image, of the index and of its
	// images, as far as there are some.
	Names []Names
	// Problems are what else is listed, and why it isn't moved.
	Problems []registry.Problem
	// Left are the attached manifests that Options.Without left out.
	Left []*registry.Manifest

	origin origin
	mu     sync.Mutex
	broken map[digest.Digest]error // blobs that the origin doesn't have as they have to be
}

// Names is the manifest with the signatures of what an image or index is called, in the
// form that podman reads.
type Names struct {
	Of digest.Digest
	*registry.Manifest
}

// images returns the image or, of an index, that and its images.
func (s *Set) images() []*registry.Manifest {
	return append([]*registry.Manifest{s.Image}, s.Platforms...)
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
	if err := isImage(s.Image, i.Descriptor); err != nil {
		return nil, err
	}
	if s.Image.Index != nil {
		if err := s.readPlatforms(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.attached(ctx, opts); err != nil {
		return nil, err
	}
	slices.SortFunc(s.Attached, byDigest)
	slices.SortFunc(s.Left, byDigest)
	for _, m := range s.images() {
		names, err := i.origin.signatures(ctx, m.Digest)
		if err != nil {
			return nil, err
		}
		if names != nil && s.checkNames(names) {
			s.Names = append(s.Names, Names{m.Digest, names})
		}
	}
	return s, nil
}

// isImage checks that m is the image or index that desc describes.
func isImage(m *registry.Manifest, desc ocispec.Descriptor) error {
	if m == nil || m.Size != desc.Size || m.MediaType != desc.MediaType || !oci.IsImage(m.Content) {
		return &oci.FormatError{What: "manifest " + desc.Digest.String(), Detail: "not the image that it has to be"}
	}
	return nil
}

// readPlatforms reads the manifests of the images of an index.
func (s *Set) readPlatforms(ctx context.Context) error {
	all := s.Image.Index.Manifests
	if n := len(all); n == 0 || n > maxPlatforms {
		return &oci.LimitError{What: "images of " + s.Image.Digest.String(), Size: int64(n), Limit: maxPlatforms}
	}
	for _, desc := range all {
		m, err := s.origin.manifest(ctx, desc.Digest)
		if err != nil {
			return err
		}
		if err := isImage(m, desc); err != nil || m.Index != nil {
			return errors.Join(err, fmt.Errorf("index %s: %s is no image", s.Image.Digest, desc.Digest))
		}
		s.Platforms = append(s.Platforms, m)
	}
	return nil
}

func byDigest(a, b *registry.Manifest) int { return cmp.Compare(a.Digest, b.Digest) }

// attached follows the references, level by level.
func (s *Set) attached(ctx context.Context, opts Options) error {
	seen, level := map[digest.Digest]bool{}, s.images()
	for _, m := range level {
		seen[m.Digest] = true
	}
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
	case m.Index != nil:
		return nil, errors.New("an index, and no manifest"), nil
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

// checkNames reports whether the signatures are few and small enough to be some. If not,
// they are a problem.
func (s *Set) checkNames(names *registry.Manifest) bool {
	var err error
	if n := len(names.Content.Layers); n > maxNames {
		err = &oci.LimitError{What: "signatures of names", Size: int64(n), Limit: maxNames}
	}
	for _, d := range names.Blobs() {
		if d.Size > maxPayload {
			err = &oci.LimitError{What: "signature of a name", Size: d.Size, Limit: maxPayload}
		}
	}
	if err != nil {
		s.problem(names.Digest, err)
	}
	return err == nil
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

// ofBlob says which blob err is about, where it doesn't say so itself.
func ofBlob(desc ocispec.Descriptor, err error) error {
	var (
		sum  *oci.DigestError
		size *oci.SizeError
	)
	if errors.As(err, &sum) || errors.As(err, &size) {
		return err
	}
	return fmt.Errorf("blob %s: %w", desc.Digest, err)
}

// tolerate writes down that a blob is broken, and returns err if an image needs it.
func (s *Set) tolerate(desc ocispec.Descriptor, err error) error {
	needs := func(m *registry.Manifest) bool {
		return slices.ContainsFunc(m.Blobs(), func(d ocispec.Descriptor) bool { return d.Digest == desc.Digest })
	}
	if !isBroken(err) || slices.ContainsFunc(s.images(), needs) {
		return ofBlob(desc, err)
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
		if !slices.ContainsFunc(m.Blobs(), func(d ocispec.Descriptor) bool { return s.broken[d.Digest] != nil }) {
			whole = append(whole, m)
		}
	}
	return whole
}

// drop takes what is broken out of the set, and what refers to it: nobody can use
// that.
func (s *Set) drop() {
	s.Names = slices.DeleteFunc(s.Names, func(n Names) bool {
		if len(s.whole([]*registry.Manifest{n.Manifest})) > 0 {
			return false
		}
		s.problem(n.Digest, errors.New("a signature of a name is not there, or another"))
		return true
	})
	kept := map[digest.Digest]bool{}
	for _, m := range s.images() {
		kept[m.Digest] = true
	}
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
	for _, d := range m.Blobs() {
		if err := s.broken[d.Digest]; err != nil {
			return err
		}
	}
	return fmt.Errorf("what it refers to, %s, is broken", m.About())
}

// manifests returns those of the set, the image's first.
func (s *Set) manifests() []*registry.Manifest {
	all := append(s.images(), s.Attached...)
	for _, n := range s.Names {
		all = append(all, n.Manifest)
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
	for _, n := range s.Names {
		desc := n.Descriptor
		desc.Annotations = map[string]string{ocispec.AnnotationRefName: registry.SignaturesTag(n.Of)}
		all = append(all, desc)
	}
	return all
}
