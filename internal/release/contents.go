package release

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// Contents are what a release's own files show, whoever signed them. Whether that
// is enough is for others to say.
type Contents struct {
	Dir   string             `json:"dir"`
	Image ocispec.Descriptor `json:"image"`
	// Claimed is what the release's index calls the image, name:tag. Nobody signed
	// that.
	Claimed    string `json:"claimed,omitempty"`
	Compressed int64  `json:"compressed"`
	// Labels are those of the image's config.
	Labels map[string]string `json:"labels,omitempty"`
	// Statements are about the image and signed, in the index's order.
	Statements []Statement `json:"statements,omitempty"`
	// Problems are manifests that were found and don't count.
	Problems []Problem `json:"problems,omitempty"`
}

// A Statement is one whose signature was checked.
type Statement struct {
	Key *sign.PublicKey `json:"-"`
	// Known says that Key is one of those that [Read] was given. Another came with
	// the statement, so that it is somebody's, and its ID is all that is known.
	Known bool `json:"known"`
	// Manifest is the one that the bundle is in.
	Manifest      digest.Digest `json:"manifest"`
	PredicateType string        `json:"predicateType"`
	// Body is the whole statement, nil for a signature when Key isn't known.
	Body []byte `json:"-"`
}

// Signature reports whether s is a signature of the image, as cosign makes it.
func (s *Statement) Signature() bool { return s.PredicateType == evidence.SignatureType }

// Read reads the release in the folder dir: every blob of its one image, and what
// is signed about it by keys or by anybody whose public key came with the bundle.
// Layers are checked by their digests and not unpacked, and sealed inputs are not
// read. By others than keys, only signatures of the image are kept, and declarations:
// a trust root may name one by its manifest.
//
// A release without a signature is no error. A folder without exactly one image is
// a *[RefusedError]; a file that is missing or isn't what its digest says is an
// error of package oci.
func Read(ctx context.Context, dir string, keys []*sign.PublicKey) (*Contents, error) {
	return ReadWith(ctx, dir, keys, VerifyOptions{})
}

// ReadWith is [Read] of what opts say there is.
func ReadWith(ctx context.Context, dir string, keys []*sign.PublicKey, opts VerifyOptions) (*Contents, error) {
	read := readPacked
	if opts.WithoutLayers {
		read = readWithoutLayers
	}
	opts.Called = cmp.Or(opts.Called, dir)
	l, img, manifests, err := openRelease(ctx, dir, opts.Called, read)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	c := &Contents{
		Dir: opts.Called, Image: img.desc, Claimed: img.claimed,
		Compressed: img.compressed, Labels: img.labels,
	}
	known := byID(keys)
	for _, desc := range manifests {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		a, problem, err := readAttached(l, c.Image, desc)
		if err != nil {
			return nil, fmt.Errorf("release %s: %w", opts.Called, err)
		}
		if problem == nil && a.artifactType != inputs.SealedType {
			problem = c.add(a, desc.Digest, known)
		}
		if problem != nil {
			c.Problems = append(c.Problems, Problem{Manifest: desc.Digest, Err: problem})
		}
	}
	return c, nil
}

func byID(keys []*sign.PublicKey) map[string]*sign.PublicKey {
	known := make(map[string]*sign.PublicKey, len(keys))
	for _, key := range keys {
		known[key.ID()] = key
	}
	return known
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
func ReadBundles(image ocispec.Descriptor, bundles []Bundle, keys []*sign.PublicKey) *Contents {
	c, known := &Contents{Image: image}, byID(keys)
	for _, b := range bundles {
		if err := c.add(&attached{annotations: b.Annotations, bundle: b.Body}, b.Manifest, known); err != nil {
			c.Problems = append(c.Problems, Problem{Manifest: b.Manifest, Err: err})
		}
	}
	return c
}

// add adds what a says, or returns why it doesn't count.
func (c *Contents) add(a *attached, manifest digest.Digest, known map[string]*sign.PublicKey) error {
	id, err := sign.BundleKey(a.bundle)
	if err != nil {
		return err
	}
	key, isKnown := known[id]
	if !isKnown {
		if key, err = claimedKey(a.annotations, id); err != nil {
			return err
		}
	}
	v, err := key.Verify(a.bundle, c.Image.Digest)
	if err != nil {
		return err
	}
	s := Statement{Key: key, Known: isKnown, Manifest: manifest, PredicateType: v.PredicateType}
	switch {
	case s.Signature():
		if _, err := evidence.ParseSignature(v.Statement); err != nil {
			return err
		}
	case !isKnown && v.PredicateType != evidence.DeclarationType:
		return fmt.Errorf("statement by the key %q, which isn't known: %s", id, v.PredicateType)
	}
	if isKnown || !s.Signature() {
		s.Body = v.Statement
	}
	c.Statements = append(c.Statements, s)
	return nil
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
	img := &image{desc: c.Image, compressed: c.Compressed, unpacked: unread, labels: c.Labels}
	v := newVerification(c.Dir, img, key)
	e := newSignedEvidence(c.Image, key)
	for _, s := range c.Statements {
		e.bundles++
		if s.Known && s.Key.ID() == key.ID() {
			v.note(s.Manifest, e.add(s.PredicateType, s.Body, s.Manifest))
		}
	}
	if err := v.judge(e, img); err != nil {
		return nil, err
	}
	return v, nil
}
