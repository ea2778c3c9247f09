package release

import (
	"context"
	"errors"
	"slices"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// A statement is an in-toto statement about the image.
type statement struct {
	predicateType string
	body          []byte
}

// statements returns the evidence in the order of the release's index.
func (r *reproduced) statements(opts Options) ([]statement, error) {
	deps, err := r.build.Dependencies()
	if err != nil {
		return nil, err
	}
	comparison, err := r.comparison().Statement()
	if err != nil {
		return nil, err
	}
	all := []statement{{evidence.ComparisonType, comparison}}
	for _, res := range []*builder.Result{r.build.A, r.build.B} {
		body, err := r.provenance(res, deps, opts.Version).Statement()
		if err != nil {
			return nil, err
		}
		all = append(all, statement{evidence.ProvenanceType, body})
	}
	about, err := r.about(deps)
	if err != nil {
		return nil, err
	}
	all = append(all, about...)
	if opts.Key == nil {
		return all, nil
	}
	signature, err := evidence.Signature(r.image.desc.Digest)
	if err != nil {
		return nil, err
	}
	return slices.Insert(all, 0, statement{evidence.SignatureType, signature}), nil
}

func (r *reproduced) comparison() *evidence.Comparison {
	c := &evidence.Comparison{
		Recipe: r.build.Closure[0].Name, Plan: r.build.Plan, Lock: r.build.Lock,
		Output: evidence.NewOutput(r.build.Output), Image: r.image.desc.Digest,
		Compressed: r.image.compressed, Unpacked: r.image.unpacked, Varied: r.varied,
	}
	for i, res := range []*builder.Result{r.build.A, r.build.B} {
		c.Builds[i] = evidence.Compared{
			Builder: evidence.BuilderPrefix + res.Builder, Invocation: res.Invocation, Digest: res.Image.Digest,
		}
	}
	return c
}

func (r *reproduced) provenance(res *builder.Result, deps []evidence.Dependency, version string) *evidence.Build {
	versions := map[string]string{"buildkit": r.build.Output.BuildKit}
	if version != "" {
		versions["tailsbuild"] = version
	}
	return &evidence.Build{
		Image:        r.image.desc.Digest,
		Parameters:   r.build.Parameters(),
		Output:       evidence.NewOutput(r.build.Output),
		Dependencies: deps,
		Run: evidence.Run{
			Builder:    evidence.BuilderPrefix + res.Builder,
			Versions:   versions,
			Invocation: res.Invocation, Started: res.Started, Finished: res.Finished, Variation: res.Variation,
		},
	}
}

// write makes the layout at opts.Dir, or leaves nothing. It returns, for each image,
// the manifest of the sealed inputs, if there are to be any.
func (p *platforms) write(ctx context.Context, name string, statements [][]statement, opts Options) (sealed []*ocispec.Descriptor, err error) {
	w, err := oci.Create(opts.Dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.Abort()) }()
	// The bytes are copied, and by that checked, before anything is signed.
	for _, r := range p.images {
		for _, desc := range append(r.image.blobs(), r.image.desc) {
			if err := r.copy(ctx, w, desc); err != nil {
				return nil, err
			}
		}
	}
	index, err := p.head(ctx, w, name, opts.Key)
	if err != nil {
		return nil, err
	}
	for i, r := range p.images {
		attached, seal, err := r.attachAll(ctx, w, statements[i], opts)
		if err != nil {
			return nil, err
		}
		index, sealed = append(index, attached...), append(sealed, seal)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return sealed, w.Commit(index)
}

// attachAll adds the statements about the image, and the sealed inputs if there are
// to be any, and returns their descriptors.
func (r *reproduced) attachAll(ctx context.Context, w *oci.Writer, statements []statement, opts Options) (all []ocispec.Descriptor, sealed *ocispec.Descriptor, err error) {
	bundles, err := r.signAll(ctx, opts.Key, statements)
	if err != nil {
		return nil, nil, err
	}
	for i, st := range statements {
		desc, err := r.attach(w, st, opts.Key, bundles[i])
		if err != nil {
			return nil, nil, err
		}
		all = append(all, desc)
	}
	if r.build.Seal == nil {
		return all, nil, nil
	}
	desc, err := r.attachSealed(ctx, w, opts)
	return append(all, desc), &desc, err
}

func (r *reproduced) copy(ctx context.Context, w *oci.Writer, desc ocispec.Descriptor) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	blob, err := r.layout.Blob(desc)
	if err != nil {
		return err
	}
	defer blob.Close()
	return w.Add(desc, blob)
}

// attach adds a statement about the image: signed, in its bundle, or without a key as
// it is.
func (r *reproduced) attach(w *oci.Writer, st statement, key *sign.Key, bundle []byte) (_ ocispec.Descriptor, err error) {
	a := Attachment{Subject: r.image.desc, PredicateType: st.predicateType, Body: st.body, Created: r.created()}
	if key != nil {
		a.Body, a.Signed, a.Key = bundle, true, key.Public()
		if a.Key == nil {
			if r.signer, err = sign.BundleCertificate(bundle); err != nil {
				return ocispec.Descriptor{}, err
			}
		}
	}
	return a.add(w)
}

// signAll returns the bundles of the statements, in their order, nil ones without a
// key. Services are asked about several at once: a transparency log takes a while to
// answer, and no longer for more.
func (r *reproduced) signAll(ctx context.Context, key *sign.Key, statements []statement) ([][]byte, error) {
	bundles := make([][]byte, len(statements))
	if key == nil {
		return bundles, nil
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(maxAsked)
	for i, st := range statements {
		g.Go(func() (err error) {
			bundles[i], err = r.sign(ctx, key, st)
			return err
		})
	}
	return bundles, g.Wait()
}

// maxAsked is how many statements services are asked about at once.
const maxAsked = 8

// sign signs a statement about the reproduced image. It and [platforms.sign] are the
// only places in tailsbuild that sign statements.
func (r *reproduced) sign(ctx context.Context, key *sign.Key, st statement) ([]byte, error) {
	return key.Sign(ctx, st.body)
}

// created is the recipe's epoch: a clock would make manifests of equal evidence
// different.
func (r *reproduced) created() time.Time {
	return time.Unix(r.build.Closure[0].Epoch, 0)
}
