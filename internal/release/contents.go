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

// Contents are what a release's own files show, whoever signed them. Whether that
// is enough is for others to say.
type Contents struct {
	Dir   string             `json:"dir"`
	Image ocispec.Descriptor `json:"image"`
	// Index describes the index that the image is in, nil for one that is alone.
	Index *ocispec.Descriptor `json:"index,omitempty"`
	// Claimed is what the release's index calls the image, name:tag. Nobody signed
	// that.
	Claimed    string `json:"claimed,omitempty"`
	Compressed int64  `json:"compressed"`
	// Labels are those of the image's config, and Annotations those of its manifest.
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"-"`
	// Statements are about the image and signed, in the index's order.
	Statements []Statement `json:"statements,omitempty"`
	// Problems are manifests that were found and don't count.
	Problems []Problem `json:"problems,omitempty"`
	// Incomplete says that more refers to the image than was fetched, as who fetched it
	// writes here.
	Incomplete bool `json:"incomplete,omitempty"`
}

// A Statement is one whose signature was checked.
type Statement struct {
	Key *sign.PublicKey `json:"-"`
	// Certificate says who has Key, which was made for this statement alone. It is
	// nil when Key has none.
	Certificate *sign.Certificate `json:"certificate,omitempty"`
	// Marks are what the services of each trusted root say of the signature.
	Marks []sign.Marks `json:"marks,omitempty"`
	// Known says that Key or Certificate is one of those that [Read] was given.
	// Another came with the statement, so that it is somebody's, and its ID, or what
	// is certified, is all that is known.
	Known bool `json:"known"`
	// Manifest is the one that the bundle is in.
	Manifest      digest.Digest `json:"manifest"`
	PredicateType string        `json:"predicateType"`
	// Body is the whole statement, nil for a signature that isn't Known.
	Body []byte `json:"-"`
}

// Signature reports whether s is a signature of the image, as cosign makes it.
func (s *Statement) Signature() bool { return s.PredicateType == evidence.SignatureType }

// Trusted says whose statements are read.
type Trusted struct {
	// Keys are those that are known.
	Keys []*sign.PublicKey
	// Roots have the services that are asked about every signature. Without one,
	// nothing that is signed by a certificate counts.
	Roots []*sign.TrustedRoot
	// Knows reports whether a certificate, which an authority of a root has issued,
	// is of somebody who is known. When it is nil, none is.
	Knows func(*sign.Certificate) bool
}

// Read is [ReadWith] of all that a release has.
func Read(ctx context.Context, dir string, trusted Trusted) (*Contents, error) {
	return ReadWith(ctx, dir, trusted, VerifyOptions{})
}

// ReadWith is [ReadAll] of a release that has one image. One with an index is a
// *[RefusedError].
func ReadWith(ctx context.Context, dir string, trusted Trusted, opts VerifyOptions) (*Contents, error) {
	all, err := ReadAll(ctx, dir, trusted, opts)
	if err != nil {
		return nil, err
	}
	if index := all[0].Index; index != nil {
		return nil, &RefusedError{Dir: all[0].Dir, Image: index.Digest, Reason: errors.New("an index of several images, want 1 image")}
	}
	return all[0], nil
}

// ReadAll reads the release in the folder dir, what opts say there is of it: every blob
// of its images, one or those of an index, in its order, and what is signed about each
// by those that are known, or by anybody whose public key or certificate came with the
// bundle. Layers are checked by their digests and not unpacked, and sealed inputs are
// not read. By others than those that are known, only signatures of the image are kept,
// and declarations: a trust root may name one by its manifest. In an index, a signature
// of an image only counts with one of the index by the same signer.
//
// A release without a signature is no error. A folder without exactly one image or
// index is a *[RefusedError]; a file that is missing or isn't what its digest says is an
// error of package oci.
func ReadAll(ctx context.Context, dir string, trusted Trusted, opts VerifyOptions) ([]*Contents, error) {
	l, err := openLayout(dir)
	if err != nil {
		return nil, err
	}
	opts.Called = cmp.Or(opts.Called, dir)
	return readAll(ctx, l, trusted, opts)
}

// ReadLayout is [ReadAll] of a layout that is open, and that it closes. Errors call it
// opts.Called, which is required.
func ReadLayout(ctx context.Context, l *oci.Layout, trusted Trusted, opts VerifyOptions) ([]*Contents, error) {
	return readAll(ctx, newLayout(l), trusted, opts)
}

func readAll(ctx context.Context, l *layout, trusted Trusted, opts VerifyOptions) ([]*Contents, error) {
	read := readPacked
	if opts.WithoutLayers {
		read = readWithoutLayers
	}
	r, err := readRelease(ctx, l, opts.Called, read)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	by := newReader(trusted)
	var head *Contents
	if r.index != nil {
		if head, err = by.contents(ctx, r, &image{desc: *r.index}); err != nil {
			return nil, err
		}
	}
	var all []*Contents
	for _, img := range r.images {
		c, err := by.contents(ctx, r, img)
		if err != nil {
			return nil, err
		}
		if head != nil {
			c.in(head)
		}
		all = append(all, c)
	}
	return all, nil
}

// contents reads what is attached to an image, or to the index.
func (r *reader) contents(ctx context.Context, in *opened, img *image) (*Contents, error) {
	c := &Contents{
		Dir: in.called, Image: img.desc, Claimed: img.claimed,
		Compressed: img.compressed, Labels: img.labels, Annotations: img.annotations,
	}
	r.Contents = c
	for _, desc := range in.about(img.desc) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		a, problem, err := readAttached(in.layout, c.Image, desc)
		if err != nil {
			return nil, fmt.Errorf("release %s: %w", in.called, err)
		}
		if problem == nil && a.artifactType != inputs.SealedType {
			problem = r.add(a, desc.Digest)
		}
		if problem != nil {
			c.Problems = append(c.Problems, Problem{Manifest: desc.Digest, Err: problem})
		}
	}
	return c, nil
}

// A Bundle is what refers to an image somewhere else than in its release.
type Bundle struct {
	// Manifest is the digest of the manifest that it is in, whose own annotations
	// these are.
	Manifest    digest.Digest
	Annotations map[string]string
	Body        []byte
}

// ReadBundles is [Read] of bundles about an image that were found elsewhere.
func ReadBundles(image ocispec.Descriptor, bundles []Bundle, trusted Trusted) *Contents {
	r := newReader(trusted)
	c := &Contents{Image: image}
	r.Contents = c
	for _, b := range bundles {
		if err := r.add(&attached{annotations: b.Annotations, bundle: b.Body}, b.Manifest); err != nil {
			c.Problems = append(c.Problems, Problem{Manifest: b.Manifest, Err: err})
		}
	}
	return c
}

// in puts an image into the index that head is about: a signature by somebody who didn't
// sign the index becomes a problem.
func (c *Contents) in(head *Contents) {
	c.Index = &head.Image
	c.Problems = append(c.Problems, head.Problems...)
	c.Statements = slices.DeleteFunc(c.Statements, func(s Statement) bool {
		alone := s.Signature() && !slices.ContainsFunc(head.Statements, func(h Statement) bool {
			return h.Signature() && h.sameSigner(&s)
		})
		if alone {
			c.Problems = append(c.Problems, Problem{Manifest: s.Manifest, Err: ErrNoIndexSignature})
		}
		return alone
	})
}

// sameSigner reports whether both are by one key, or by one whom certificates name.
func (s *Statement) sameSigner(other *Statement) bool {
	a, b := s.Certificate, other.Certificate
	if a == nil || b == nil {
		return a == b && s.Key.ID() == other.Key.ID()
	}
	return a.Issuer == b.Issuer && a.Subject == b.Subject
}

// A reader fills Contents.
type reader struct {
	*Contents
	trusted Trusted
	keys    map[string]*sign.PublicKey // by ID
}

func newReader(trusted Trusted) *reader {
	r := &reader{trusted: trusted, keys: make(map[string]*sign.PublicKey, len(trusted.Keys))}
	for _, key := range trusted.Keys {
		r.keys[key.ID()] = key
	}
	return r
}

// add adds what a says, or returns why it doesn't count.
func (r *reader) add(a *attached, manifest digest.Digest) error {
	v, known, err := r.verify(a)
	if err != nil {
		return err
	}
	s := Statement{
		Key: v.Key, Certificate: v.Certificate, Marks: v.Marks, Known: known,
		Manifest: manifest, PredicateType: v.PredicateType,
	}
	switch {
	case s.Signature():
		if _, err := evidence.ParseSignature(v.Statement); err != nil {
			return err
		}
	case known || v.PredicateType == evidence.DeclarationType:
	case v.Certificate != nil:
		return fmt.Errorf("statement by %q of %q, who isn't known: %s", v.Certificate.Subject, v.Certificate.Issuer, v.PredicateType)
	default:
		return fmt.Errorf("statement by the key %q, which isn't known: %s", v.Key.ID(), v.PredicateType)
	}
	if known || !s.Signature() {
		s.Body = v.Statement
	}
	r.Statements = append(r.Statements, s)
	return nil
}

// verify verifies the bundle in a with what it names, and says whether that is
// known.
func (r *reader) verify(a *attached) (v *sign.Verified, known bool, err error) {
	b, err := sign.ReadBundle(a.bundle)
	if err != nil {
		return nil, false, err
	}
	id, err := b.Key()
	if err != nil {
		return nil, false, err
	}
	if id == "" {
		v, err := b.VerifyCertificate(r.Image.Digest, r.trusted.Roots)
		if err != nil {
			return nil, false, err
		}
		return v, r.trusted.Knows != nil && r.trusted.Knows(v.Certificate), nil
	}
	key, known := r.keys[id]
	if !known {
		if key, err = claimedKey(a.annotations, id); err != nil {
			return nil, false, err
		}
	}
	v, err = key.VerifyBundle(b, r.Image.Digest, r.trusted.Roots...)
	return v, known, err
}

// claimedKey returns the key that came with a bundle that names it by its ID.
func claimedKey(annotations map[string]string, id string) (*sign.PublicKey, error) {
	pem, ok := annotations[annotationSignerKey]
	if !ok {
		return nil, fmt.Errorf("signed with the key %q, which isn't known and didn't come with it", id)
	}
	key, err := sign.OpenPublicKey([]byte(pem))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", annotationSignerKey, err)
	}
	if key.ID() != id {
		return nil, &sign.OtherKeyError{Want: key.ID(), Got: id}
	}
	return key, nil
}

// By returns what the statements of a known key show, as [Verify] does. Nothing is
// said of sealed inputs, and the unpacked size is as the key signed it.
func (c *Contents) By(key *sign.PublicKey) (*Verification, error) {
	if key == nil {
		return nil, errors.New("release: no key to verify with")
	}
	return c.by(key.ID(), func(s *Statement) bool { return s.Certificate == nil && s.Key.ID() == key.ID() })
}

// ByCertificate is [Contents.By] of known certificates that who takes. The
// Verification names no key.
func (c *Contents) ByCertificate(who func(*sign.Certificate) bool) (*Verification, error) {
	return c.by("", func(s *Statement) bool { return s.Certificate != nil && who(s.Certificate) })
}

// Of is [Contents.By] of the known statements that who takes, all together. The
// Verification names no key.
func (c *Contents) Of(who func(*Statement) bool) (*Verification, error) { return c.by("", who) }

func (c *Contents) by(key string, who func(*Statement) bool) (*Verification, error) {
	img := &image{desc: c.Image, compressed: c.Compressed, unpacked: unread, labels: c.Labels, annotations: c.Annotations}
	v := newVerification(c.Dir, img, key)
	e := newSignedEvidence(c.Image, nil)
	for _, s := range c.Statements {
		e.bundles++
		if s.Known && who(&s) {
			v.note(s.Manifest, e.add(s.PredicateType, s.Body, s.Manifest))
		}
	}
	if err := v.judge(e, img); err != nil {
		return nil, err
	}
	return v, nil
}
