package rebuild

import (
	"context"
	"errors"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// An Agreement is that of independent rebuilders on an image. Only [Agree] makes one,
// and only its method sign signs; gate_test.go of package release holds the source to
// both.
type Agreement struct {
	dir       string
	image     ocispec.Descriptor
	statement evidence.Agreement
}

// Agree returns the agreement on the image of the release in the folder dir, which
// counted make it by a policy whose file has that digest: two or more of distinct
// organisations and with distinct builders, sorted by organisation. It is for who has
// verified and counted their statements, and judged the image to be trusted.
func Agree(dir string, image ocispec.Descriptor, resource evidence.Resource, policy digest.Digest, counted []evidence.Agreed) (*Agreement, error) {
	if image.Digest != resource.Image {
		return nil, errors.New("rebuild: an agreement on another image")
	}
	return &Agreement{dir, image, evidence.Agreement{Resource: resource, Policy: policy, Rebuilders: counted}}, nil
}

// State says that the rebuilders agree, by a verifier whose id is who.Builder. The key
// must be none that signs releases, as for [Attempt.State].
func (g *Agreement) State(ctx context.Context, key *sign.Key, who Auditor, signers []string) (Statement, error) {
	if key == nil {
		return Statement{}, errors.New("rebuild: no key to sign with")
	}
	if err := checkKey(g.dir, key.Public(), signers); err != nil {
		return Statement{}, err
	}
	s := g.statement
	s.Verifier, s.At = who.Builder, who.At.UTC().Truncate(time.Millisecond)
	if who.Version != "" {
		s.Versions = map[string]string{"tailsbuild": who.Version}
	}
	body, err := s.Statement()
	if err != nil {
		return Statement{}, err
	}
	bundle, err := g.sign(ctx, key, body)
	if err != nil {
		return Statement{}, err
	}
	return newStatement(evidence.SummaryType, body, bundle, g.image, key.Public(), who.At), nil
}

// sign signs the statement of an agreement.
func (g *Agreement) sign(ctx context.Context, key *sign.Key, statement []byte) ([]byte, error) {
	return key.SignRebuild(ctx, statement)
}
