package release

import (
	"errors"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// ReadCommitment reads a bundle that has to be that of a commitment, whatever sealed
// inputs it is to, and verifies it. A statement by somebody who isn't known is an error.
func ReadCommitment(bundle []byte, trusted Trusted) (*Statement, error) {
	body, err := sign.StatementUnsafe(bundle) // for what it is about, which is verified then
	if err != nil {
		return nil, err
	}
	predicateType, about, err := evidence.Peek(body)
	if err != nil {
		return nil, err
	}
	if predicateType != evidence.CommitmentType {
		return nil, &evidence.StatementError{PredicateType: predicateType, Err: errors.New("it is no commitment")}
	}
	c := ReadBundles(ocispec.Descriptor{Digest: about}, []Bundle{{Body: bundle}}, trusted)
	if len(c.Problems) > 0 {
		return nil, c.Problems[0].Err
	}
	return &c.Statements[0], nil
}
