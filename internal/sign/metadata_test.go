package sign

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestMetadata(t *testing.T) {
	key, other := newKey(t), newKey(t)
	signed := map[string]any{"version": 1, "_type": "root", "expires": "2027-01-01T00:00:00Z"}
	sig, err := key.SignMetadata(context.Background(), signed)
	if err != nil {
		t.Fatal(err)
	}
	same := json.RawMessage(`{ "expires":"2027-01-01T00:00:00Z", "_type":"root", "version":1 }`)
	if err := key.Public().VerifyMetadata(same, sig); err != nil {
		t.Errorf("the same in another form: %v", err)
	}
	var want *MetadataError
	if err := other.Public().VerifyMetadata(signed, sig); !errors.As(err, &want) {
		t.Errorf("another key: %v", err)
	}
	if err := key.Public().VerifyMetadata(signed, nil); !errors.As(err, &want) {
		t.Errorf("no signature: %v", err)
	}
	signed["version"] = 2
	if err := key.Public().VerifyMetadata(signed, sig); !errors.As(err, &want) {
		t.Errorf("another version: %v", err)
	}
}

// TestMetadataOnly: this signature is for TUF metadata alone, so that it can't be
// taken for that of a statement, of a cosign payload or of anything else.
func TestMetadataOnly(t *testing.T) {
	key := newKey(t)
	for name, signed := range map[string]any{
		"statement":    json.RawMessage(statementOf(image)),
		"payload":      json.RawMessage(`{"critical":{"type":"cosign container image signature"},"optional":null}`),
		"other role":   json.RawMessage(`{"_type":"mirrors","version":1}`),
		"type alone":   json.RawMessage(`{"_type":"root"}`),
		"member first": json.RawMessage(`{"Z":1,"_type":"root","version":1}`),
		"string":       `{"_type":"root","version":1}`,
		"list":         []string{"root"},
		"nothing":      nil,
		"no JSON":      func() {},
		"too large":    map[string]any{"_type": "root", "x": strings.Repeat("x", MaxMetadata)},
	} {
		var want *MetadataError
		if sig, err := key.SignMetadata(context.Background(), signed); !errors.As(err, &want) || sig != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The other way round: no statement's signed bytes begin like metadata.
	if pae := []byte("DSSEv1 28 " + PayloadType); bytes.HasPrefix(pae, []byte("{")) {
		t.Error("a statement looks like metadata")
	}
}
