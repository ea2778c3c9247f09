package sign

import (
	"errors"
	"fmt"

	"github.com/sigstore/sigstore-go/pkg/bundle"
)

// StatementUnsafe returns the statement in file, a sigstore bundle as JSON, of which
// nothing is verified: anybody can have written it. It is for showing it as that.
func StatementUnsafe(file []byte) ([]byte, error) {
	if len(file) > MaxBundle {
		return nil, &LimitError{What: "bundle", Size: int64(len(file)), Limit: MaxBundle}
	}
	var b bundle.Bundle
	if err := b.UnmarshalJSON(file); err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	envelope := b.GetDsseEnvelope()
	if envelope.GetPayloadType() != PayloadType {
		return nil, errors.New("bundle has no statement")
	}
	return envelope.GetPayload(), nil
}
