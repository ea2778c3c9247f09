package release

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/programtest"
	ours "gitlab.com/tailsbuild/tailsbuild/internal/registry"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
	"gitlab.com/tailsbuild/tailsbuild/internal/transfer"
)

// unavailable skips the test, or fails it where nothing may be skipped.
func unavailable(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("TAILSBUILD_REQUIRE_ALL") != "" || os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// cosignBinary returns the cosign that the module test/cosign pins. It is built
// once and kept in the user's cache folder: that takes minutes.
func cosignBinary(t *testing.T) string {
	t.Helper()
	p := programtest.Program{Folder: "../../test/cosign", Module: "github.com/sigstore/cosign/v3", Package: "cmd/cosign"}
	if _, err := os.Stat(must[string](t)(p.Path())); err != nil && testing.Short() {
		unavailable(t, "cosign isn't built yet, which -short leaves out")
	}
	binary, err := p.Build(ctx)
	if err != nil {
		unavailable(t, "%v", err)
	}
	return binary
}

// A cosign runs the program without a network, with the files of a key.
type cosign struct {
	binary, home, password string
	env                    []string // more variables
}

func newCosign(t *testing.T) *cosign {
	t.Helper()
	return &cosign{binary: cosignBinary(t), home: t.TempDir()}
}

func (c *cosign) run(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	limited, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(limited, c.binary, args...)
	cmd.Dir = c.home
	cmd.Env = []string{
		"HOME=" + c.home, "COSIGN_PASSWORD=" + c.password,
		// Nothing but the registry on 127.0.0.1 answers.
		"HTTP_PROXY=http://127.0.0.1:1", "HTTPS_PROXY=http://127.0.0.1:1", "NO_PROXY=127.0.0.1",
	}
	cmd.Env = append(cmd.Env, c.env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	t.Logf("cosign %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	return out.String(), err
}

// file writes content into the folder where cosign runs.
func (c *cosign) file(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(c.home, name)
	check(t, os.WriteFile(path, content, 0o600))
	return path
}

// serve starts a registry.
func serve(t *testing.T, opts ...registry.Option) name.Repository {
	t.Helper()
	opts = append(opts, registry.Logger(log.New(io.Discard, "", 0)))
	s := httptest.NewServer(registry.New(opts...))
	t.Cleanup(s.Close)
	return must[name.Repository](t)(name.NewRepository(strings.TrimPrefix(s.URL, "http://")+"/tails/mqtt", name.Insecure))
}

// raw is a manifest as it is.
type raw []byte

func (r raw) RawManifest() ([]byte, error)      { return r, nil }
func (raw) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }
func (r raw) digest(repo name.Repository) name.Digest {
	h, _, _ := v1.SHA256(bytes.NewReader(r))
	return repo.Digest(h.String())
}

// push copies every manifest of a release to a registry, blobs first, byte for byte.
func push(t *testing.T, dir string, repo name.Repository) (image name.Digest) {
	t.Helper()
	l := must[*oci.Layout](t)(oci.OpenLayout(dir))
	defer l.Close()
	for i, desc := range must[[]ocispec.Descriptor](t)(l.Images()) {
		m, body, err := l.ReadManifest(desc)
		check(t, err)
		for _, d := range append([]ocispec.Descriptor{m.Config}, m.Layers...) {
			blob := must[[]byte](t)(l.ReadBlob(d, 64<<20))
			check(t, remote.WriteLayer(repo, static.NewLayer(blob, types.MediaType(d.MediaType))))
		}
		ref := raw(body).digest(repo)
		check(t, remote.Put(ref, raw(body)))
		if i == 0 {
			image = ref
		}
	}
	return image
}

func TestCosignVerifies(t *testing.T) {
	dir, _ := released(t)
	c := newCosign(t)
	pub := c.file(t, "mine.pub", key(t, 0).Public().PEM())
	other := c.file(t, "other.pub", key(t, 1).Public().PEM())
	for kind, opts := range map[string][]registry.Option{
		"registry with referrers": {registry.WithReferrersSupport(true)},
		"registry without":        nil, // the client keeps the fallback tag
	} {
		t.Run(kind, func(t *testing.T) {
			repo := serve(t, opts...)
			image := push(t, dir, repo).String()
			flags := []string{"--insecure-ignore-tlog=true", "--allow-http-registry"}
			verify := func(command, key string, args ...string) (string, error) {
				t.Helper()
				args = append([]string{command, "--key", key}, append(args, flags...)...)
				return c.run(t, append(args, image)...)
			}

			out, err := verify("verify", pub)
			if err != nil || !strings.Contains(out, strings.Split(image, "@")[1]) {
				t.Errorf("verify: %v\n%s", err, out)
			}
			if out, err := verify("verify", other); err == nil {
				t.Errorf("verify with another key: %s", out)
			}
			for predicate, want := range map[string]int{
				"slsaprovenance1": 2, evidence.ComparisonType: 1, evidence.SignatureType: 1,
				"spdxjson": 1, evidence.DeclarationType: 1, evidence.TestsType: 1,
			} {
				out, err := verify("verify-attestation", pub, "--type", predicate)
				if got := strings.Count(out, `"payloadType"`); err != nil || got != want {
					t.Errorf("verify-attestation --type %s: %v, %d statements, want %d\n%s", predicate, err, got, want, out)
				}
				if out, err := verify("verify-attestation", other, "--type", predicate); err == nil {
					t.Errorf("verify-attestation --type %s with another key: %s", predicate, out)
				}
			}
			if out, err := verify("verify-attestation", pub, "--type", "cyclonedx"); err == nil {
				t.Errorf("a kind of SBOM that there is not: %s", out)
			}
		})
	}
}

// TestDocsCommands types what docs/evidence.md says one can ask with cosign, jq and
// slsa-verifier, each block as it stands there.
func TestDocsCommands(t *testing.T) {
	if _, err := exec.LookPath("jq"); err != nil {
		unavailable(t, "no jq")
	}
	text := must[[]byte](t)(os.ReadFile("../../docs/evidence.md"))
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllSubmatch(text, -1)
	if len(blocks) != 3 {
		t.Fatalf("%d blocks", len(blocks))
	}
	b, _, opts := sealable(t)
	dir := opts.Dir
	must[*Release](t)(Create(ctx, b, opts))
	c := newCosign(t)
	c.file(t, "tails.pub", key(t, 0).Public().PEM())
	check(t, os.Mkdir(filepath.Join(c.home, "dist"), 0o755))
	check(t, os.Symlink(dir, filepath.Join(c.home, "dist", "mqtt")))
	image := push(t, dir, serve(t, registry.WithReferrersSupport(true))).String()
	// The registry of this test has no TLS, and cosign's cache is elsewhere.
	script := "set -euo pipefail\ncosign() { \"$COSIGN\" \"$@\" --allow-http-registry 2>/dev/null; }\n"
	for _, block := range blocks {
		// cd in one is none of the next one's.
		script += "(" + regexp.MustCompile(`(?m)^image=.*$`).ReplaceAllString(string(block[1]), "image="+image) + ")\n"
	}
	// This release is built from a root file system alone.
	script = regexp.MustCompile(`(?m)^source=.*$`).ReplaceAllString(script, "source="+b.Inputs[0].URL)
	if err := programtest.Build(ctx, filepath.Join(c.home, "bin", "slsa-verifier"), "../../slsa", ".", nil); err != nil {
		unavailable(t, "%v", err)
	}
	limited, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(limited, "bash", "-c", script)
	cmd.Dir = c.home
	cmd.Env = []string{"PATH=" + filepath.Join(c.home, "bin") + ":" + os.Getenv("PATH"), "HOME=" + c.home, "COSIGN=" + c.binary}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		b.A.Image.Digest.String(), `{"sha256":"`, `"umask"`, "musl 1.2.4-r2 MIT origin musl", "\nanswers\nrefuses\n", "\n2025-11-01\n",
		`"predicateType": "https://spdx.dev/Document"`,
		strings.Repeat("PASSED: SLSA verification passed\n", 2),
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// TestCosignUnsigned: what was released without a key is nothing to cosign.
func TestCosignUnsigned(t *testing.T) {
	b, dist := pair(t, "same", "same")
	dir := filepath.Join(dist, "mqtt")
	must[*Release](t)(Create(ctx, b, Options{Dir: dir}))
	c := newCosign(t)
	image := push(t, dir, serve(t, registry.WithReferrersSupport(true)))
	out, err := c.run(t, "verify", "--key", c.file(t, "mine.pub", key(t, 0).Public().PEM()),
		"--insecure-ignore-tlog=true", "--allow-http-registry", image.String())
	if err == nil {
		t.Errorf("verified: %s", out)
	}
}

// TestCosignVerifiesIndex: cosign verifies the index and each of its images.
func TestCosignVerifiesIndex(t *testing.T) {
	dir, rel := releasedIndex(t)
	c := newCosign(t)
	repo := serve(t, registry.WithReferrersSupport(true))
	folder := must[*transfer.Folder](t)(transfer.OpenFolder(dir))
	defer folder.Close()
	ref := must[ours.Reference](t)(ours.ParseReference(repo.Name() + ":2.7.9-r1"))
	must[*transfer.Pushed](t)(must[*transfer.Image](t)(folder.Image()).ToRegistry(ctx, ref, transfer.Options{}))
	for n, fine := range []bool{true, false} {
		pub := c.file(t, "my.pub", key(t, n).Public().PEM())
		for _, r := range append(rel.Platforms, rel) {
			out, err := c.run(t, "verify", "--key", pub, "--insecure-ignore-tlog=true", "--allow-http-registry", repo.Name()+"@"+r.Image.Digest.String())
			if (err == nil) != fine || fine && !strings.Contains(out, r.Image.Digest.String()) {
				t.Errorf("key %d, %s: %v\n%s", n, r.Image.Digest, err, out)
			}
		}
	}
}

// TestCosignReadsReference: the signature of a name, with no bundle beside it, is
// one to cosign, too.
func TestCosignReadsReference(t *testing.T) {
	dir, b := released(t)
	c := newCosign(t)
	repo := serve(t)
	image := push(t, b.A.Layout, repo)
	ref := must[ours.Reference](t)(ours.ParseReference(repo.Name() + ":2.7.9-r1"))
	s := must[[]*ReferenceSignature](t)(BindReference(ctx, dir, key(t, 0), ref.String()))[0]
	same := func(got []byte) bool { return bytes.Equal(got, s.Signature) }
	check(t, ours.AttachSignature(ctx, ref, ours.Signature{Image: s.Image, Payload: s.Payload, Signature: s.Signature}, same, ours.Options{}))
	for n, fine := range []bool{true, false} {
		pub := c.file(t, "my.pub", key(t, n).Public().PEM())
		out, err := c.run(t, "verify", "--key", pub, "--new-bundle-format=false",
			"--insecure-ignore-tlog=true", "--allow-http-registry", image.String())
		if (err == nil) != fine {
			t.Errorf("key %d: %v\n%s", n, err, out)
		}
	}
}

// TestCosignReadsOurKey and the next: either program's key files work with both.
func TestCosignReadsOurKey(t *testing.T) {
	c := newCosign(t)
	for _, password := range []string{"", "correct horse"} {
		private, public, err := sign.GenerateKey([]byte(password))
		check(t, err)
		path := c.file(t, "ours.key", private)
		c.password = password
		out, err := c.run(t, "public-key", "--key", path)
		if err != nil || out != string(public) {
			t.Errorf("password %q: %v\n%s\nwant\n%s", password, err, out, public)
		}
	}
	c.password = "wrong"
	if _, err := c.run(t, "public-key", "--key", "ours.key"); err == nil {
		t.Error("a wrong password was accepted")
	}
}

func TestOursReadCosign(t *testing.T) {
	c := newCosign(t)
	c.password = "correct horse"
	_, err := c.run(t, "generate-key-pair")
	check(t, err)
	theirs, err := sign.OpenKey(must[[]byte](t)(os.ReadFile(filepath.Join(c.home, "cosign.key"))), []byte(c.password))
	check(t, err)
	pub, err := sign.OpenPublicKey(must[[]byte](t)(os.ReadFile(filepath.Join(c.home, "cosign.pub"))))
	check(t, err)
	if pub.ID() != theirs.Public().ID() {
		t.Error("the two files hold different keys")
	}

	// What cosign signs, we verify: its signature has the same statement as ours.
	b, _ := pair(t, "same", "same")
	repo := serve(t, registry.WithReferrersSupport(true))
	image := push(t, b.A.Layout, repo)
	_, err = c.run(t, "sign", "--key", "cosign.key", "--yes", "--use-signing-config=false", "--tlog-upload=false",
		"--allow-http-registry", image.String())
	check(t, err)
	idx := must[v1.ImageIndex](t)(remote.Referrers(image))
	list := must[*v1.IndexManifest](t)(idx.IndexManifest())
	if len(list.Manifests) != 1 {
		t.Fatalf("%d referrers", len(list.Manifests))
	}
	got := must[*remote.Descriptor](t)(remote.Get(repo.Digest(list.Manifests[0].Digest.String())))
	var m ocispec.Manifest
	check(t, json.Unmarshal(got.Manifest, &m))
	layer := must[v1.Layer](t)(remote.Layer(repo.Digest(m.Layers[0].Digest.String())))
	blob := must[io.ReadCloser](t)(layer.Compressed())
	defer blob.Close()
	bundle := must[[]byte](t)(io.ReadAll(io.LimitReader(blob, sign.MaxBundle)))
	v, err := pub.Verify(bundle, b.A.Image.Digest)
	check(t, err)
	ours := must[[]byte](t)(evidence.Signature(b.A.Image.Digest))
	if signed, err := evidence.ParseSignature(v.Statement); err != nil || signed != b.A.Image.Digest {
		t.Errorf("cosign's statement %s, ours %s: %v", v.Statement, ours, err)
	}
	if _, err := key(t, 0).Public().Verify(bundle, b.A.Image.Digest); err == nil {
		t.Error("another key verifies it")
	}
}
