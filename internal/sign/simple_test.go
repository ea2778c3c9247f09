package sign

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

func TestSignReference(t *testing.T) {
	private, _, err := GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := OpenKey(private, nil)
	if err != nil {
		t.Fatal(err)
	}
	const ref = "registry.example/tails/mqtt:2.7.9-r1"
	image := digest.FromString("image")
	payload, sig, err := key.SignReference(context.Background(), ref, image)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"critical":{"identity":{"docker-reference":"` + ref + `"},"image":{"docker-manifest-digest":"` + image.String() +
		`"},"type":"cosign container image signature"},"optional":null}`
	if string(payload) != want {
		t.Errorf("payload %s, want %s", payload, want)
	}
	pub := key.Public()
	if err := pub.VerifyReference(payload, sig, ref, image); err != nil {
		t.Error(err)
	}
	var bad *VerifyError
	for name, err := range map[string]error{
		"other tag":       pub.VerifyReference(payload, sig, "registry.example/tails/mqtt:latest", image),
		"other image":     pub.VerifyReference(payload, sig, ref, digest.FromString("other")),
		"other payload":   pub.VerifyReference(append([]byte(" "), payload...), sig, ref, image),
		"no signature":    pub.VerifyReference(payload, nil, ref, image),
		"other signature": pub.VerifyReference(payload, append([]byte{}, sig[:len(sig)-1]...), ref, image),
	} {
		if !errors.As(err, &bad) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var statement *StatementError
	for _, c := range []struct {
		ref   string
		image digest.Digest
	}{{"", image}, {strings.Repeat("x", maxReference+1), image}, {ref, ""}, {ref, "sha512:x"}, {ref, "sha256:abc"}} {
		if _, _, err := key.SignReference(context.Background(), c.ref, c.image); !errors.As(err, &statement) {
			t.Errorf("%q, %q: %v", c.ref, c.image, err)
		}
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := key.SignReference(ended, ref, image); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
