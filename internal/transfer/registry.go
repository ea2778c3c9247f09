package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
)

const (
	// smallBlob is how many bytes the blobs of what is attached first may have.
	smallBlob = 1 << 20
	// maxFrom is how many repositories blobs are taken from.
	maxFrom = 8
)

// A MovedError reports that somebody else changed what Reference means while it was
// written: it was Was when that began, and is Is.
type MovedError struct {
	Reference string
	Was, Is   digest.Digest // "" for nothing
}

func (e *MovedError) Error() string {
	name := func(d digest.Digest) string {
		if d == "" {
			return "nothing"
		}
		return d.String()
	}
	return fmt.Sprintf("%s is %s now, and was %s when this began: somebody else writes it", e.Reference, name(e.Is), name(e.Was))
}

// A LostError reports that a registry doesn't have What any more, which was written.
type LostError struct{ What string }

func (e *LostError) Error() string { return e.What + ": written, and not there" }

// lost returns a *[LostError] for a registry that finds nothing when it is sent what
// names what it was sent before.
func lost(err error) error {
	if registry.IsNotFound(err) {
		return fmt.Errorf("%w: %w", &LostError{"what was sent"}, err)
	}
	return err
}

// Pushed says what is in a registry now.
type Pushed struct {
	Moved
	// Was is what the tag named before, "" for nothing.
	Was digest.Digest `json:"was,omitempty"`
	// Mounted is how many bytes the registry took from its other repositories.
	Mounted int64 `json:"mounted"`
	// Names is how many signatures of names came along.
	Names int `json:"names,omitempty"`
}

// ToRegistry copies the image, with everything that is attached to it, to ref, byte
// for byte. Signatures of names come along where they name ref's repository. The
// tag is written last, so that nobody finds the image by it before all else is
// there, and then everything is read back.
//
// What the registry has isn't sent, and blobs of its other repositories are mounted
// where it allows that, so that an interrupted copy goes on. It is a *[MovedError]
// when somebody else writes the tag meanwhile.
func (i *Image) ToRegistry(ctx context.Context, ref registry.Reference, opts Options) (*Pushed, error) {
	if ref.Tag() == "" {
		return nil, &registry.ReferenceError{Reference: ref.String(), Err: errors.New("it has no tag")}
	}
	s, err := i.Collect(ctx, opts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ref, err)
	}
	return s.ToRegistry(ctx, ref, opts)
}

// ToRegistry is [Image.ToRegistry] of what was found already, or of an artifact that
// refers to nothing.
func (s *Set) ToRegistry(ctx context.Context, ref registry.Reference, opts Options) (*Pushed, error) {
	if ref.Tag() == "" {
		return nil, &registry.ReferenceError{Reference: ref.String(), Err: errors.New("it has no tag")}
	}
	pushed, err := s.toRegistry(ctx, ref, opts.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ref, err)
	}
	return pushed, nil
}

func (s *Set) toRegistry(ctx context.Context, ref registry.Reference, opts Options) (*Pushed, error) {
	blobs, total, err := blobsOf(append(s.images(), s.Attached...), opts.MaxBytes)
	if err != nil {
		return nil, err
	}
	p := &push{
		Set: s, ref: ref, opts: opts, meter: newMeter(total, opts.Report), pushed: &Pushed{},
		from: map[digest.Digest][]string{}, once: map[digest.Digest]*sync.Mutex{},
	}
	for _, desc := range blobs {
		p.from[desc.Digest], p.once[desc.Digest] = p.places(desc), new(sync.Mutex)
	}
	if p.repo, err = registry.OpenRepository(ctx, ref, true, p.repositories(blobs), opts.Registry); err != nil {
		return nil, err
	}
	defer p.repo.Close()
	if err := p.run(ctx, blobs); err != nil {
		return nil, err
	}
	opts.Places.add(ref, blobs)
	p.pushed.Moved = *s.moved(total)
	p.pushed.Sent = p.meter.sent()
	return p.pushed, nil
}

// A push writes one set to one repository.
type push struct {
	*Set
	ref    registry.Reference
	repo   *registry.Repository
	opts   Options
	meter  *meter
	pushed *Pushed
	// from has the repositories that may have each blob.
	from map[digest.Digest][]string
	once map[digest.Digest]*sync.Mutex

	mu      sync.Mutex
	written []ocispec.Descriptor // blobs that the registry said it didn't have
}

// places returns the repositories of the registry that may have a blob.
func (p *push) places(desc ocispec.Descriptor) []string {
	var all []string
	if host, name := p.origin.repository(); host == p.ref.Host() && name != p.ref.Path() {
		all = append(all, name)
	}
	for _, name := range p.opts.Places.find(p.ref.Host(), desc.Digest) {
		if name != p.ref.Path() {
			all = append(all, name)
		}
	}
	return all
}

// repositories returns those that blobs are taken from: the ones that have most of
// them, as far as that is known.
func (p *push) repositories(blobs []ocispec.Descriptor) []string {
	seen, all := map[string]bool{}, []string(nil)
	for _, desc := range blobs {
		for _, name := range p.from[desc.Digest] {
			if !seen[name] && len(all) < maxFrom {
				seen[name] = true
				all = append(all, name)
			}
		}
	}
	return all
}

func (p *push) run(ctx context.Context, blobs []ocispec.Descriptor) error {
	var err error
	if p.pushed.Was, err = p.tagged(ctx); err != nil {
		return err
	}
	// What is small is attached while the rest is sent: waiting for a list to stay
	// then costs nothing.
	small, large := p.split()
	g, both := errgroup.WithContext(ctx)
	g.Go(func() error { return p.attach(both, small) })
	g.Go(func() error { return each(both, p.opts.Parallel, blobs, p.blob) })
	if err := g.Wait(); err != nil {
		return err
	}
	// An index after what it names.
	for _, m := range slices.Backward(p.images()) {
		if _, err := p.repo.PutManifest(ctx, m, ""); err != nil {
			return lost(err)
		}
	}
	if err := p.attach(ctx, large); err != nil {
		return err
	}
	if err := p.names(ctx); err != nil {
		return err
	}
	p.drop()
	if err := p.tag(ctx); err != nil {
		return err
	}
	return p.readBack(ctx)
}

// split returns the attached manifests whose blobs are small, and the others.
func (p *push) split() (small, large []*registry.Manifest) {
	for _, m := range p.Attached {
		total := m.Content.Config.Size
		for _, d := range m.Content.Layers {
			total += min(d.Size, smallBlob+1)
		}
		if total > smallBlob {
			large = append(large, m)
		} else {
			small = append(small, m)
		}
	}
	return small, large
}

// attach brings manifests and their blobs into the repository, and has it list them.
func (p *push) attach(ctx context.Context, manifests []*registry.Manifest) error {
	for _, m := range manifests {
		for _, desc := range m.Blobs() {
			if err := p.blob(ctx, desc); err != nil {
				return err
			}
		}
	}
	for _, of := range bySubject(p.whole(manifests)) {
		if err := p.repo.Attach(ctx, *of[0].Content.Subject, of); err != nil {
			return lost(err)
		}
	}
	return nil
}

// bySubject groups manifests by what they refer to.
func bySubject(manifests []*registry.Manifest) [][]*registry.Manifest {
	var groups [][]*registry.Manifest
	at := map[digest.Digest]int{}
	for _, m := range manifests {
		i, ok := at[m.About()]
		if !ok {
			i = len(groups)
			at[m.About()], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], m)
	}
	return groups
}

// blob makes the repository have a blob.
func (p *push) blob(ctx context.Context, desc ocispec.Descriptor) error {
	// Two manifests may name it, and both be written at the same time.
	once := p.once[desc.Digest]
	once.Lock()
	defer once.Unlock()
	if p.meter.has(desc) {
		return nil
	}
	has, err := p.repo.Has(ctx, desc)
	if err != nil {
		return err
	}
	if has {
		p.meter.there(desc)
		return nil
	}
	source := &source{origin: p.origin, desc: desc}
	mounted, err := p.repo.Put(ctx, desc, p.from[desc.Digest], source.open(ctx), func(n int64) { p.meter.set(desc, n) })
	if err != nil && isBroken(source.failure()) {
		return p.tolerate(desc, source.failure())
	}
	if err != nil {
		return ofBlob(desc, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.written = append(p.written, desc)
	if mounted {
		p.pushed.Mounted += desc.Size
		p.meter.there(desc)
	} else {
		p.meter.set(desc, desc.Size)
	}
	return nil
}

// A source is a blob at its origin, which remembers why it could not be read.
type source struct {
	origin origin
	desc   ocispec.Descriptor
	mu     sync.Mutex
	err    error
}

// open returns what opens the blob from an offset on. From the start, it is checked.
func (s *source) open(ctx context.Context) func(int64) (io.ReadCloser, error) {
	return func(offset int64) (io.ReadCloser, error) {
		r, err := s.origin.blob(ctx, s.desc, offset)
		if err != nil {
			return nil, s.note(err)
		}
		read := &sourceReader{Reader: r, Closer: r, of: s}
		if offset == 0 {
			read.Reader = oci.Verified(r, s.desc)
		}
		return read, nil
	}
}

func (s *source) note(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
	return err
}

// failure returns the last error of reading the blob.
func (s *source) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

type sourceReader struct {
	io.Reader
	io.Closer
	of *source
}

func (r *sourceReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = r.of.note(err)
	}
	return n, err
}

// names adds the signatures that name the repository.
func (p *push) names(ctx context.Context) error {
	read := func(desc ocispec.Descriptor) ([]byte, error) { return p.small(ctx, desc) }
	for _, n := range p.Names {
		added, err := p.repo.AddSignatures(ctx, n.Of, n.Manifest, read, func(payload []byte) bool {
			return signsNameIn(payload, p.ref)
		})
		if err != nil {
			return err
		}
		p.pushed.Names += added
	}
	return nil
}

// tagged returns the digest of what the tag names, "" for nothing.
func (p *push) tagged(ctx context.Context) (digest.Digest, error) {
	return p.repo.Named(ctx, p.ref.Tag())
}

// tag writes the tag, unless somebody else did since this began.
func (p *push) tag(ctx context.Context) error {
	is, err := p.tagged(ctx)
	if err != nil {
		return err
	}
	if is != p.pushed.Was && is != p.Image.Digest {
		return &MovedError{Reference: p.ref.String(), Was: p.pushed.Was, Is: is}
	}
	_, err = p.repo.PutManifest(ctx, p.Image, p.ref.Tag())
	return lost(err)
}

// readBack wants everything to be there as it was written.
func (p *push) readBack(ctx context.Context) error {
	is, err := p.tagged(ctx)
	if err != nil {
		return err
	}
	switch is {
	case p.Image.Digest:
	case "":
		return &LostError{"tag " + p.ref.Tag()}
	default:
		return &MovedError{Reference: p.ref.String(), Was: p.Image.Digest, Is: is}
	}
	for _, of := range bySubject(p.Attached) {
		if err := p.repo.List(ctx, *of[0].Content.Subject, of); err != nil {
			return err
		}
	}
	err = each(ctx, p.opts.Parallel, append(p.images(), p.Attached...), func(ctx context.Context, m *registry.Manifest) error {
		// What comes has its digest, or it is an error.
		got, err := p.repo.Manifest(ctx, m.Digest.String())
		if err == nil && got == nil {
			err = &LostError{"manifest " + m.Digest.String()}
		}
		return err
	})
	if err != nil {
		return err
	}
	return each(ctx, p.opts.Parallel, p.written, func(ctx context.Context, desc ocispec.Descriptor) error {
		has, err := p.repo.Has(ctx, desc)
		if err == nil && !has {
			err = &LostError{"blob " + desc.Digest.String()}
		}
		return err
	})
}

// signsNameIn reports whether the payload of a signature (cosign,
// specs/SIGNATURE_SPEC.md) names ref's repository, with whatever tag.
func signsNameIn(payload []byte, ref registry.Reference) bool {
	var p struct {
		Critical struct {
			Identity struct {
				Reference string `json:"docker-reference"`
			} `json:"identity"`
		} `json:"critical"`
	}
	if err := oci.UnmarshalJSON("signature", payload, &p); err != nil {
		return false
	}
	return inRepository(p.Critical.Identity.Reference, ref.Repository())
}
