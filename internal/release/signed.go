package release

import (
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

// signedEvidence is what one key signed about one image.
type signedEvidence struct {
	image ocispec.Descriptor
	key   *sign.PublicKey
	// bundles counts sigstore bundles by whatever key.
	bundles int
	// good are the manifests of those that count.
	good []digest.Digest
	// signed says that there is a cosign signature of the image.
	signed      bool
	builds      map[string]*evidence.Build // by invocation
	comparisons []comparison
	said        []*said              // all else about the image
	sealed      []ocispec.Descriptor // manifests of sealed inputs
}

func newSignedEvidence(image ocispec.Descriptor, key *sign.PublicKey) *signedEvidence {
	return &signedEvidence{image: image, key: key, builds: map[string]*evidence.Build{}}
}

// A comparison is a statement and the manifest it came with.
type comparison struct {
	*evidence.Comparison
	manifest digest.Digest
}

// read reads the manifest desc. The problem says why it is no evidence about the
// image; err is that of a release with bytes that are missing or wrong.
func (e *signedEvidence) read(l *layout, desc ocispec.Descriptor) (problem, err error) {
	a, problem, err := readAttached(l, e.image, desc)
	if err != nil {
		return nil, err
	}
	if a.artifactType == sign.BundleMediaType {
		e.bundles++
	}
	if problem != nil {
		return problem, nil
	}
	if a.artifactType == inputs.SealedType {
		e.sealed = append(e.sealed, desc)
		return nil, nil
	}
	v, problem := e.key.Verify(a.bundle, e.image.Digest)
	if problem != nil {
		return problem, nil
	}
	return e.add(v.PredicateType, v.Statement, desc.Digest), nil
}

// An attached is a manifest beside the image.
type attached struct {
	artifactType string
	annotations  map[string]string
	bundle       []byte
}

// readAttached reads the manifest desc, whose own artifactType and subject count,
// not those in the index. What is attached is a bundle about the image, or sealed
// inputs, or there is a problem with it.
func readAttached(l *layout, image, desc ocispec.Descriptor) (a *attached, problem, err error) {
	m, err := l.manifest(desc)
	if err != nil {
		return nil, nil, err
	}
	if _, err := l.ReadBlob(m.Config, oci.MaxDocument); err != nil {
		return nil, nil, err
	}
	a = &attached{artifactType: m.ArtifactType, annotations: m.Annotations}
	if m.ArtifactType == inputs.SealedType {
		return a, nil, nil
	}
	layer, problem := BundleLayer(m, image)
	if problem != nil {
		return a, problem, nil
	}
	a.bundle, err = l.ReadBlob(layer, sign.MaxBundle)
	return a, nil, err
}

// BundleLayer returns the layer of m that is a bundle about the image, or why m has
// no such layer.
func BundleLayer(m *ocispec.Manifest, image ocispec.Descriptor) (ocispec.Descriptor, error) {
	if m.ArtifactType != sign.BundleMediaType {
		return ocispec.Descriptor{}, fmt.Errorf("artifact of type %q is not a signature", m.ArtifactType)
	}
	if s := m.Subject; s == nil || s.Digest != image.Digest || s.Size != image.Size || s.MediaType != image.MediaType {
		return ocispec.Descriptor{}, errors.New("its subject is not the image")
	}
	if len(m.Layers) != 1 || m.Layers[0].MediaType != sign.BundleMediaType {
		return ocispec.Descriptor{}, errors.New("it doesn't hold exactly one bundle")
	}
	if n := m.Layers[0].Size; n > sign.MaxBundle {
		return ocispec.Descriptor{}, &sign.LimitError{What: "bundle", Size: n, Limit: sign.MaxBundle}
	}
	return m.Layers[0], nil
}

// add sorts a verified statement.
func (e *signedEvidence) add(predicateType string, statement []byte, manifest digest.Digest) error {
	switch predicateType {
	case evidence.SignatureType:
		if _, err := evidence.ParseSignature(statement); err != nil {
			return err
		}
		e.signed = true
	case evidence.ProvenanceType:
		b, err := evidence.ParseBuild(statement)
		if err != nil {
			return err
		}
		if e.builds[b.Run.Invocation] != nil {
			return fmt.Errorf("a second provenance of the invocation %s", b.Run.Invocation)
		}
		e.builds[b.Run.Invocation] = b
	case evidence.ComparisonType:
		c, err := evidence.ParseComparison(statement)
		if err != nil {
			return err
		}
		e.comparisons = append(e.comparisons, comparison{c, manifest})
	default:
		s, err := parseSaid(predicateType, statement, manifest)
		if err != nil {
			return err
		}
		if s == nil {
			return fmt.Errorf("signed, but nothing that counts here: %s", predicateType)
		}
		e.said = append(e.said, s)
	}
	e.good = append(e.good, manifest)
	return nil
}

// matches checks that one side of a comparison is the build that b describes.
func matches(c *evidence.Comparison, side evidence.Compared, b *evidence.Build) error {
	p := b.Parameters
	switch {
	case b.Run.Builder != side.Builder:
		return fmt.Errorf("invocation %s: provenance names the builder %s, the comparison %s", side.Invocation, b.Run.Builder, side.Builder)
	case p.Recipe != c.Recipe:
		return fmt.Errorf("invocation %s: provenance is of the recipe %q, the comparison of %q", side.Invocation, p.Recipe, c.Recipe)
	case p.Plan != c.Plan || p.Lock != c.Lock:
		return fmt.Errorf("invocation %s: provenance and comparison are of different plans or locks", side.Invocation)
	case b.Output != c.Output:
		return fmt.Errorf("invocation %s: provenance and comparison have different toolchain records", side.Invocation)
	}
	return nil
}

// agree checks that two builds had the same parameters and dependencies, and that
// the comparison names exactly what was different.
func agree(c *evidence.Comparison, a, b *evidence.Build) error {
	switch {
	case a.Parameters != b.Parameters:
		return errors.New("the two builds have different parameters")
	case !slices.Equal(a.Dependencies, b.Dependencies):
		return errors.New("the two builds have different dependencies")
	case len(c.Varied) == 0:
		return errors.New("nothing was different between the two builds")
	case !slices.Equal(c.Varied, evidence.Variation(a.Run.Variation, b.Run.Variation)):
		return errors.New("the comparison names other variations than the two builds")
	}
	return nil
}
