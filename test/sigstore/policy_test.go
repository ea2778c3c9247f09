package sigstore

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// policy writes policy.hcl, which asks for a signature by the signer "us", an entry
// and a timestamp, and lax.hcl, which asks for the signature alone. It returns the
// first's path.
func (s *services) policy(t *testing.T, signer, trustedRoot string) string {
	t.Helper()
	const marks = "  sigstore = \"ours\"\n"
	const none = "  transparency_log = \"optional\"\n  timestamp = \"optional\"\n"
	var path string
	for name, asks := range map[string]string{"policy.hcl": marks, "lax.hcl": none} {
		src := fmt.Sprintf("sigstore \"ours\" {\n  trusted_root = %q\n}\n", trustedRoot) + signer +
			"scope \"**\" {\n  signers = [\"us\"]\n  foreign = \"warn\"\n  end_of_support = \"warn\"\n" + asks + "}\n"
		written := s.file(t, name, []byte(src))
		if name == "policy.hcl" {
			path = written
		}
	}
	return path
}

// signerWith returns the signer "us", by an identity and keys.
func signerWith(identity string, keys ...*sign.PublicKey) string {
	src := "signer \"us\" {\n  organisation = \"us\"\n" + identity
	for i, key := range keys {
		src += fmt.Sprintf("  key \"k%d\" {\n    public = <<-EOT\n%s    EOT\n  }\n", i, key.PEM())
	}
	return src + "}\n"
}

// identity returns one of the tests' issuer.
func (s *services) identity(subject, environment string) string {
	return fmt.Sprintf("  identity \"ci\" {\n    sigstore = \"ours\"\n    issuer = %q\n    subject = %q\n    extensions = { deployment-environment = %q }\n  }\n",
		s.issuer.url, subject, environment)
}

// wants judges a release, and wants an exit code and words of what is said.
func (s *services) wants(t *testing.T, code int, release, policy string, words ...string) {
	t.Helper()
	out := s.tailsbuild(t, code, "verify", release, "--policy", policy, "--cache", t.TempDir())
	for _, w := range words {
		if !strings.Contains(out, w) {
			t.Errorf("no %q in:\n%s", w, out)
		}
	}
}

// change returns a JSON object with a change to it.
func change(t testing.TB, file []byte, change func(o map[string]any)) []byte {
	t.Helper()
	var o map[string]any
	check(t, json.Unmarshal(file, &o))
	change(o)
	return must[[]byte](t)(json.Marshal(o))
}

// otherRoot returns a trusted root with services of the same names, and other keys.
func (s *services) otherRoot(t *testing.T) []byte {
	t.Helper()
	return change(t, must[[]byte](t)(os.ReadFile(s.root)), func(o map[string]any) {
		public, _, err := ed25519.GenerateKey(rand.Reader)
		check(t, err)
		der := must[[]byte](t)(x509.MarshalPKIXPublicKey(public))
		log := o["tlogs"].([]any)[0].(map[string]any)
		log["publicKey"].(map[string]any)["rawBytes"] = base64.StdEncoding.EncodeToString(der)
		id := sha256.Sum256(der)
		log["logId"] = map[string]any{"keyId": base64.StdEncoding.EncodeToString(id[:])}
		// Neither is an authority of that kind.
		o["timestampAuthorities"], o["certificateAuthorities"] = o["certificateAuthorities"], o["timestampAuthorities"]
	})
}
