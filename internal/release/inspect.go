package release

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// What is known of who signed a statement, as Carried has it.
const (
	// SignatureValid is a signature by a key that came with it. Whose it is isn't
	// known by that.
	SignatureValid = "valid"
	// SignatureUnchecked is one by a key that didn't come with it.
	SignatureUnchecked = "unchecked"
	// SignatureBad is none of these bytes.
	SignatureBad = "bad"
	// SignatureNone is that of a statement that isn't signed at all.
	SignatureNone = "none"
)

// An Inspection is what a release carries, whoever wrote it: nothing of it is shown to
// be true.
type Inspection struct {
	Dir   string             `json:"dir"`
	Image ocispec.Descriptor `json:"image"`
	// Index describes the index that the image is in, nil for one that is alone.
	Index *ocispec.Descriptor `json:"index,omitempty"`
	// Claimed is what the release's index calls the image, name:tag.
	Claimed    string            `json:"claimed,omitempty"`
	Compressed int64             `json:"compressed"`
	Layers     int               `json:"layers"`
	Labels     map[string]string `json:"labels,omitempty"`
	// Statements are in the index's order.
	Statements []Carried `json:"statements"`
	// Sealed are the manifests of sealed inputs.
	Sealed []digest.Digest `json:"sealed,omitempty"`
	// Problems are manifests that are no statements about the image.
	Problems []Problem `json:"problems,omitempty"`
}

// A Carried is a statement that a release carries.
type Carried struct {
	PredicateType string        `json:"predicateType"`
	Manifest      digest.Digest `json:"manifest"`
	// Key is the ID of the key that the statement names as its signer's.
	Key string `json:"key,omitempty"`
	// Certificate is what the one that it has in place of a key says. Nobody was asked
	// whether that is so.
	Certificate *sign.Certificate `json:"certificate,omitempty"`
	Signature   string            `json:"signature"` // one of the Signature constants
	// Body is the whole statement.
	Body []byte `json:"-"`
}

// Inspect reads what the release in the folder dir carries about its image, or about
// each of those of an index, in its order: without layers, which may be missing. Errors
// call it called, or dir.
//
// Bytes that aren't what a digest says are errors as with [Read]; signatures are
// looked at and decide nothing.
func Inspect(ctx context.Context, dir, called string) ([]*Inspection, error) {
	r, err := openRelease(ctx, dir, cmp.Or(called, dir), readWithoutLayers)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var all []*Inspection
	for _, img := range r.images {
		i, err := r.inspect(ctx, img)
		if err != nil {
			return nil, fmt.Errorf("release %s: %w", r.called, err)
		}
		all = append(all, i)
	}
	return all, nil
}

func (r *opened) inspect(ctx context.Context, img *image) (*Inspection, error) {
	i := &Inspection{
		Dir: r.called, Image: img.desc, Index: r.index, Claimed: img.claimed, Compressed: img.compressed,
		Layers: len(img.manifest.Layers), Labels: img.labels, Statements: []Carried{},
	}
	for _, desc := range r.about(img.desc) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		problem, err := i.read(r.layout, desc)
		if err != nil {
			return nil, err
		}
		if problem != nil {
			i.Problems = append(i.Problems, Problem{Manifest: desc.Digest, Err: problem})
		}
	}
	return i, nil
}

// read adds what the manifest desc has.
func (i *Inspection) read(l *layout, desc ocispec.Descriptor) (problem, err error) {
	a, problem, err := readAttached(l, i.Image, desc)
	switch {
	case err != nil:
		return nil, err
	case a.artifactType == evidence.MediaType:
		return i.readUnsigned(l, desc)
	case problem != nil:
		return problem, nil
	case a.artifactType == inputs.SealedType:
		i.Sealed = append(i.Sealed, desc.Digest)
		return nil, nil
	}
	c := Carried{Manifest: desc.Digest, Signature: SignatureUnchecked}
	if c.Body, problem = sign.StatementUnsafe(a.bundle); problem != nil {
		return problem, nil
	}
	c.Key, c.Signature = i.signer(a)
	if c.Key == "" {
		c.Certificate, _ = sign.BundleCertificate(a.bundle) // nil when it can't be read
	}
	return i.add(c), nil
}

// signer looks at who signed a bundle.
func (i *Inspection) signer(a *attached) (id, signature string) {
	id, err := sign.BundleKey(a.bundle)
	if err != nil {
		return "", SignatureUnchecked
	}
	key, err := claimedKey(a.annotations, id)
	if err != nil {
		return id, SignatureUnchecked
	}
	if _, err := key.Verify(a.bundle, i.Image.Digest); err != nil {
		return id, SignatureBad
	}
	return id, SignatureValid
}

// readUnsigned adds a statement that is there as it is.
func (i *Inspection) readUnsigned(l *layout, desc ocispec.Descriptor) (problem, err error) {
	m, _, err := l.ReadManifest(desc)
	if err != nil {
		return nil, err
	}
	if m.Subject == nil || m.Subject.Digest != i.Image.Digest || len(m.Layers) != 1 {
		return errors.New("its subject is not the image, or it doesn't hold exactly one statement"), nil
	}
	if n := m.Layers[0].Size; n > evidence.MaxStatement {
		return &oci.LimitError{What: "statement", Size: n, Limit: evidence.MaxStatement}, nil
	}
	body, err := l.ReadBlob(m.Layers[0], evidence.MaxStatement)
	if err != nil {
		return nil, err
	}
	return i.add(Carried{Manifest: desc.Digest, Signature: SignatureNone, Body: body}), nil
}

// add adds a statement, if it is one about the image.
func (i *Inspection) add(c Carried) error {
	predicateType, image, err := evidence.Peek(c.Body)
	switch {
	case err != nil:
		return err
	case image != i.Image.Digest:
		return fmt.Errorf("statement is about %s", image)
	}
	c.PredicateType = predicateType
	i.Statements = append(i.Statements, c)
	return nil
}

// By returns what of i a verification counted, in the same order.
func (i *Inspection) By(v *Verification) []Carried {
	return slices.DeleteFunc(slices.Clone(i.Statements), func(c Carried) bool {
		return !slices.Contains(v.Bundles, c.Manifest)
	})
}
