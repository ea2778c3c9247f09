package sigstore

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/release/releasetest"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

var update = flag.Bool("update", false, "write the bundles that package sign is tested with")

// TestBundles signs statements by themselves. With -update, it writes the bundles to
// the tests of package sign, which then needs no services.
func TestBundles(t *testing.T) {
	s := setup(t)
	image := digest.FromString("an image")
	statement := []byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"` +
		image.Encoded() + `"}}],"predicateType":"https://example.org/p","predicate":{"a":1}}`)
	key := must[*sign.Key](t)(releasetest.Key())
	root := s.trustedRoot(t)
	files := map[string][]byte{
		"trusted_root.json":   must[[]byte](t)(os.ReadFile(s.root)),
		"signing_config.json": must[[]byte](t)(os.ReadFile(s.config)),
		"key.pub":             key.Public().PEM(),
	}
	for _, name := range []string{"keyed.json", "keyed_again.json", "keyless.json", "keyless_staging.json"} {
		by := key.With(s.open(t))
		switch name {
		case "keyless.json":
			by = s.keyless(t, nil)
		case "keyless_staging.json":
			by = s.keyless(t, map[string]any{"environment": "staging"})
		}
		start := time.Now().Truncate(time.Second)
		bundle := must[[]byte](t)(by.Sign(ctx, statement))
		files[name] = bundle
		v, err := key.Public().Verify(bundle, image, root)
		if by.Public() == nil {
			v, err = sign.VerifyCertificate(bundle, image, []*sign.TrustedRoot{root})
		}
		check(t, err)
		if m := v.Marks[0]; !m.Logged || m.Time.Before(start) || m.Time.After(time.Now()) {
			t.Errorf("%s: %+v", name, m)
		}
		t.Logf("%s: %d bytes in %v", name, len(bundle), time.Since(start))
	}
	if !*update {
		return
	}
	dir := filepath.Join("..", "..", "internal", "sign", "testdata")
	check(t, os.MkdirAll(dir, 0o755))
	for name, content := range files {
		check(t, os.WriteFile(filepath.Join(dir, name), content, 0o644))
	}
}

// keyless returns the key that signs by a token with other claims, of a job on a
// branch otherwise.
func (s *services) keyless(t testing.TB, claims map[string]any) *sign.Key {
	t.Helper()
	token := must[*sign.Token](t)(sign.OpenToken([]byte(s.issuer.token(t, claims)), time.Now()))
	return must[*sign.Key](t)(s.open(t).Keyless(token))
}
