package sign

import (
	"context"
	"fmt"

	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// What rebuilders say: SLSA's types of predicate, the build type that tells a
// rebuild's provenance from that of a release's builds, and the type of what is said
// before there is a release.
const (
	summaryType    = "https://slsa.dev/verification_summary/v1"
	provenanceType = "https://slsa.dev/provenance/v1"
	rebuildType    = "https://gitlab.com/tailsbuild/tailsbuild/docs/audit.md#rebuild-v1"
	commitmentType = "https://gitlab.com/tailsbuild/tailsbuild/docs/audit.md#commitment-v1"
)

// SignRebuild signs what a rebuilder says about somebody's release, as [Key.Sign]
// does: a verification summary, the provenance of a rebuild, or a commitment. Anything
// else, what makes a release above all, is a *[StatementError].
func (k *Key) SignRebuild(ctx context.Context, statement []byte) ([]byte, error) {
	if err := rebuilders(statement); err != nil {
		return nil, &StatementError{Err: err}
	}
	return k.state(ctx, statement)
}

// rebuilders returns an error for a statement that isn't a rebuilder's.
func rebuilders(statement []byte) error {
	if len(statement) > MaxStatement {
		return &LimitError{What: "statement", Size: int64(len(statement)), Limit: MaxStatement}
	}
	var st intoto.Statement
	if err := protojson.Unmarshal(statement, &st); err != nil {
		return err
	}
	switch st.GetPredicateType() {
	case summaryType, commitmentType:
		return nil
	case provenanceType:
		def := st.GetPredicate().GetFields()["buildDefinition"].GetStructValue()
		if got := def.GetFields()["buildType"].GetStringValue(); got != rebuildType {
			return fmt.Errorf("provenance of a build of type %q, not of a rebuild", got)
		}
		return nil
	}
	return fmt.Errorf("%q is no rebuilder's", st.GetPredicateType())
}
