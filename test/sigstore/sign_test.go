package sigstore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/release/releasetest"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
	"gitlab.com/tailsbuild/tailsbuild/internal/sigstore"
)

// subject and the issuer's URL are what the certificates of the tests' jobs say.
const subject = "https://gitlab.example.org/tails/images//.gitlab-ci.yml@refs/heads/main"

// open returns what asks the services.
func (s *services) open(t testing.TB) *sign.Services {
	t.Helper()
	post := must[sign.Post](t)(sigstore.New(sigstore.Options{Pause: time.Millisecond}))
	config := must[[]byte](t)(os.ReadFile(s.config))
	return must[*sign.Services](t)(sign.OpenServices(config, s.trustedRoot(t), post, time.Now()))
}

func (s *services) trustedRoot(t testing.TB) *sign.TrustedRoot {
	t.Helper()
	return must[*sign.TrustedRoot](t)(sign.OpenTrustedRoot("ours", must[[]byte](t)(os.ReadFile(s.root))))
}

// newRelease makes one, through the gate, and copies it to a registry. A nil key
// leaves it unsigned.
func (s *services) newRelease(t *testing.T, key *sign.Key) (dir string, ref string, rel *release.Release) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "mqtt")
	rel = must[*release.Release](t)(releasetest.Release(ctx, dir, t.Name(), key))
	return dir, s.push(t, dir), rel
}

// push copies a release to a registry of its own, and returns its reference.
func (s *services) push(t *testing.T, dir string) string {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	ref := strings.TrimPrefix(server.URL, "http://") + "/tails/mqtt:2.7.9-r1"
	s.tailsbuild(t, 0, "push", dir, ref)
	return ref
}

// tailsbuild runs tailsbuild, which has to exit with code.
func (s *services) tailsbuild(t *testing.T, code int, args ...string) string {
	t.Helper()
	out, got, err := s.command(nil, "tailsbuild", args...)
	if got != code {
		t.Fatalf("exit %d, want %d: %v\n%s", got, code, err, out)
	}
	return out
}

// verifies runs cosign, which has to verify something, or not to.
func (s *services) verifies(t *testing.T, ok bool, args ...string) {
	t.Helper()
	if err := s.cosign(args...); (err == nil) != ok {
		t.Errorf("cosign %s: %v, want %t", strings.Join(args, " "), err, ok)
	}
}

// TestKey: what a key signs is logged and timestamped, and all can verify it.
func TestKey(t *testing.T) {
	s := setup(t)
	key := must[*sign.Key](t)(releasetest.Key())
	pub := s.file(t, "key.pub", key.Public().PEM())
	dir, ref, rel := s.newRelease(t, key.With(s.open(t)))
	if rel.Certificate != nil {
		t.Error(rel.Certificate)
	}
	trusted := release.Trusted{Keys: []*sign.PublicKey{key.Public()}, Roots: []*sign.TrustedRoot{s.trustedRoot(t)}}
	c := must[*release.Contents](t)(release.Read(ctx, dir, trusted))
	if len(c.Statements) < 4 || len(c.Problems) > 0 {
		t.Fatalf("%+v", c)
	}
	for _, st := range c.Statements {
		if m := st.Marks[0]; !m.Logged || time.Since(m.Time) > time.Minute || !st.Known || st.Certificate != nil {
			t.Errorf("%s: %+v", st.PredicateType, st)
		}
	}
	s.tailsbuild(t, 0, "verify", dir, "--key", pub)

	image := strings.TrimSuffix(ref, ":2.7.9-r1") + "@" + rel.Image.Digest.String()
	s.verifies(t, true, "verify", "--key", pub, "--trusted-root", s.root, "--use-signed-timestamps", image)
	s.verifies(t, true, "verify-attestation", "--key", pub, "--trusted-root", s.root, "--type", "slsaprovenance1", image)
	other := s.file(t, "other.json", s.otherRoot(t))
	s.verifies(t, false, "verify", "--key", pub, "--trusted-root", other, "--use-signed-timestamps", image)

	policy := s.policy(t, signerWith("", key.Public()), "trusted_root.json")
	s.wants(t, 0, ref, policy, "is trusted", "signed: It is signed with the key", "in a transparency log and with a timestamp")
	s.wants(t, 4, ref, s.policy(t, signerWith("", key.Public()), "other.json"), "not-logged", "not-timestamped")
	s.wants(t, 4, ref, s.policy(t, signerWith("", key.Public()), "none.json"), "not-known", "no such file")
	s.wants(t, 4, ref, s.policy(t, signerWith("", key.Public()), "key.pub"), "not-known", "trusted root")

	// Without the services, it is a good signature, and no more.
	policy = s.policy(t, signerWith("", key.Public()), "trusted_root.json")
	_, ref, _ = s.newRelease(t, key)
	s.wants(t, 4, ref, policy, "not-logged", "not-timestamped")
	s.wants(t, 0, ref, strings.Replace(policy, "policy.hcl", "lax.hcl", 1), "is trusted")
}

// TestKeyless: a job signs as who it is, and all can verify that.
func TestKeyless(t *testing.T) {
	s := setup(t)
	dir, ref, rel := s.newRelease(t, s.keyless(t, nil))
	if c := rel.Certificate; c == nil || c.Subject != subject || c.Issuer != s.issuer.url || c.Extensions["deployment-environment"] != "release" {
		t.Errorf("%+v", rel.Certificate)
	}
	image := strings.TrimSuffix(ref, ":2.7.9-r1") + "@" + rel.Image.Digest.String()
	who := []string{"--certificate-identity", subject, "--certificate-oidc-issuer", s.issuer.url}
	s.verifies(t, true, slices.Concat([]string{"verify", "--trusted-root", s.root, "--use-signed-timestamps"}, who, []string{image})...)
	s.verifies(t, true, slices.Concat([]string{"verify-attestation", "--trusted-root", s.root, "--type", "slsaprovenance1"}, who, []string{image})...)
	who[1] += "s"
	s.verifies(t, false, slices.Concat([]string{"verify", "--trusted-root", s.root, "--use-signed-timestamps"}, who, []string{image})...)

	if out := s.tailsbuild(t, 0, "inspect", dir); !strings.Contains(out, fmt.Sprintf("signed, NOT CHECKED, as %q of the issuer %q", subject, s.issuer.url)) {
		t.Error(out)
	}

	policy := s.policy(t, signerWith(s.identity(subject, "release")), "trusted_root.json")
	s.wants(t, 0, ref, policy, "is trusted", "It is signed as "+fmt.Sprintf("%q", subject))
	// In a folder, the name is the one that the policy's signer gives it.
	s.wants(t, 0, dir, strings.Replace(policy, "policy.hcl", "lax.hcl", 1), `reference  "mqtt:2.7.9-r1"`)
	s.wants(t, 8, ref, s.policy(t, signerWith(s.identity(subject, "staging")), "trusted_root.json"), "is foreign", "foreign-signer", subject)
	s.wants(t, 8, ref, s.policy(t, signerWith(s.identity(subject+"s", "release")), "trusted_root.json"), "is foreign")

	// By a root without the authority, nobody has signed. Nor is a key of any use that
	// isn't kept.
	noAuthority := change(t, must[[]byte](t)(os.ReadFile(s.root)), func(o map[string]any) { delete(o, "certificateAuthorities") })
	s.file(t, "no_authority.json", noAuthority)
	s.wants(t, 4, ref, s.policy(t, signerWith(s.identity(subject, "release")), "no_authority.json"), "not-signed")
	if _, err := release.BindReference(ctx, dir, s.keyless(t, nil), ref); err == nil {
		t.Error("a name was signed without a key")
	}
}

// TestCosign: what cosign signs, with a key and as a job, tailsbuild verifies.
func TestCosign(t *testing.T) {
	s := setup(t)
	_, ref, rel := s.newRelease(t, nil)
	image := strings.TrimSuffix(ref, ":2.7.9-r1") + "@" + rel.Image.Digest.String()
	policy := s.policy(t, signerWith(s.identity(subject, "release")), "trusted_root.json")
	s.wants(t, 4, ref, policy, "not-signed")
	token := []string{"SIGSTORE_ID_TOKEN=" + s.issuer.token(t, map[string]any{"environment": "staging"})}
	args := []string{"sign", "--yes", "--signing-config", s.config, "--trusted-root", s.root, "--oidc-client-id", "sigstore", image}
	_, _, err := s.command(token, "cosign", args...)
	check(t, err)
	s.wants(t, 8, ref, policy, "is foreign", subject)
	token[0] = "SIGSTORE_ID_TOKEN=" + s.issuer.token(t, nil)
	_, _, err = s.command(token, "cosign", args...)
	check(t, err)
	s.wants(t, 0, ref, policy, "is trusted")

	_, ref, rel = s.newRelease(t, nil)
	image = strings.TrimSuffix(ref, ":2.7.9-r1") + "@" + rel.Image.Digest.String()
	s.tailsbuild(t, 0, "key", "new", "--out", "cosigned")
	public := must[*sign.PublicKey](t)(sign.OpenPublicKey(must[[]byte](t)(os.ReadFile(s.path("cosigned.pub")))))
	policy = s.policy(t, signerWith("", public), "trusted_root.json")
	s.wants(t, 4, ref, policy, "not-signed")
	check(t, s.cosign("sign", "--yes", "--key", "cosigned.key", "--signing-config", s.config, "--trusted-root", s.root, image))
	s.wants(t, 0, ref, policy, "is trusted", "in a transparency log and with a timestamp")
}

// TestServicesFail: without all services, and all by the trusted root, there is no
// release, and the one before stays.
func TestServicesFail(t *testing.T) {
	s := setup(t)
	key := must[*sign.Key](t)(releasetest.Key())
	config := func(member string, url string) *sign.Services {
		file := change(t, must[[]byte](t)(os.ReadFile(s.config)), func(o map[string]any) {
			o[member].([]any)[0].(map[string]any)["url"] = url
		})
		post := must[sign.Post](t)(sigstore.New(sigstore.Options{Pause: time.Millisecond}))
		return must[*sign.Services](t)(sign.OpenServices(file, s.trustedRoot(t), post, time.Now()))
	}
	otherRoot := must[*sign.TrustedRoot](t)(sign.OpenTrustedRoot("other", s.otherRoot(t)))
	post := must[sign.Post](t)(sigstore.New(sigstore.Options{}))
	others := must[*sign.Services](t)(sign.OpenServices(must[[]byte](t)(os.ReadFile(s.config)), otherRoot, post, time.Now()))
	token := must[*sign.Token](t)(sign.OpenToken([]byte(s.issuer.token(t, nil)), time.Now()))
	for name, c := range map[string]struct {
		key     *sign.Key
		service sign.Service
		code    int // of HTTP's, 0 for none
	}{
		"no log":                    {key.With(config("rekorTlogUrls", "http://127.0.0.1:1")), sign.TransparencyLog, 0},
		"another service as a log":  {key.With(config("rekorTlogUrls", "http://127.0.0.1:3006")), sign.TransparencyLog, 404},
		"no timestamps":             {key.With(config("tsaUrls", "http://127.0.0.1:1")), sign.TimestampAuthority, 0},
		"a log for timestamps":      {key.With(config("tsaUrls", rekorURL)), sign.TimestampAuthority, 404},
		"another root":              {key.With(others), "", 0},
		"another root, for a job":   {must[*sign.Key](t)(others.Keyless(token)), "", 0},
		"no authority":              {must[*sign.Key](t)(config("caUrls", "http://127.0.0.1:1").Keyless(token)), sign.CertificateAuthority, 0},
		"a token for others":        {s.keyless(t, map[string]any{"aud": "others"}), sign.CertificateAuthority, 400},
		"a token of others":         {s.keyless(t, map[string]any{"iss": "http://127.0.0.1:1"}), sign.CertificateAuthority, 400},
		"a token of a child's":      {s.keyless(t, map[string]any{"ci_config_ref_uri": nil}), sign.CertificateAuthority, 400},
		"a token of the future":     {s.keyless(t, map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}), sign.CertificateAuthority, 400},
		"a token that was tampered": {s.tampered(t), sign.CertificateAuthority, 400},
	} {
		gone := filepath.Join(t.TempDir(), "mqtt")
		_, err := releasetest.Release(ctx, gone, "after", c.key)
		var service *sign.ServiceError
		var other *sign.OtherServiceError
		var status *sign.StatusError
		switch {
		case c.service == "" && !errors.As(err, &other):
			t.Errorf("%s: %v", name, err)
		case c.service != "" && (!errors.As(err, &service) || service.Service != c.service):
			t.Errorf("%s: %v", name, err)
		case c.code != 0 && (!errors.As(err, &status) || status.Code != c.code):
			t.Errorf("%s: %v", name, err)
		default:
			t.Logf("%s: %v", name, err)
		}
		if _, err := os.Stat(gone); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a release on disk: %v", name, err)
		}
	}
	dir := filepath.Join(t.TempDir(), "mqtt")
	before := must[*release.Release](t)(releasetest.Release(ctx, dir, "before", key))
	if _, err := releasetest.Release(ctx, dir, "after", key.With(others)); err == nil {
		t.Error("a release by another root")
	}
	if v, err := release.Verify(ctx, dir, key.Public()); err != nil || v.Image.Digest != before.Image.Digest {
		t.Errorf("the release before is gone: %v", err)
	}
}

// tampered returns a key that signs by a token in which somebody has put another
// subject.
func (s *services) tampered(t *testing.T) *sign.Key {
	t.Helper()
	good := strings.Split(s.issuer.token(t, nil), ".")
	other := strings.Split(s.issuer.token(t, map[string]any{"sub": "project_path:others/images:ref_type:branch:ref:main"}), ".")
	token := must[*sign.Token](t)(sign.OpenToken([]byte(good[0]+"."+other[1]+"."+good[2]), time.Now()))
	return must[*sign.Key](t)(s.open(t).Keyless(token))
}

// file writes one beside the services', and returns its path.
func (s *services) file(t *testing.T, name string, content []byte) string {
	t.Helper()
	check(t, os.WriteFile(s.path(name), content, 0o600))
	return s.path(name)
}
