package assess_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"

	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust/trusttest"
	"gitlab.com/tailsbuild/tailsbuild/internal/verdict"
)

// signerOf returns a key of the trust root as one that signs releases.
func signerOf(t *testing.T, k *trusttest.Key) *sign.Key {
	t.Helper()
	der := must[[]byte](t)(x509.MarshalPKCS8PrivateKey(k.Private))
	sealed := must[[]byte](t)(encrypted.Encrypt(der, nil))
	return must[*sign.Key](t)(sign.OpenKey(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED SIGSTORE PRIVATE KEY", Bytes: sealed}), nil))
}

func publicBlock(name string, key *sign.PublicKey) string {
	return fmt.Sprintf("key %q {\n public = <<-EOT\n%sEOT\n}\n", name, key.PEM())
}

// TestKeyConfusion: the key of one job does no other, neither of those of the trust
// root nor of those of the policy.
func TestKeyConfusion(t *testing.T) {
	signer := trusttest.NewKey(t)
	mine, rebuilder := signerOf(t, signer), key(t, 1)
	w := newWorld(t, rootPolicy+"signer \"me\" {\n organisation = \"me\"\n"+publicBlock("one", mine.Public())+"}\n"+
		"rebuilder \"other\" {\n organisation = \"other\"\n builder = \"https://other.example/v1\"\n"+publicBlock("one", rebuilder.Public())+"}\n"+
		`scope "**" {`+"\n  trust_root = \"tails\"\n  signers = [\"me\"]\n  foreign = \"warn\""+rules)
	good := makeRelease(t, "1.0", mine, none)
	w.list(good, 1, nil)
	w.want(good, "mqtt", verdict.Trusted, verdict.Signed)

	sequence := int64(1)
	for name, k := range map[string]*sign.Key{
		"root": signerOf(t, w.repo.RootKeys[0]), "targets": signerOf(t, w.repo.TargetsKey), "snapshot": signerOf(t, w.repo.SnapshotKey),
		"timestamp": signerOf(t, w.repo.TimestampKey), "tagging": signerOf(t, w.repo.RoleKeys["mqtt"]), "rebuilder": rebuilder, "stranger": key(t, 0),
	} {
		sequence++
		m := makeRelease(t, fmt.Sprint(sequence, ".0"), k, none)
		w.list(m, sequence, nil)
		if s := w.want(m, "mqtt", verdict.Foreign, verdict.OtherSigner); s.Facts.Root.Listed != verdict.Yes {
			t.Errorf("%s: it isn't even listed: %+v", name, s.Facts.Root)
		}
	}

	// Nor does the one that signs releases sign what the trust root's do.
	for name, role := range map[string]**trusttest.Key{"targets": &w.repo.TargetsKey, "snapshot": &w.repo.SnapshotKey, "timestamp": &w.repo.TimestampKey} {
		own := *role
		*role = signer
		w.publish()
		if s := w.want(good, "mqtt", verdict.Refused, verdict.RootFailed); s.Err == nil {
			t.Errorf("%s: no error", name)
		}
		*role = own
	}
	own := w.repo.RoleKeys["mqtt"]
	w.repo.RoleKeys["mqtt"] = signer
	w.publish()
	w.want(good, "mqtt", verdict.Refused, verdict.RootFailed)
	w.repo.RoleKeys["mqtt"] = own
	w.publish()
	w.want(good, "mqtt", verdict.Trusted, verdict.Signed)
}

// TestMissingFiles: without any one file of a release or of the trust root, nothing is
// trusted; nor with one that was cut off, or with something else in it.
func TestMissingFiles(t *testing.T) {
	mine := key(t, 0)
	w := newWorld(t, strings.Replace(signerPolicy(mine.Public())+rootPolicy, `signers = ["me"]`, "signers = [\"me\"]\n  trust_root = \"tails\"", 1))
	m := makeRelease(t, "1.0", mine, none)
	w.list(m, 1, nil)
	w.want(m, "mqtt:1.0-r0", verdict.Trusted, verdict.Signed)
	tried := 0
	for _, dir := range []string{m.dir, w.repo.Dir, filepath.Join(w.folder, "root.json")} {
		check(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			if dir == w.repo.Dir && strings.HasPrefix(filepath.Base(path), "1.") {
				return nil // what was before isn't read
			}
			content := must[[]byte](t)(os.ReadFile(path))
			for how, spoil := range map[string]func() error{
				"missing": func() error { return os.Remove(path) },
				"cut off": func() error { return os.Truncate(path, int64(len(content)/2)) },
				"empty":   func() error { return os.Truncate(path, 0) },
				"a folder": func() error {
					if err := os.Remove(path); err != nil {
						return err
					}
					return os.Mkdir(path, 0o755)
				},
			} {
				check(t, spoil())
				// Nothing from before helps: it is the machine's first look.
				w.cache = filepath.Join(t.TempDir(), "cache")
				s, err := w.assessor().Release(ctx, m.dir, "mqtt:1.0-r0")
				if err == nil && s.Verdict.Kind != verdict.Refused {
					t.Errorf("%s is %s: %s\n%+v", path, how, s.Verdict.Kind, s.Verdict.Reasons)
				}
				check(t, os.RemoveAll(path))
				check(t, os.WriteFile(path, content, 0o644))
				tried++
			}
			return nil
		}))
	}
	w.cache = filepath.Join(t.TempDir(), "cache")
	w.want(m, "mqtt:1.0-r0", verdict.Trusted, verdict.Signed)
	if tried < 4*15 {
		t.Errorf("tried %d times, which can't be all files", tried)
	}
}
