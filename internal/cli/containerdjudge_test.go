package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/pkg/imageverifier"
	"github.com/containerd/containerd/v2/pkg/imageverifier/bindir"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/release/releasetest"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust/trusttest"
)

// A service has a policy for a registry, and a trust root that lists releases.
type service struct {
	t *testing.T
	*published
	repo          *trusttest.Repo
	folder, cache string
	policy        string
	good          ocispec.Descriptor // mqtt 2.7.9-r1, which is listed
}

const lenient = `  transparency_log = "optional"
  timestamp        = "optional"
  end_of_support   = "warn"
  privileges {
    highest_tier = 3
  }
}
`

func newService(t *testing.T) *service {
	t.Helper()
	m := &service{t: t, published: publish(t), repo: trusttest.New(t, time.Now()), folder: t.TempDir()}
	m.cache, m.policy = filepath.Join(m.folder, "cache"), filepath.Join(m.folder, "policy.hcl")
	m.good = described(t, m.tag)
	m.repo.Delegate("mqtt", "mqtt/*")
	m.list("2.7.9", 1, m.good)
	m.write("root.json", m.repo.File("1.root.json"))
	host, _, _ := strings.Cut(m.published.repo, "/")
	us := strings.ReplaceAll(string(must[[]byte](t)(os.ReadFile(m.other))), "\n", "\n    ")
	m.write("policy.hcl", []byte(fmt.Sprintf(`trust_root "tails" {
  organisation = "tails"
  root         = "root.json"
  sources      = [%q]
}
signer "us" {
  organisation = "us"
  key "2026" {
    public = <<-EOT
    %s
    EOT
  }
}
scope "%s/open" {
  signers  = ["us"]
  foreign  = "warn"
  unsigned = "ask"
`, m.repo.Dir, us, host)+lenient+fmt.Sprintf("scope \"%s/tails/*\" {\n  trust_root = \"tails\"\n", host)+lenient))
	return m
}

func (m *service) write(file string, content []byte) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.folder, file), content, 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// list has the trust root list an image as mqtt VERSION-r1.
func (m *service) list(version string, sequence int64, desc ocispec.Descriptor) {
	m.t.Helper()
	m.repo.Set("mqtt", trust.Ref{Name: "mqtt", Version: version, Release: 1}, desc.Size, desc.Digest, &trust.Target{
		Version: trust.TargetVersion, Platforms: map[string]digest.Digest{"linux/amd64": desc.Digest},
		Released: time.Now().UTC().Truncate(time.Second), Sequence: sequence,
	})
	m.publish()
}

func (m *service) publish() {
	m.t.Helper()
	m.repo.Bump()
	m.repo.Publish()
}

// newer publishes and lists mqtt 2.8.0-r1.
func (m *service) newer() (tag string, desc ocispec.Descriptor) {
	m.t.Helper()
	dir := filepath.Join(m.t.TempDir(), "mqtt")
	if _, err := releasetest.Release(context.Background(), dir, "newer", must[*sign.Key](m.t)(releasetest.Key())); err != nil {
		m.t.Fatal(err)
	}
	tag = m.published.repo + ":2.8.0-r1"
	push(m.t, dir, tag)
	desc = described(m.t, tag)
	m.list("2.8.0", 2, desc)
	return tag, desc
}

func (m *service) verifier(flags ...string) *bindir.ImageVerifier {
	m.t.Helper()
	return verifierOf(m.t, "", append([]string{"--policy", m.policy, "--cache", m.cache}, flags...)...)
}

// want asks v about an image, and wants an answer whose reason has text.
func (m *service) want(v *bindir.ImageVerifier, name string, desc ocispec.Descriptor, ok bool, text string) {
	m.t.Helper()
	j := must[*imageverifier.Judgement](m.t)(v.VerifyImage(context.Background(), name, desc))
	if j.OK != ok || !strings.Contains(j.Reason, text) || len(j.Reason) > 2000 || strings.Contains(j.Reason, "\n") {
		m.t.Errorf("%s: %+v, want %q", name, j, text)
	}
}

func TestContainerdPolicy(t *testing.T) {
	m := newService(t)
	v := m.verifier()
	for range 2 {
		m.want(v, m.tag, m.good, true, "allowed by "+m.policy+": mqtt:2.7.9-r1")
		m.want(v, m.digest, m.good, true, "mqtt:2.7.9-r1")
	}
	m.want(v, m.unsigned, described(t, m.unsigned), false, "The policy refuses images that nobody has signed.")
	m.want(v, m.published.repo+":2.8.0-r1", m.good, false, "it was asked for as")
	m.want(v, m.published.repo+":latest", m.good, false, "it was asked for as")
	other := strings.Replace(m.published.repo, "/tails/", "/other/", 1) + ":2.7.9-r1"
	push(t, m.dir, other)
	m.want(v, other, m.good, false, "has no scope for images of this name")

	// Once the newer one was used, the older one isn't.
	tag, newer := m.newer()
	m.want(v, m.tag, m.good, true, "mqtt:2.7.9-r1")
	m.want(v, tag, newer, true, "mqtt:2.8.0-r1")
	m.want(v, m.tag, m.good, false, "A newer release than this one was seen already.")
	m.want(m.verifier("--cache", filepath.Join(m.folder, "another")), m.tag, m.good, true, "")

	m.repo.Revoke("mqtt", trust.Ref{Name: "mqtt", Version: "2.8.0", Release: 1}, "it has a hole")
	m.publish()
	m.want(v, tag, newer, false, "it has a hole")

	// A trust root that nobody refreshes, and a registry that answers nothing.
	m.repo.Timestamp.Signed.Expires = time.Now().Add(-time.Hour)
	m.publish()
	m.want(v, m.tag, m.good, false, "expired")
	start := time.Now()
	m.before = func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }
	m.want(m.verifier("--timeout", "500ms"), m.tag, m.good, false, "")
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}

// TestContainerdPolicyFiles: whoever can change what decides, decides.
func TestContainerdPolicyFiles(t *testing.T) {
	m := newService(t)
	chmod := func(mode os.FileMode, path string) {
		t.Helper()
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	root, sigstore := filepath.Join(m.folder, "root.json"), filepath.Join(m.folder, "trusted_root.json")
	m.write("trusted_root.json", must[[]byte](t)(os.ReadFile("../sign/testdata/trusted_root.json")))
	m.write("policy.hcl", append([]byte("sigstore \"log\" {\n  trusted_root = \"trusted_root.json\"\n}\n"), must[[]byte](t)(os.ReadFile(m.policy))...))
	v := m.verifier()
	m.want(v, m.tag, m.good, true, "")
	for path, want := range map[string]string{m.policy: m.policy, root: root, sigstore: sigstore, m.cache: m.cache} {
		info := must[os.FileInfo](t)(os.Stat(path))
		chmod(info.Mode()|0o022, path)
		m.want(v, m.tag, m.good, false, want+": others may write to it")
		chmod(info.Mode(), path)
	}
	// Who serves the metadata is not trusted.
	chmod(0o777, m.repo.Dir)
	m.want(v, m.tag, m.good, true, "")

	m.want(m.verifier("--policy", m.policy+".none"), m.tag, m.good, false, "no such file")
	m.want(m.verifier("--cache", m.policy), m.tag, m.good, false, "it is not a folder")
	m.want(m.verifier("--key", m.key), m.tag, m.good, false, "")
	m.want(verifierOf(t, ""), m.tag, m.good, false, "--policy FILE is missing")
	src := must[[]byte](t)(os.ReadFile(m.policy))
	m.write("policy.hcl", append(src, "scope \"x\" {}\n"...))
	m.want(v, m.tag, m.good, false, "problem")
	m.write("policy.hcl", src)
	if err := os.Remove(root); err != nil {
		t.Fatal(err)
	}
	m.want(v, m.tag, m.good, false, "no such file")
	m.write("root.json", trusttest.New(t, time.Now()).File("1.root.json"))
	m.want(v, m.tag, m.good, false, "is refused")
}

// TestContainerdPolicyAtOnce: containerd asks about several images at once.
func TestContainerdPolicyAtOnce(t *testing.T) {
	m := newService(t)
	v := m.verifier()
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() { m.want(v, m.tag, m.good, true, "") })
	}
	wg.Wait()
}

// TestContainerdAccepted: what the administrator named, by its own digest or its
// index's, is allowed when it is foreign or unsigned, and never when it is refused.
func TestContainerdAccepted(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can have another /etc")
	}
	m := newService(t)
	host, _, _ := strings.Cut(m.published.repo, "/")
	foreign, unsigned := host+"/open:foreign", host+"/open:unsigned"
	push(t, m.dir, foreign)
	push(t, m.dir+"-unsigned", unsigned)
	bad := described(t, unsigned)
	index := putIndex(t, host+"/open:index", bad)
	file := filepath.Join(m.folder, "accepted.hcl")
	state := filepath.Join(m.folder, "state")
	// Another /etc and state, for this process alone.
	commands := fmt.Sprintf(`[ "$again" ] || again=1 exec unshare -m "$0" "$@"
mount -t tmpfs -o mode=0755 tmpfs /etc && mkdir /etc/tailsbuild && cp %s /etc/tailsbuild/
mkdir -p %[2]s && mount -t tmpfs -o mode=0755 tmpfs /var/lib && ln -s %[2]s /var/lib/tailsbuild`, file, state)
	v := verifierOf(t, commands, "--policy", m.policy)
	accept := func(all ...digest.Digest) {
		t.Helper()
		var b bytes.Buffer
		for _, d := range all {
			fmt.Fprintf(&b, "accept %q {\n  reason = \"looked at\"\n}\n", d)
		}
		m.write("accepted.hcl", b.Bytes())
	}
	accept(digest.FromString("another"))
	m.want(v, foreign, m.good, false, "is foreign: ")
	m.want(v, unsigned, bad, false, "is unsigned: ")
	accept(m.good.Digest, bad.Digest)
	m.want(v, foreign, m.good, true, "by its digest in /etc/tailsbuild/accepted.hcl alone: "+host+"/open:foreign")
	m.want(v, unsigned, bad, true, "by its digest in")
	m.want(v, host+"/open:index", index, true, "by its digest in")
	accept(index.Digest)
	m.want(v, unsigned, bad, false, "is unsigned: ")
	m.want(v, host+"/open:index", index, true, "by its digest in")
	log := must[[]byte](t)(os.ReadFile(filepath.Join(state, "accepted.jsonl")))
	if n := bytes.Count(log, []byte(`"reason":"looked at"`)); n != 4 {
		t.Errorf("%d acceptances are in the log:\n%s", n, log)
	}

	m.repo.Revoke("mqtt", trust.Ref{Name: "mqtt", Version: "2.7.9", Release: 1}, "it has a hole")
	m.publish()
	accept(m.good.Digest)
	m.want(v, m.tag, m.good, false, "it has a hole")
	m.write("accepted.hcl", []byte("accept {"))
	m.want(v, unsigned, bad, false, "/etc/tailsbuild/accepted.hcl")
}

// putIndex puts an index of images at ref.
func putIndex(t *testing.T, ref string, images ...ocispec.Descriptor) ocispec.Descriptor {
	t.Helper()
	for i := range images {
		images[i].Platform = &ocispec.Platform{OS: "linux", Architecture: fmt.Sprint("a", i)}
	}
	body := must[[]byte](t)(json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": ocispec.MediaTypeImageIndex, "manifests": append([]ocispec.Descriptor{}, images...),
	}))
	if err := remote.Put(must[name.Tag](t)(name.NewTag(ref)), rawIndex(body)); err != nil {
		t.Fatal(err)
	}
	h, _, _ := v1.SHA256(bytes.NewReader(body))
	return ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: digest.Digest(h.String()), Size: int64(len(body))}
}
