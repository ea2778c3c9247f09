package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// maxRounds is how often what others have overwritten at the same time is written
// again.
const maxRounds = 3

// An OverwrittenError reports that What was written, and is not there.
type OverwrittenError struct{ What string }

func (e *OverwrittenError) Error() string {
	return e.What + ": written, but not there; somebody else writes at the same time"
}

// A pusher writes to one repository.
type pusher struct {
	ref   Reference
	guard *guard
	auth  authn.Authenticator
	opts  Options
}

func newPusher(ctx context.Context, ref Reference, opts Options) (*pusher, error) {
	if ref.Tag() == "" {
		return nil, &ReferenceError{Reference: ref.String(), Err: errors.New("it has no tag")}
	}
	opts = opts.withDefaults()
	auth, err := resolve(ctx, ref.ref.Context())
	if err != nil {
		return nil, &TransferError{URL: ref.ref.Context().RegistryStr(), Err: err}
	}
	return &pusher{ref: ref, guard: newGuard(ref.ref.Context().RegistryStr(), opts.roots, opts.idle), auth: auth, opts: opts}, nil
}

func (p *pusher) remote(ctx context.Context) []remote.Option {
	return []remote.Option{remote.WithContext(ctx), remote.WithTransport(p.guard), remote.WithAuth(p.auth)}
}

// Push copies the layout in the folder dir to ref, byte for byte: an image and the
// manifests that refer to it. The tag is written last, so that nobody finds the
// image by it before all else is there. It returns the image's descriptor.
//
// A registry without the referrers API keeps a list that every writer replaces:
// what is missing from it afterwards is written again, and after three rounds it
// is an *[OverwrittenError].
func Push(ctx context.Context, ref Reference, dir string, opts Options) (ocispec.Descriptor, error) {
	image, err := push(ctx, ref, dir, opts)
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("%s: %w", ref, err)
	}
	return image, nil
}

func push(ctx context.Context, ref Reference, dir string, opts Options) (image ocispec.Descriptor, err error) {
	l, err := oci.OpenLayout(dir)
	if err != nil {
		return image, err
	}
	defer l.Close()
	p, err := newPusher(ctx, ref, opts)
	if err != nil {
		return image, err
	}
	defer p.guard.close()
	ctx, cancel := context.WithTimeout(ctx, p.opts.Limits.ImageTime)
	defer cancel()
	image, others, err := split(l)
	if err != nil {
		return image, err
	}
	body, err := p.manifest(ctx, l, image)
	if err != nil {
		return image, err
	}
	missing := others
	for range maxRounds {
		for _, desc := range missing {
			if _, err := p.manifest(ctx, l, desc); err != nil {
				return image, err
			}
		}
		if missing, err = p.missing(ctx, image, others); err != nil {
			return image, err
		}
		if len(missing) == 0 {
			return image, p.put(ctx, ref, image.MediaType, body)
		}
	}
	return image, &OverwrittenError{What: "the list of what refers to " + image.Digest.String()}
}

// split returns the layout's one image, and what refers to it.
func split(l *oci.Layout) (image ocispec.Descriptor, others []ocispec.Descriptor, err error) {
	index, err := l.Images()
	if err != nil {
		return image, nil, err
	}
	others, images := nil, []ocispec.Descriptor(nil)
	for _, desc := range index {
		m, _, err := l.ReadManifest(desc)
		if err != nil {
			return image, nil, err
		}
		if m.Subject == nil {
			images = append(images, desc)
		} else {
			others = append(others, desc)
		}
	}
	if len(images) != 1 {
		return image, nil, &oci.FormatError{What: "index.json", Detail: fmt.Sprintf("%d images, want 1", len(images))}
	}
	return images[0], others, nil
}

// manifest writes the manifest that desc names, by digest, after its blobs.
func (p *pusher) manifest(ctx context.Context, l *oci.Layout, desc ocispec.Descriptor) ([]byte, error) {
	m, body, err := l.ReadManifest(desc)
	if err != nil {
		return nil, err
	}
	for _, blob := range append([]ocispec.Descriptor{m.Config}, m.Layers...) {
		if err := p.blob(ctx, blob, func() (io.ReadCloser, error) { return l.Blob(blob) }); err != nil {
			return nil, err
		}
	}
	return body, p.put(ctx, p.ref.WithDigest(desc.Digest), desc.MediaType, body)
}

// blob writes what open opens, unless the registry has it.
func (p *pusher) blob(ctx context.Context, desc ocispec.Descriptor, open func() (io.ReadCloser, error)) error {
	layer, err := partial.CompressedToLayer(&upload{desc, open})
	if err != nil {
		return err
	}
	if err := remote.WriteLayer(p.ref.ref.Context(), layer, p.remote(ctx)...); err != nil {
		return typed("blob "+desc.Digest.String(), err)
	}
	return nil
}

func (p *pusher) put(ctx context.Context, ref Reference, mediaType string, body []byte) error {
	if err := remote.Put(ref.ref, document{desc: ocispec.Descriptor{MediaType: mediaType}, body: body}, p.remote(ctx)...); err != nil {
		return typed(ref.String(), err)
	}
	return nil
}

// missing returns those of want that the registry doesn't list for the image.
func (p *pusher) missing(ctx context.Context, image ocispec.Descriptor, want []ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	opts := p.opts
	opts.Limits.Referrers = oci.MaxManifests
	s, err := Open(ctx, p.ref.WithDigest(image.Digest), opts)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	f := &fetch{Source: s, image: s.Target, left: s.opts.Limits.Evidence}
	listed, err := f.referrers(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(want), func(d ocispec.Descriptor) bool {
		return slices.ContainsFunc(listed, func(l ocispec.Descriptor) bool { return l.Digest == d.Digest })
	}), nil
}

// RawManifest and MediaType are what go-containerregistry puts.
func (d document) RawManifest() ([]byte, error)        { return d.body, nil }
func (d document) MediaType() (types.MediaType, error) { return types.MediaType(d.desc.MediaType), nil }

// An upload is a blob as go-containerregistry writes it.
type upload struct {
	desc ocispec.Descriptor
	open func() (io.ReadCloser, error)
}

// Digest, Compressed, Size and MediaType are those of the blob.
func (u *upload) Digest() (v1.Hash, error)            { return v1.NewHash(u.desc.Digest.String()) }
func (u *upload) Compressed() (io.ReadCloser, error)  { return u.open() }
func (u *upload) Size() (int64, error)                { return u.desc.Size, nil }
func (u *upload) MediaType() (types.MediaType, error) { return types.MediaType(u.desc.MediaType), nil }

// sum describes b.
func sum(mediaType string, b []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(b), Size: int64(len(b))}
}
