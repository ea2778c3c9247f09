package release

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// TestNegativeStatement: whoever signs that an image is bad, or anything else about it,
// has not signed the image. cosign verify takes any statement by the key for that.
func TestNegativeStatement(t *testing.T) {
	mine := key(t, 0)
	for name, predicateType := range map[string]string{
		"a test that failed": "https://in-toto.io/attestation/test-result/v0.1",
		"a summary":          "https://slsa.dev/verification_summary/v1",
		"other case":         strings.ToUpper(evidence.SignatureType),
		"longer":             evidence.SignatureType + "/",
		"a prefix":           strings.TrimSuffix(evidence.SignatureType, "/v1"),
	} {
		t.Run(name, func(t *testing.T) {
			f := newForgery(t)
			f.signature(mine)
			body := strings.Replace(string(f.items[0].body), `"`+evidence.SignatureType+`"`, `"`+predicateType+`"`, 1)
			body = strings.Replace(body, `"predicate":{}`, `"predicate":{"result":"FAILED","verificationResult":"FAILED"}`, 1)
			f.items[0].predicateType, f.items[0].body = predicateType, []byte(body)
			// Reproduced it was, all the same.
			f.comparison(mine, asIs)
			f.provenance(mine, "a", asIs)
			f.provenance(mine, "b", asIs)
			dir := f.write()
			if _, err := Verify(ctx, dir, mine.Public()); !errors.Is(err, ErrNoSignature) {
				t.Errorf("verified: %v", err)
			}
			c := must[*Contents](t)(Read(ctx, dir, Trusted{Keys: []*sign.PublicKey{mine.Public()}}))
			for _, s := range c.Statements {
				if s.Signature() {
					t.Errorf("a %s counts as a signature", s.PredicateType)
				}
			}
			if _, err := c.By(mine.Public()); !errors.Is(err, ErrNoSignature) {
				t.Errorf("vouched for: %v", err)
			}
		})
	}
}

// TestMalleable: a bundle can be written in other bytes, and still has one signature of
// one statement. Copies count once.
func TestMalleable(t *testing.T) {
	mine := key(t, 0)
	f := newForgery(t)
	f.all()
	originals := len(f.items)
	dir := f.write()
	copies := copyBundles(t, dir)
	v := must[*Verification](t)(Verify(ctx, dir, mine.Public()))
	// A second provenance of one run is none, nor is a second comparison of two; a
	// second signature says nothing new.
	if copies != originals || len(v.Reproductions) != 1 || len(v.Problems) != 3 {
		t.Errorf("%d copies: %d reproductions, problems %v", copies, len(v.Reproductions), v.Problems)
	}
}

// copyBundles adds each bundle of a release once more, in other bytes, and returns how
// many there are.
func copyBundles(t *testing.T, dir string) (n int) {
	t.Helper()
	put := func(b []byte) digest.Digest {
		d := digest.FromBytes(b)
		check(t, os.WriteFile(blobPath(dir, d), b, 0o644))
		return d
	}
	index(t, dir, func(all []ocispec.Descriptor) []ocispec.Descriptor {
		for _, desc := range all[1:len(all):len(all)] {
			var m ocispec.Manifest
			check(t, json.Unmarshal(must[[]byte](t)(os.ReadFile(blobPath(dir, desc.Digest))), &m))
			var spaced bytes.Buffer
			check(t, json.Indent(&spaced, must[[]byte](t)(os.ReadFile(blobPath(dir, m.Layers[0].Digest))), "", " "))
			m.Layers[0].Digest, m.Layers[0].Size = put(spaced.Bytes()), int64(spaced.Len())
			raw := must[[]byte](t)(json.Marshal(m))
			all = append(all, ocispec.Descriptor{MediaType: desc.MediaType, Digest: put(raw), Size: int64(len(raw))})
			n++
		}
		return all
	})
	return n
}
