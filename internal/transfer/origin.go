package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
)

// An origin is where releases are taken from.
type origin interface {
	// manifest returns the manifest or index with that digest, nil when there is none.
	manifest(ctx context.Context, d digest.Digest) (*registry.Manifest, error)
	// referrers returns what may refer to subject.
	referrers(ctx context.Context, subject ocispec.Descriptor) ([]ocispec.Descriptor, []registry.Problem, error)
	// signatures returns the manifest with the signatures of an image's names, nil
	// when there is none.
	signatures(ctx context.Context, image digest.Digest) (*registry.Manifest, error)
	// blob opens the bytes of a blob from offset on. Only from 0 on may they be
	// checked.
	blob(ctx context.Context, desc ocispec.Descriptor, offset int64) (io.ReadCloser, error)
	// fetch adds a blob to a layout.
	fetch(ctx context.Context, w *oci.Writer, desc ocispec.Descriptor, got func(int64)) error
	// repository returns HOST and REPOSITORY, "" for what isn't in a registry.
	repository() (host, name string)
}

// An Image is one in a folder, a registry or an export file, or an index of several.
type Image struct {
	// Name is what it is called there, name:tag, or "". Nobody signed that.
	Name string
	ocispec.Descriptor
	origin origin
}

// A Folder is an OCI layout that images are taken from.
type Folder struct {
	layout *oci.Layout
	// Images are those in it, in the order of its index.
	Images    []*Image
	manifests map[digest.Digest]*registry.Manifest
	order     []digest.Digest
	tags      map[string]digest.Digest // of signatures
}

// OpenFolder opens the layout in a folder, which is closed with the result.
func OpenFolder(dir string) (*Folder, error) {
	l, err := oci.OpenLayout(dir)
	if err != nil {
		return nil, err
	}
	f, err := NewFolder(l)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", dir, err), l.Close())
	}
	return f, nil
}

// NewFolder reads the manifests of a layout, which it closes with itself.
func NewFolder(l *oci.Layout) (*Folder, error) {
	f := &Folder{layout: l, manifests: map[digest.Digest]*registry.Manifest{}, tags: map[string]digest.Digest{}}
	index, err := l.Images()
	if err != nil {
		return nil, err
	}
	for _, desc := range index {
		m, err := f.read(desc)
		if err != nil {
			return nil, err
		}
		name := desc.Annotations[ocispec.AnnotationRefName]
		if oci.IsImage(m.Content) {
			f.Images = append(f.Images, &Image{Name: name, Descriptor: m.Descriptor, origin: f})
		} else if oci.IsSignatures(m.Content) {
			f.tags[name] = desc.Digest
		}
		if m.Index == nil {
			continue
		}
		for _, desc := range m.Index.Manifests {
			if desc.MediaType == ocispec.MediaTypeImageIndex {
				return nil, &oci.FormatError{What: "index " + m.Digest.String(), Detail: "it names an index"}
			}
			if _, err := f.read(desc); err != nil {
				return nil, err
			}
		}
	}
	return f, nil
}

// read reads a manifest or index.
func (f *Folder) read(desc ocispec.Descriptor) (*registry.Manifest, error) {
	plain := ocispec.Descriptor{MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size}
	var m *registry.Manifest
	if desc.MediaType == ocispec.MediaTypeImageIndex {
		index, body, err := f.layout.ReadIndex(desc)
		if err != nil {
			return nil, err
		}
		m = registry.NewIndex(plain, body, index)
	} else {
		content, body, err := f.layout.ReadManifest(desc)
		if err != nil {
			return nil, err
		}
		m = &registry.Manifest{Descriptor: plain, Body: body, Content: content}
	}
	f.manifests[desc.Digest] = m
	f.order = append(f.order, desc.Digest)
	return m, nil
}

// Image returns the layout's one image, or index.
func (f *Folder) Image() (*Image, error) {
	if len(f.Images) != 1 {
		return nil, &oci.FormatError{What: ocispec.ImageIndexFile, Detail: fmt.Sprintf("%d images, want 1", len(f.Images))}
	}
	return f.Images[0], nil
}

// Layouts returns the layout, for Options.Near.
func (f *Folder) Layouts() []*oci.Layout { return []*oci.Layout{f.layout} }

// Close closes the layout.
func (f *Folder) Close() error { return f.layout.Close() }

func (f *Folder) manifest(_ context.Context, d digest.Digest) (*registry.Manifest, error) {
	return f.manifests[d], nil
}

func (f *Folder) referrers(_ context.Context, subject ocispec.Descriptor) ([]ocispec.Descriptor, []registry.Problem, error) {
	var all []ocispec.Descriptor
	for _, d := range f.order {
		if m := f.manifests[d]; m.About() == subject.Digest {
			all = append(all, m.Descriptor)
		}
	}
	return all, nil, nil
}

func (f *Folder) signatures(_ context.Context, image digest.Digest) (*registry.Manifest, error) {
	return f.manifests[f.tags[registry.SignaturesTag(image)]], nil
}

func (f *Folder) blob(ctx context.Context, desc ocispec.Descriptor, offset int64) (io.ReadCloser, error) {
	r, err := f.layout.Blob(desc)
	if err != nil {
		return nil, err
	}
	// All of it is read, so that all of it is checked.
	if _, err := io.CopyN(io.Discard, r, offset); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return &contextReader{r, ctx}, nil
}

func (f *Folder) fetch(ctx context.Context, w *oci.Writer, desc ocispec.Descriptor, got func(int64)) error {
	err := w.Fetch(desc, func(offset int64) (io.ReadCloser, error) { return f.blob(ctx, desc, offset) })
	if err == nil {
		got(desc.Size)
	}
	return err
}

func (f *Folder) repository() (string, string) { return "", "" }

// A contextReader ends with its context.
type contextReader struct {
	io.ReadCloser
	ctx context.Context
}

func (r *contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.ReadCloser.Read(p)
}

// A Repository is one in a registry that an image is taken from.
type Repository struct {
	*registry.Repository
	ref    registry.Reference
	target digest.Digest // of what ref names: Image, or an index that it is in
	Image  *Image
}

// OpenReference finds out what ref is, once, and opens its image for platform, as
// [registry.Source.Image] has it, or for "" all that it is: an image, or an index.
func OpenReference(ctx context.Context, ref registry.Reference, platform string, opts Options) (*Repository, error) {
	repo, err := registry.OpenRepository(ctx, ref, false, nil, opts.Registry)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ref, err)
	}
	r := &Repository{Repository: repo, ref: ref}
	target, desc, err := repo.Resolve(ctx, platform)
	if err != nil {
		repo.Close()
		return nil, fmt.Errorf("%s: %w", ref, err)
	}
	plain := ocispec.Descriptor{MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size}
	r.target = target.Digest
	r.Image = &Image{Name: ref.Name(), Descriptor: plain, origin: r}
	return r, nil
}

func (r *Repository) manifest(ctx context.Context, d digest.Digest) (*registry.Manifest, error) {
	return r.Repository.Manifest(ctx, d.String())
}

func (r *Repository) referrers(ctx context.Context, subject ocispec.Descriptor) ([]ocispec.Descriptor, []registry.Problem, error) {
	return r.Referrers(ctx, subject)
}

func (r *Repository) signatures(ctx context.Context, image digest.Digest) (*registry.Manifest, error) {
	return r.Signatures(ctx, image)
}

func (r *Repository) blob(ctx context.Context, desc ocispec.Descriptor, offset int64) (io.ReadCloser, error) {
	return r.Blob(ctx, desc, offset)
}

func (r *Repository) fetch(ctx context.Context, w *oci.Writer, desc ocispec.Descriptor, got func(int64)) error {
	return r.Fetch(ctx, w, desc, got)
}

func (r *Repository) repository() (string, string) { return r.ref.Host(), r.ref.Path() }

// near adds a blob from one of the layouts to w, if one has it as it has to be.
func near(ctx context.Context, layouts []*oci.Layout, w *oci.Writer, desc ocispec.Descriptor) (bool, error) {
	for _, l := range layouts {
		err := (&Folder{layout: l}).fetch(ctx, w, desc, func(int64) {})
		if err == nil || ctx.Err() != nil {
			return err == nil, err
		}
	}
	return false, nil
}
