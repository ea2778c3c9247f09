package release

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// maxPlatforms is how many platforms a release may have.
const maxPlatforms = 16

// A platforms is the images of a release, each of them reproduced, sorted by
// platform. Only compareAll makes one, and only its method sign signs their index;
// gate_test.go holds the source to both.
type platforms struct{ images []*reproduced }

func (p *platforms) close() {
	for _, r := range p.images {
		r.close()
	}
}

// compareAll returns the images that the two builds of each platform have in common.
// An error of one of several names its platform.
func compareAll(ctx context.Context, builds []Build) (_ *platforms, err error) {
	p := &platforms{}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	for _, b := range builds {
		r, err := compare(ctx, b)
		if err != nil && len(builds) > 1 {
			err = &PlatformError{Platform: b.Arch, Err: err}
		}
		if err != nil {
			return nil, err
		}
		p.images = append(p.images, r)
	}
	return p, p.sort()
}

// sort sorts the images, and checks that they can be one release: of one recipe and
// lock, each for a platform of its own.
func (p *platforms) sort() error {
	if n := len(p.images); n == 0 || n > maxPlatforms {
		return fmt.Errorf("builds for %d platforms, want 1 to %d", n, maxPlatforms)
	}
	slices.SortFunc(p.images, byPlatform)
	for i, r := range p.images[1:] {
		if err := p.images[0].goesWith(r); err != nil {
			return err
		}
		if before := p.images[i].platform(); before == "" || before == r.platform() {
			return fmt.Errorf("two images for the platform %q, or for none", r.platform())
		}
	}
	return nil
}

func (r *reproduced) platform() string { return platformOf(r.image.desc) }

func byPlatform(a, b *reproduced) int { return cmp.Compare(a.platform(), b.platform()) }

// several reports whether there is an index.
func (p *platforms) several() bool { return len(p.images) > 1 }

// index returns the image index of several images. Nothing but the images decides its
// bytes: there is no evidence in it, and nothing of the run that made it.
func (p *platforms) index() (ocispec.Descriptor, []byte, error) {
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex}
	for _, r := range p.images {
		index.Manifests = append(index.Manifests, r.image.desc)
	}
	raw, err := json.Marshal(index)
	desc := ocispec.Descriptor{MediaType: index.MediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	return desc, raw, err
}

// goesWith checks that both are of one recipe and lock.
func (r *reproduced) goesWith(other *reproduced) error {
	a, b := r.build.Parameters().Common(), other.build.Parameters().Common()
	if a != b || !bytes.Equal(r.build.Closure[0].Bytes, other.build.Closure[0].Bytes) {
		return fmt.Errorf("the builds for %s and %s are not of one recipe and lock", r.build.Arch, other.build.Arch)
	}
	return nil
}

// platformOf returns what desc says that an image is for, as "linux/arm64", and ""
// when it doesn't.
func platformOf(desc ocispec.Descriptor) string {
	p := desc.Platform
	if p == nil || p.OS == "" || p.Architecture == "" {
		return ""
	}
	name := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		name += "/" + p.Variant
	}
	return name
}

// head adds the index of several images, and its signature if there is a key. It
// returns the descriptors with which the layout's own index begins.
func (p *platforms) head(ctx context.Context, w *oci.Writer, name string, key *sign.Key) ([]ocispec.Descriptor, error) {
	annotations := map[string]string{ocispec.AnnotationRefName: name}
	if !p.several() {
		image := p.images[0].image.desc
		image.Annotations = annotations
		return []ocispec.Descriptor{image}, nil
	}
	index, raw, err := p.index()
	if err != nil {
		return nil, err
	}
	if _, err := w.AddBytes(index.MediaType, raw); err != nil {
		return nil, err
	}
	if key == nil {
		index.Annotations = annotations
		return []ocispec.Descriptor{index}, nil
	}
	signature, err := p.attach(ctx, w, index, key)
	index.Annotations = annotations
	return []ocispec.Descriptor{index, signature}, err
}

// attach adds the signature of the index.
func (p *platforms) attach(ctx context.Context, w *oci.Writer, index ocispec.Descriptor, key *sign.Key) (ocispec.Descriptor, error) {
	bundle, err := p.sign(ctx, key)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	a := Attachment{
		Subject: index, PredicateType: evidence.SignatureType,
		Body: bundle, Signed: true, Key: key.Public(), Created: p.images[0].created(),
	}
	return a.add(w)
}

// sign signs the index, which is of reproduced images alone.
func (p *platforms) sign(ctx context.Context, key *sign.Key) ([]byte, error) {
	index, _, err := p.index()
	if err != nil {
		return nil, err
	}
	signature, err := evidence.Signature(index.Digest)
	if err != nil {
		return nil, err
	}
	return key.Sign(ctx, signature)
}
