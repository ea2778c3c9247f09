package evidence

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/opencontainers/go-digest"
)

// RebuildType is the buildType of the provenance of a rebuild: a published release
// was built again, from its own sealed inputs.
const RebuildType = "https://gitlab.com/tailsbuild/tailsbuild/docs/audit.md#rebuild-v1"

// A Rebuild is what SLSA provenance v1 says about a rebuild. Its Image is what came
// out, whatever that is.
type Rebuild struct {
	Build
	// Published is the digest of the release's own image, sha256.
	Published digest.Digest
}

// rebuildParameters are a build's, and what was built again.
type rebuildParameters struct {
	Parameters
	Published digest.Digest `json:"published"`
}

// Statement returns the provenance of r. It is read again before it is returned,
// so what [ParseRebuild] would refuse is an error here, a *[StatementError].
func (r *Rebuild) Statement() ([]byte, error) {
	raw, err := r.statement(RebuildType, rebuildParameters{r.Parameters, r.Published})
	if err != nil {
		return nil, &StatementError{ProvenanceType, err}
	}
	if _, err := ParseRebuild(raw); err != nil {
		return nil, err
	}
	return raw, nil
}

// ParseRebuild reads SLSA provenance v1 whose buildType is [RebuildType]. It refuses
// others with a *[StatementError], and those whose builder is one of the two that
// make releases: they are everybody's.
func ParseRebuild(statement []byte) (*Rebuild, error) {
	r, err := parseRebuild(statement)
	if err != nil {
		return nil, &StatementError{ProvenanceType, err}
	}
	return r, nil
}

func parseRebuild(raw []byte) (*Rebuild, error) {
	b, params, err := parseBuildAs[rebuildParameters](raw, RebuildType)
	if err != nil {
		return nil, err
	}
	if err := b.setParameters(params.Parameters); err != nil {
		return nil, err
	}
	if _, err := sha256Digest(string(params.Published)); err != nil {
		return nil, fmt.Errorf("externalParameters: published: %w", err)
	}
	if err := CheckBuilderID(b.Run.Builder); err != nil {
		return nil, err
	}
	return &Rebuild{Build: *b, Published: params.Published}, nil
}

// maxBuilderID is the length, in bytes, of the longest id of a rebuilder.
const maxBuilderID = 500

// CheckBuilderID returns an error for what can't be the id of a rebuilder: it is a
// URI in printable ASCII, and none of tailsbuild's own builders.
func CheckBuilderID(id string) error {
	u, err := url.Parse(id)
	switch {
	case err != nil || u.Scheme == "" || id == u.Scheme+":" || len(id) > maxBuilderID:
		return fmt.Errorf("builder id %q is no URI of at most %d bytes", id, maxBuilderID)
	case strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }):
		return fmt.Errorf("builder id %q has other characters than printable ASCII", id)
	case strings.HasPrefix(id, BuilderPrefix):
		return errors.New("builder id " + id + " is not a rebuilder's own")
	}
	return nil
}
