package sign

import "errors"

// StatementUnsafe returns the statement in file, a sigstore bundle as JSON, of which
// nothing is verified: anybody can have written it. It is for showing it as that.
func StatementUnsafe(file []byte) ([]byte, error) {
	b, err := decodeBundle(file)
	if err != nil {
		return nil, err
	}
	envelope := b.GetDsseEnvelope()
	if envelope.GetPayloadType() != PayloadType {
		return nil, errors.New("bundle has no statement")
	}
	return envelope.GetPayload(), nil
}
