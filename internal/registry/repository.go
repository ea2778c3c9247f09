package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// A Repository is one in a registry, to move what is in it. Its methods may be
// called concurrently. Nothing that it returns is verified beyond the digests that
// it was asked for.
type Repository struct {
	ref    Reference
	client *client
	opts   Options
}

// OpenRepository opens the repository that ref is in, also to write if write is
// set. Blobs can then be taken from the repositories from, which are in the same
// registry.
//
// Of opts, Proxy and Limits count. Errors are as those of [Open].
func OpenRepository(ctx context.Context, ref Reference, write bool, from []string, opts Options) (*Repository, error) {
	r := &Repository{ref: ref, opts: opts.withDefaults()}
	r.opts.Limits.Referrers = oci.MaxManifests
	repo, action := ref.ref.Context(), transport.PullScope
	if write {
		action = transport.PushScope
	}
	scopes := []string{repo.Scope(action)}
	for _, other := range from {
		scopes = append(scopes, repo.Registry.Repo(other).Scope(transport.PullScope))
	}
	ctx, cancel := context.WithTimeout(ctx, r.opts.Limits.EvidenceTime)
	defer cancel()
	var err error
	r.client, err = newClient(ctx, repo, r.opts, scopes...)
	return r, err
}

// Close ends the connections.
func (r *Repository) Close() { r.client.guard.close() }

// Reference returns what the repository was opened by.
func (r *Repository) Reference() Reference { return r.ref }

// Resolve returns what the reference means now: the target that it names, and the
// image for platform, as [Source.Image] has it, or for "" the target. This is the only
// time that a tag is asked for.
func (r *Repository) Resolve(ctx context.Context, platform string) (target, image ocispec.Descriptor, err error) {
	s := &Source{client: r.client, opts: r.opts}
	if err := s.resolve(ctx, r.ref); err != nil {
		return target, image, err
	}
	if platform == "" {
		return s.Target, s.Target, nil
	}
	image, err = s.Image(platform)
	return s.Target, image, err
}

// A Manifest is one with its bytes.
type Manifest struct {
	// Descriptor has the bytes' own digest and size, and their media type.
	ocispec.Descriptor
	Body []byte
	// Content is the manifest. Of an index, Index is what it has, and Content only what
	// both can say: artifactType, subject and annotations.
	Content *ocispec.Manifest
	Index   *ocispec.Index
}

// NewIndex returns the index that desc describes, of which body was decoded.
func NewIndex(desc ocispec.Descriptor, body []byte, index *ocispec.Index) *Manifest {
	like := &ocispec.Manifest{ArtifactType: index.ArtifactType, Subject: index.Subject, Annotations: index.Annotations}
	return &Manifest{Descriptor: desc, Body: body, Content: like, Index: index}
}

// Blobs returns the descriptors of the config and the layers, of an index none.
func (m *Manifest) Blobs() []ocispec.Descriptor {
	if m.Index != nil {
		return nil
	}
	return append([]ocispec.Descriptor{m.Content.Config}, m.Content.Layers...)
}

// About returns the digest of what the manifest refers to, "" if that is nothing.
func (m *Manifest) About() digest.Digest {
	if m.Content.Subject == nil {
		return ""
	}
	return m.Content.Subject.Digest
}

// Manifest reads the manifest or index that name, a tag or a digest, is. It is nil when
// there is none.
func (r *Repository) Manifest(ctx context.Context, name string) (*Manifest, error) {
	d, err := r.lookup(ctx, name)
	if d == nil || err != nil {
		return nil, err
	}
	if d.index != nil {
		return NewIndex(d.desc, d.body, d.index), nil
	}
	return &Manifest{Descriptor: d.desc, Body: d.body, Content: d.manifest}, nil
}

// Named returns the digest of what a tag names, of whatever kind, "" for nothing.
func (r *Repository) Named(ctx context.Context, tag string) (digest.Digest, error) {
	body, _, err := r.client.document(ctx, r.client.url("manifests", tag), acceptManifests+", "+acceptDocker, maxManifest)
	if IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return digest.FromBytes(body), nil
}

// lookup reads what name, a tag or a digest, is, nil when there is nothing.
func (r *Repository) lookup(ctx context.Context, name string) (*document, error) {
	d, err := r.client.manifest(ctx, name, maxManifest)
	if IsNotFound(err) {
		return nil, nil
	}
	return d, err
}

// Referrers returns what lists say that refers to subject, of which only the
// digests are to be relied on. A list that can't be read is an error, one that
// makes no sense a problem.
func (r *Repository) Referrers(ctx context.Context, subject ocispec.Descriptor) ([]ocispec.Descriptor, []Problem, error) {
	f := &fetch{Source: &Source{client: r.client, opts: r.opts}, image: subject, left: r.opts.Limits.Evidence}
	all, err := f.referrers(ctx)
	return all, f.problems, err
}

// Blob opens the bytes of a blob from offset on, once. They are not checked.
func (r *Repository) Blob(ctx context.Context, desc ocispec.Descriptor, offset int64) (io.ReadCloser, error) {
	return r.client.open(ctx, desc, offset)
}

// Fetch adds a blob to a layout. It goes on where a transfer was cut off, or one
// for the same layout was. got, which may be nil, is told how much is there.
func (r *Repository) Fetch(ctx context.Context, w *oci.Writer, desc ocispec.Descriptor, got func(n int64)) error {
	return r.client.blob(ctx, w, desc, got)
}

// Has reports whether the repository has a blob.
func (r *Repository) Has(ctx context.Context, desc ocispec.Descriptor) (bool, error) {
	return r.client.has(ctx, desc)
}

// Put brings a blob into the repository: from one of the repositories from, of the
// same registry, or else sent, from where the last try was cut off. open returns
// the blob's bytes from an offset on, and may be called again. sent, which may be
// nil, is told how many bytes were sent. mounted reports that nothing had to be.
func (r *Repository) Put(ctx context.Context, desc ocispec.Descriptor, from []string,
	open func(offset int64) (io.ReadCloser, error), sent func(n int64),
) (mounted bool, err error) {
	u := &upload{client: r.client, desc: desc, open: open, sent: sent}
	for _, other := range from {
		// A hint that leads nowhere is no error.
		if mounted, err = u.mount(ctx, other); err != nil && ctx.Err() != nil {
			return false, err
		}
		if mounted {
			return true, nil
		}
	}
	return false, u.run(ctx)
}

// PutManifest writes a manifest, by its digest or as tag. Its blobs have to be
// there. listed says that the registry lists it among the referrers of its subject.
func (r *Repository) PutManifest(ctx context.Context, m *Manifest, tag string) (listed bool, err error) {
	name := tag
	if name == "" {
		name = m.Digest.String()
	}
	return r.put(ctx, name, &document{desc: m.Descriptor, body: m.Body})
}

// put writes a manifest or index as name.
func (r *Repository) put(ctx context.Context, name string, d *document) (listed bool, err error) {
	address := r.client.url("manifests", name)
	err = r.client.retry(ctx, func() error {
		resp, err := r.client.do(ctx, request{
			method: http.MethodPut, address: address, contentType: d.desc.MediaType,
			body: bytes.NewReader(d.body), size: int64(len(d.body)),
		}, http.StatusCreated, http.StatusOK, http.StatusAccepted)
		if err != nil {
			return err
		}
		resp.Body.Close()
		listed = resp.Header.Get("OCI-Subject") != ""
		if got := digest.Digest(resp.Header.Get("Docker-Content-Digest")); got.Validate() == nil &&
			got.Algorithm() == digest.SHA256 && got != d.desc.Digest {
			return &oci.DigestError{Blob: "manifest " + name, Expected: d.desc.Digest, Got: got}
		}
		return nil
	})
	return listed, err
}

// Attach writes manifests that refer to subject, and returns when the registry
// lists all of them: by itself, or as the tag sha256-<hex> that stands in for the
// API (distribution-spec, pushing manifests with subject). What it loses is written
// again; if it is lost every time, that is an *[OverwrittenError].
func (r *Repository) Attach(ctx context.Context, subject ocispec.Descriptor, manifests []*Manifest) error {
	lists := true
	for _, m := range manifests {
		listed, err := r.PutManifest(ctx, m, "")
		if err != nil {
			return err
		}
		lists = lists && listed
	}
	return r.list(ctx, subject, manifests, lists)
}

// List wants the registry to list manifests, which are there, as Attach does.
func (r *Repository) List(ctx context.Context, subject ocispec.Descriptor, manifests []*Manifest) error {
	return r.list(ctx, subject, manifests, false)
}

// list is Attach of manifests that are there. lists says that the registry lists them
// by itself.
func (r *Repository) list(ctx context.Context, subject ocispec.Descriptor, manifests []*Manifest, lists bool) (err error) {
	if len(manifests) == 0 {
		return nil
	}
	if !lists {
		if lists, err = r.hasAPI(ctx, subject); err != nil {
			return err
		}
	}
	if !lists {
		return r.tag(ctx, subject, manifests)
	}
	left := manifests
	for round := range maxRounds {
		listed, _, err := r.Referrers(ctx, subject)
		if err != nil {
			return err
		}
		if left = unlisted(manifests, listed); len(left) == 0 {
			return nil
		}
		if err := sleep(ctx, r.opts.pause<<min(round, 4)); err != nil {
			return err
		}
		for _, m := range left {
			if _, err := r.PutManifest(ctx, m, ""); err != nil {
				return err
			}
		}
	}
	return &OverwrittenError{What: fmt.Sprintf("%d of the manifests that refer to %s, %s among them,", len(left), subject.Digest, left[0].Digest)}
}

// unlisted returns those of manifests that a list doesn't have.
func unlisted(manifests []*Manifest, list []ocispec.Descriptor) []*Manifest {
	has := map[digest.Digest]bool{}
	for _, d := range list {
		has[d.Digest] = true
	}
	var left []*Manifest
	for _, m := range manifests {
		if !has[m.Digest] {
			left = append(left, m)
		}
	}
	return left
}

// hasAPI reports whether the registry has the referrers API.
func (r *Repository) hasAPI(ctx context.Context, subject ocispec.Descriptor) (bool, error) {
	_, _, err := r.client.document(ctx, r.client.url("referrers", subject.Digest.String()), ocispec.MediaTypeImageIndex, maxManifest)
	if unsupported(err) {
		return false, nil
	}
	var limit *oci.LimitError
	if errors.As(err, &limit) {
		return true, nil
	}
	return err == nil, err
}

// tagFor returns the tag that stands in for the list of what refers to a digest.
func tagFor(d digest.Digest) string { return strings.Replace(d.String(), ":", "-", 1) }
