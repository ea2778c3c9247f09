package assess

import (
	"fmt"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/rebuild"
)

// Agreement returns what independent rebuilders agree on, when the image is trusted
// and rebuilt by two or more organisations, with a builder each. policy is the sha256
// of the policy file.
//
// It is a *[verdict.Error] when the image isn't trusted.
func (s *Assessment) Agreement(dir string, policy digest.Digest) (*rebuild.Agreement, error) {
	if err := s.Verdict.Err(); err != nil {
		return nil, err
	}
	var counted []evidence.Agreed
	var resource evidence.Resource
	for i, c := range s.Verdict.Rebuilt {
		r, err := evidence.ParseResource(c.Resource)
		if err != nil {
			return nil, err
		}
		if i > 0 && r != resource {
			return nil, fmt.Errorf("the rebuilders call it %s and %s", resource, r)
		}
		resource = r
		counted = append(counted, evidence.Agreed{Organisation: c.Organisation, Builder: c.Builder, Summary: c.Statement})
	}
	if len(counted) < 2 {
		return nil, &TooFewError{Rebuilt: len(counted)}
	}
	return rebuild.Agree(dir, s.Contents.Image, resource, policy, counted)
}

// A TooFewError reports that fewer than two organisations have rebuilt an image, so
// that nobody agrees with another.
type TooFewError struct{ Rebuilt int }

func (e *TooFewError) Error() string {
	if e.Rebuilt == 0 {
		return "nobody's rebuild of it counts, and two have to agree"
	}
	return "only one organisation's rebuild of it counts, and two have to agree"
}
