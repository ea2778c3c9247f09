package sigstore

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/release/releasetest"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust/trusttest"
)

// TestOnlyOurRegistry: a release that is listed, logged and timestamped as
// policies/only-our-registry.hcl asks is trusted through tailsbuild verify. What is
// asked of rebuilders and of the base's support is another test's: it is left out.
func TestOnlyOurRegistry(t *testing.T) {
	s := setup(t)
	key := must[*sign.Key](t)(releasetest.Key())
	for name, c := range map[string]struct {
		key   *sign.Key
		lists bool // whether the trust root lists the bundles, too
		code  int
		words []string
	}{
		"as asked": {key.With(s.open(t)), true, 0, []string{
			"is trusted", `vouched: The trust root "tails" lists it`, "signed with the key", "in a transparency log and with a timestamp",
		}},
		"signed by a job":     {s.keyless(t, nil), true, 0, []string{"is trusted", fmt.Sprintf("signed as %q", subject)}},
		"not by the services": {key, true, 4, []string{"not-logged", "not-timestamped", "other-signer"}},
		"not listed":          {key.With(s.open(t)), false, 4, []string{"other-signer: None of its signatures is one that the trust root names"}},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			dir, ref, rel := s.newRelease(t, c.key)
			target := &trust.Target{
				Version: trust.TargetVersion, Platforms: map[string]digest.Digest{"linux/amd64": rel.Image.Digest},
				Released: time.Now().UTC().Truncate(time.Second), Sequence: 1,
			}
			if c.lists {
				target.Bundles = bundles(t, dir)
			}
			s.wants(t, c.code, ref, s.shipped(t, ref, rel, target), c.words...)
		})
	}
}

// bundles returns the manifests of a release's evidence.
func bundles(t *testing.T, dir string) []digest.Digest {
	t.Helper()
	l := must[*oci.Layout](t)(oci.OpenLayout(dir))
	defer l.Close()
	var all []digest.Digest
	for _, d := range must[[]ocispec.Descriptor](t)(l.Images()) {
		if d.ArtifactType == sign.BundleMediaType {
			all = append(all, d.Digest)
		}
	}
	slices.Sort(all)
	return all
}

// shipped writes the policy that comes with tailsbuild, with the tests' names in it,
// and the trust root that it names, which lists a release.
func (s *services) shipped(t *testing.T, ref string, rel *release.Release, target *trust.Target) string {
	t.Helper()
	repo := trusttest.New(t, time.Now())
	repo.Delegate("mqtt", "mqtt/*")
	repo.Set("mqtt", trust.Ref{Name: "mqtt", Version: "2.7.9", Release: 1}, rel.Image.Size, rel.Image.Digest, target)
	repo.Publish()
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "root.json"), repo.File("1.root.json"), 0o600))
	host, _, _ := strings.Cut(ref, "/")
	src := string(must[[]byte](t)(os.ReadFile("../../policies/only-our-registry.hcl")))
	for from, to := range map[string]string{
		"registry.example/":                        host + "/",
		"/usr/share/tailsbuild/tails.root.json":    filepath.Join(dir, "root.json"),
		"https://trust.example/tails":              repo.Dir,
		"/usr/share/tailsbuild/tails.trusted_root": strings.TrimSuffix(s.root, ".json"),
		"  rebuilders {\n    minimum = 2\n  }\n":   "",
	} {
		if !strings.Contains(src, from) {
			t.Fatalf("the policy has no %q any more", from)
		}
		src = strings.ReplaceAll(src, from, to)
	}
	path := filepath.Join(dir, "policy.hcl")
	check(t, os.WriteFile(path, []byte(src), 0o600))
	return path
}
