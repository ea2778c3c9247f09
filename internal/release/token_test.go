package release

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"

	"gitlab.com/tailsbuild/tailsbuild/internal/kms"
	"gitlab.com/tailsbuild/tailsbuild/internal/kms/kmstest"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// TestTokenSigns: a release that a PKCS#11 token has signed is like any other, to us
// and to cosign, and cosign signs with the same token.
func TestTokenSigns(t *testing.T) {
	token, err := kmstest.NewToken("../..", t.TempDir())
	var missing *kmstest.MissingError
	if errors.As(err, &missing) {
		unavailable(t, "%v", err)
	}
	check(t, err)
	program := must[*kms.Key](t)(must[*kms.Config](t)(kms.ReadConfig(token.Config)).Key(kmstest.TokenKey))
	signer := must[*sign.Key](t)(sign.OpenProgramKey(ctx, program.WithPIN([]byte(kmstest.TokenPIN))))

	b, dist := pair(t, "same", "same")
	dir := filepath.Join(dist, "mqtt")
	must[*Release](t)(Create(ctx, b, Options{Dir: dir, Key: signer}))
	must[*Verification](t)(Verify(ctx, dir, signer.Public()))
	if _, err := Verify(ctx, dir, key(t, 0).Public()); err == nil {
		t.Error("another key verifies it")
	}

	c := newCosign(t)
	pub := c.file(t, "token.pub", signer.Public().PEM())
	image := push(t, dir, serve(t, registry.WithReferrersSupport(true))).String()
	if out, err := c.run(t, "verify", "--key", pub, "--insecure-ignore-tlog=true", "--allow-http-registry", image); err != nil {
		t.Errorf("cosign verify: %v\n%s", err, out)
	}

	// Cosign finds the program in PATH.
	c.env = append(token.Environment, "PATH="+filepath.Dir(token.Program))
	out, err := c.run(t, "public-key", "--key", kmstest.TokenKey)
	if err != nil || out != string(signer.Public().PEM()) {
		t.Errorf("cosign public-key: %v\n%s", err, out)
	}
	blob := c.file(t, "blob", []byte("blob"))
	_, err = c.run(t, "sign-blob", "--key", kmstest.TokenKey, "--yes", "--use-signing-config=false", "--tlog-upload=false",
		"--bundle", filepath.Join(c.home, "blob.json"), blob)
	check(t, err)
	var bundle struct{ MessageSignature struct{ Signature []byte } }
	check(t, json.Unmarshal(must[[]byte](t)(os.ReadFile(filepath.Join(c.home, "blob.json"))), &bundle))
	if len(bundle.MessageSignature.Signature) == 0 {
		t.Error("cosign made no signature")
	}
	if _, err := c.run(t, "verify-blob", "--key", pub, "--insecure-ignore-tlog=true", "--bundle", "blob.json", blob); err != nil {
		t.Errorf("cosign verify-blob: %v", err)
	}
	if strings.Contains(strings.Join(c.env, " "), kmstest.TokenPIN) {
		t.Error("the PIN is in a variable")
	}
}
