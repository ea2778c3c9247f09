package sign

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"testing"
)

// TestKindsAreApart: what one key signs as one thing is no signature of another, with
// all that an attacker can put together of it.
func TestKindsAreApart(t *testing.T) {
	ctx := context.Background()
	key := newKey(t)
	statement := statementOf(image)
	metadata := json.RawMessage(`{"_type":"timestamp","version":1}`)
	const reference = "registry.example/tails/mqtt:1"
	var b struct {
		Envelope struct {
			Signatures []struct{ Sig []byte }
		} `json:"dsseEnvelope"`
	}
	bundle := signed(t, key, statement)
	if err := json.Unmarshal(bundle, &b); err != nil {
		t.Fatal(err)
	}
	metadataSig, err := key.SignMetadata(ctx, metadata)
	if err != nil {
		t.Fatal(err)
	}
	payload, referenceSig, err := key.SignReference(ctx, reference, image)
	if err != nil {
		t.Fatal(err)
	}
	signatures := map[string][]byte{"statement": b.Envelope.Signatures[0].Sig, "metadata": metadataSig, "reference": referenceSig}
	checks := map[string]func(sig []byte) error{
		"statement": func(sig []byte) error {
			forged := edit(t, bundle, func(_, envelope, _ map[string]any) {
				envelope["signatures"] = []any{map[string]any{"sig": base64.StdEncoding.EncodeToString(sig)}}
			})
			_, err := key.public.Verify(forged, image)
			return err
		},
		"metadata":  func(sig []byte) error { return key.public.VerifyMetadata(metadata, sig) },
		"reference": func(sig []byte) error { return key.public.VerifyReference(payload, sig, reference, image) },
	}
	for as, check := range checks {
		for of, sig := range signatures {
			if err := check(sig); (err == nil) != (as == of) {
				t.Errorf("the signature of a %s as that of a %s: %v", of, as, err)
			}
		}
	}
	// Nor are the bytes of one signed as another.
	for name, payload := range map[string][]byte{"metadata": metadata, "reference": payload} {
		if _, err := key.Sign(ctx, payload); err == nil {
			t.Errorf("a %s was signed as a statement", name)
		}
		forged := edit(t, bundle, func(_, envelope, _ map[string]any) {
			envelope["payload"] = base64.StdEncoding.EncodeToString(payload)
			envelope["signatures"] = []any{map[string]any{"sig": base64.StdEncoding.EncodeToString(signatures[name])}}
		})
		if _, err := key.public.Verify(forged, image); err == nil {
			t.Errorf("a %s in an envelope was taken for a statement", name)
		}
	}
}
