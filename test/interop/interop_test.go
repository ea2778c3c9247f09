package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	"github.com/sirupsen/logrus"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/image"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/types"

	"gitlab.com/tailsbuild/tailsbuild/internal/cli"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
	"gitlab.com/tailsbuild/tailsbuild/internal/release/releasetest"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

var ctx = context.Background()

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// distribution starts the CNCF's registry, which has no referrers API, and returns
// its host.
func distribution(t *testing.T) string {
	t.Helper()
	return distributionBehind(t, func(h http.Handler) http.Handler { return h })
}

// distributionBehind is distribution with something between it and its clients.
func distributionBehind(t *testing.T, between func(http.Handler) http.Handler) string {
	t.Helper()
	logrus.SetOutput(io.Discard)
	config := &configuration.Configuration{Storage: configuration.Storage{
		"filesystem": {"rootdirectory": t.TempDir()}, "delete": {"enabled": true},
	}}
	config.Log.Level, config.Log.AccessLog.Disabled = "panic", true
	s := httptest.NewServer(between(handlers.NewApp(ctx, config)))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// A keyPair is a pair of key files, PREFIX.key and PREFIX.pub.
type keyPair struct{ private, public string }

func newKeys(t *testing.T) keyPair {
	t.Helper()
	prefix := filepath.Join(t.TempDir(), "my")
	tailsbuild(t, 0, "key", "new", "--out", prefix)
	return keyPair{prefix + ".key", prefix + ".pub"}
}

func (k keyPair) open(t *testing.T) *sign.Key {
	t.Helper()
	b, err := os.ReadFile(k.private)
	check(t, err)
	key, err := sign.OpenKey(b, nil)
	check(t, err)
	return key
}

// tailsbuild runs the command line and wants it to exit with code.
func tailsbuild(t *testing.T, code int, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if got := cli.Main(args, nil, &stdout, &stderr); got != code {
		t.Fatalf("tailsbuild %s: exit %d, want %d\n%s%s", strings.Join(args, " "), got, code, stdout.String(), stderr.String())
	}
	return stdout.String()
}

func setup(t *testing.T) {
	t.Setenv("TAILSBUILD_PASSWORD", "")
	t.Setenv("DOCKER_CONFIG", t.TempDir())
}

// TestDistribution: push to the CNCF's registry, and verify from there.
func TestDistribution(t *testing.T) {
	setup(t)
	keys := newKeys(t)
	dir := filepath.Join(t.TempDir(), "mqtt")
	rel, err := releasetest.Release(ctx, dir, "good", keys.open(t))
	check(t, err)
	repo := distribution(t) + "/tails/mqtt"
	out := tailsbuild(t, 0, "push", dir, repo+":2.7.9-r1", "--key", keys.private)
	if want := repo + ":2.7.9-r1 is " + rel.Image.Digest.String() + ", signed as that\n"; !strings.HasPrefix(out, want) {
		t.Errorf("push says %q, want %q", out, want)
	}
	for _, ref := range []string{repo + ":2.7.9-r1", repo + "@" + rel.Image.Digest.String()} {
		got := tailsbuild(t, 0, "verify", ref, "--key", keys.public)
		want := strings.ReplaceAll(tailsbuild(t, 0, "verify", dir, "--key", keys.public), dir, ref)
		if got != want {
			t.Errorf("%s:\n%s\nwant\n%s", ref, got, want)
		}
	}
	tailsbuild(t, 4, "verify", repo+":2.7.9-r1", "--key", newKeys(t).public)
	// Twice is once.
	tailsbuild(t, 0, "push", dir, repo+":2.7.9-r1", "--key", keys.private)
	ref, err := registry.ParseReference(repo + ":2.7.9-r1")
	check(t, err)
	fetched, err := registry.Fetch(ctx, ref, "", filepath.Join(t.TempDir(), "again"), registry.Options{
		Artifacts: []registry.Artifact{{Type: sign.BundleMediaType, MaxBlobs: 1, MaxSize: sign.MaxBundle}},
	})
	check(t, err)
	if fetched.Artifacts != 7 || len(fetched.Problems) != 0 {
		t.Errorf("got %+v", fetched)
	}
	// What can't be signed isn't pushed.
	for _, args := range [][]string{
		{"push", dir, repo + ":latest", "--key", keys.private},
		{"push", dir, repo + "@" + rel.Image.Digest.String()},
	} {
		tailsbuild(t, 2, args...)
	}
	tailsbuild(t, 4, "push", dir, repo+"x/mqtt:2.7.9-r1", "--key", newKeys(t).private)
	tailsbuild(t, 5, "verify", repo+"x/mqtt:2.7.9-r1", "--key", keys.public)
}

// A podman is what podman, skopeo and bootc ask before they use an image: a
// policy.json and a registries.d.
type podman struct {
	policy string
	sys    *types.SystemContext
}

// newPodman makes a configuration that wants images of host signed with key. The
// identity is how a signature's name is compared, "" for the default.
func newPodman(t *testing.T, host, key, identity string, attachments bool) *podman {
	t.Helper()
	dir := t.TempDir()
	p := &podman{policy: filepath.Join(dir, "policy.json"), sys: &types.SystemContext{
		RegistriesDirPath: filepath.Join(dir, "registries.d"), DockerInsecureSkipTLSVerify: types.OptionalBoolTrue,
		SystemRegistriesConfPath: os.DevNull, AuthFilePath: filepath.Join(dir, "auth.json"),
	}}
	check(t, os.WriteFile(p.sys.AuthFilePath, []byte("{}"), 0o600))
	requirement := map[string]any{"type": "sigstoreSigned", "keyPath": key}
	if identity != "" {
		requirement["signedIdentity"] = map[string]string{"type": identity}
	}
	b, err := json.Marshal(map[string]any{
		"default":    []any{map[string]string{"type": "reject"}},
		"transports": map[string]any{"docker": map[string]any{host: []any{requirement}}},
	})
	check(t, err)
	check(t, os.WriteFile(p.policy, b, 0o644))
	check(t, os.Mkdir(p.sys.RegistriesDirPath, 0o755))
	d := fmt.Sprintf("docker:\n  %s:\n    use-sigstore-attachments: %t\n", host, attachments)
	check(t, os.WriteFile(filepath.Join(p.sys.RegistriesDirPath, "tails.yaml"), []byte(d), 0o644))
	return p
}

func (p *podman) allows(t *testing.T, ref string) error {
	t.Helper()
	policy, err := signature.NewPolicyFromFile(p.policy)
	check(t, err)
	pc, err := signature.NewPolicyContext(policy)
	check(t, err)
	defer pc.Destroy()
	r, err := docker.ParseReference("//" + ref)
	check(t, err)
	src, err := r.NewImageSource(ctx, p.sys)
	check(t, err)
	defer src.Close()
	ok, err := pc.IsRunningImageAllowed(ctx, image.UnparsedInstance(src, nil))
	if ok != (err == nil) {
		t.Fatalf("%s: %t, %v", ref, ok, err)
	}
	return err
}

// TestPodman: what podman's own library says of what we push.
func TestPodman(t *testing.T) {
	setup(t)
	keys, others := newKeys(t), newKeys(t)
	work := t.TempDir()
	good, unsigned := filepath.Join(work, "mqtt"), filepath.Join(work, "unsigned")
	_, err := releasetest.Release(ctx, good, "good", keys.open(t))
	check(t, err)
	_, err = releasetest.Release(ctx, unsigned, "unsigned", nil)
	check(t, err)
	host := distribution(t)
	repo := host + "/tails/mqtt"
	tailsbuild(t, 0, "push", good, repo+":2.7.9-r1", "--key", keys.private)
	tailsbuild(t, 0, "push", good, host+"/tails/bundles-only:2.7.9-r1")
	tailsbuild(t, 0, "push", unsigned, host+"/tails/unsigned:1")

	policy := newPodman(t, host, keys.public, "", true)
	loose := newPodman(t, host, keys.public, "matchRepository", true)
	for _, p := range []*podman{policy, loose} {
		if err := p.allows(t, repo+":2.7.9-r1"); err != nil {
			t.Errorf("a good release: %v", err)
		}
	}
	tailsbuild(t, 0, "copy", repo+":2.7.9-r1", repo+":3.0.0-r0")
	for name, c := range map[string]struct {
		p         *podman
		ref, want string
	}{
		"unsigned": {loose, host + "/tails/unsigned:1", "no signature exists"},
		// podman doesn't know of bundles.
		"without the older signature": {loose, host + "/tails/bundles-only:2.7.9-r1", "no signature exists"},
		"by another key":              {newPodman(t, host, others.public, "", true), repo + ":2.7.9-r1", "cryptographic signature verification failed"},
		"where nobody looks":          {newPodman(t, host, keys.public, "", false), repo + ":2.7.9-r1", "no signature exists"},
		// The same image, beside its signature: the default policy compares names.
		"under another tag": {policy, repo + ":3.0.0-r0", "is not accepted"},
	} {
		if err := c.p.allows(t, c.ref); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := loose.allows(t, repo+":3.0.0-r0"); err != nil {
		t.Errorf("matchRepository compares more than the repository: %v", err)
	}
}
