package sign

import (
	"fmt"

	"github.com/sigstore/sigstore-go/pkg/bundle"
)

// What JSON may have in it at most, before it is decoded: an empty object of two
// bytes takes a hundred when it is one of sigstore's messages.
const (
	// maxValues is for a bundle. The most that sigstore verifies, 32 entries of logs,
	// are 2,500.
	maxValues = 1 << 12
	// maxStatementValues is for the statement in it: three thousand dependencies, or
	// an SBOM of a thousand packages.
	maxStatementValues = 40_000
)

// decodeBundle decodes file, a sigstore bundle as JSON. Nothing is verified by that,
// but that it and its statement are not too large, or a *[LimitError].
func decodeBundle(file []byte) (*bundle.Bundle, error) {
	if len(file) > MaxBundle {
		return nil, &LimitError{What: "bundle", Size: int64(len(file)), Limit: MaxBundle}
	}
	if n := values(file); n > maxValues {
		return nil, &LimitError{What: "bundle", Unit: "values", Size: n, Limit: maxValues}
	}
	var b bundle.Bundle
	if err := b.UnmarshalJSON(file); err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	if n := values(b.GetDsseEnvelope().GetPayload()); n > maxStatementValues {
		return nil, &LimitError{What: "statement", Unit: "values", Size: n, Limit: maxStatementValues}
	}
	return &b, nil
}

// values returns how many values JSON has at most, up to twice as many as it has.
// What isn't JSON is for the decoder to say.
func values(src []byte) int64 {
	n, inString := int64(1), false
	for i := 0; i < len(src); i++ {
		switch c := src[i]; {
		case c == '"':
			inString = !inString
		case inString && c == '\\':
			i++ // what is escaped doesn't end it
		case !inString && (c == ',' || c == '[' || c == '{'):
			n++
		}
	}
	return n
}
