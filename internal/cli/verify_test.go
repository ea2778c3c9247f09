package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/release/releasetest"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// A published is a signed release in a folder and in a registry.
type published struct {
	dir, key, other string // files
	// repo is HOST/REPOSITORY, tag and digest the image in it, unsigned another.
	repo, tag, digest, unsigned string
	server                      *httptest.Server
	handler                     http.Handler
	// before may answer in the registry's place.
	before func(w http.ResponseWriter, r *http.Request) bool
}

func publish(t *testing.T) *published {
	t.Helper()
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	p := &published{handler: registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0)))}
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.before == nil || !p.before(w, r) {
			p.handler.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(p.server.Close)
	p.repo = strings.TrimPrefix(p.server.URL, "http://") + "/tails/mqtt"
	dir := t.TempDir()
	p.dir, p.key, p.other = filepath.Join(dir, "mqtt"), filepath.Join(dir, "my.pub"), filepath.Join(dir, "other.pub")
	key, other := must[*sign.Key](t)(releasetest.Key()), must[*sign.Key](t)(releasetest.Key())
	for path, k := range map[string]*sign.Key{p.key: key, p.other: other} {
		if err := os.WriteFile(path, k.Public().PEM(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, err := releasetest.Release(context.Background(), p.dir, "good", key)
	if err == nil {
		_, err = releasetest.Release(context.Background(), p.dir+"-unsigned", "other", nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	p.tag, p.unsigned = p.repo+":2.7.9-r1", p.repo+":unsigned"
	p.digest = p.repo + "@" + push(t, p.dir, p.tag)
	push(t, p.dir+"-unsigned", p.unsigned)
	return p
}

// raw is a manifest as it is.
type raw []byte

func (r raw) RawManifest() ([]byte, error)      { return r, nil }
func (raw) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }

// push copies a release to a registry, byte for byte, and returns the image's digest.
func push(t *testing.T, dir, to string) string {
	t.Helper()
	tag := must[name.Tag](t)(name.NewTag(to))
	l := must[*oci.Layout](t)(oci.OpenLayout(dir))
	defer l.Close()
	image := ""
	for i, desc := range must[[]ocispec.Descriptor](t)(l.Images()) {
		m, body, err := l.ReadManifest(desc)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range append([]ocispec.Descriptor{m.Config}, m.Layers...) {
			blob := must[[]byte](t)(l.ReadBlob(d, 64<<20))
			if err := remote.WriteLayer(tag.Repository, static.NewLayer(blob, types.MediaType(d.MediaType))); err != nil {
				t.Fatal(err)
			}
		}
		h, _, _ := v1.SHA256(bytes.NewReader(body))
		if err := remote.Put(tag.Digest(h.String()), raw(body)); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			image = h.String()
			if err := remote.Put(tag, raw(body)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return image
}

// TestVerifyReference: a reference is verified as a folder is.
func TestVerifyReference(t *testing.T) {
	p := publish(t)
	code, folder, stderr := run("verify", p.dir, "--key", p.key)
	if code != exitOK {
		t.Fatal(stderr)
	}
	for _, ref := range []string{p.tag, "oci:" + p.tag, p.digest} {
		code, stdout, stderr := run("verify", ref, "--key", p.key)
		called := strings.TrimPrefix(ref, "oci:")
		if want := strings.ReplaceAll(folder, p.dir, called); code != exitOK || stdout != want || stderr != "" {
			t.Errorf("%s: %d, %s\n%s\nwant\n%s", ref, code, stderr, stdout, want)
		}
	}
	// A folder of the same name comes first.
	t.Chdir(t.TempDir())
	if err := os.MkdirAll(filepath.Dir(p.tag), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(p.dir+"-unsigned", p.tag); err != nil {
		t.Fatal(err)
	}
	if code, stdout, _ := run("verify", p.tag, "--key", p.key); code != exitRefused {
		t.Errorf("the folder was not read: %d, %s", code, stdout)
	}
	if code, _, stderr := run("verify", "oci:"+p.tag, "--key", p.key); code != exitOK {
		t.Errorf("the registry was not read: %d, %s", code, stderr)
	}

	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1") // nobody else is to be asked
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"other key":  {[]string{p.digest, "--key", p.other}, exitRefused, "release " + p.digest + ": no signature of the image by this key"},
		"unsigned":   {[]string{p.unsigned, "--key", p.key}, exitRefused, "is not signed"},
		"nothing":    {[]string{p.repo + ":none", "--key", p.key}, exitOther, "hint: check the name"},
		"no tag":     {[]string{p.repo, "--key", p.key}, exitUsage, "hint: write HOST/REPOSITORY:TAG"},
		"no server":  {[]string{"127.0.0.1:1/tails/mqtt:1", "--key", p.key}, exitOther, "error: 127.0.0.1:1/tails/mqtt:1: 127.0.0.1:1: "},
		"no folder":  {[]string{"dist/mqtt", "--key", p.key}, exitOther, "no such file"},
		"platform":   {[]string{p.dir, "--key", p.key, "--platform", "linux/arm64"}, exitUsage, "--platform is for references"},
		"escapes":    {[]string{"oci:x\x1b]0;y", "--key", p.key}, exitUsage, `\x1b`},
		"plain HTTP": {[]string{"oci:10.255.255.1/x/y:1", "--key", p.key}, exitRefused, "plain HTTP is only for registries on this machine"},
	} {
		code, stdout, stderr := run(append([]string{"verify"}, c.args...)...)
		if code != c.code || code == exitOK || stdout != "" || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: %d, %s%s", name, code, stdout, stderr)
		}
		if strings.Contains(stderr, "\x1b") {
			t.Errorf("%s: %q", name, stderr)
		}
	}
	left := must[[]string](t)(filepath.Glob(filepath.Join(os.TempDir(), "tailsbuild-*", "release")))
	if len(left) != 0 {
		t.Errorf("%q was left", left)
	}
}

// TestVerifyReferenceProblems: what a registry has beside the release is said, not
// obeyed, and there is an end to it.
func TestVerifyReferenceProblems(t *testing.T) {
	p := publish(t)
	image := must[name.Digest](t)(name.NewDigest(p.digest))
	subject := must[*remote.Descriptor](t)(remote.Get(image))
	for i := range 12 {
		m := map[string]any{
			"schemaVersion": 2, "mediaType": ocispec.MediaTypeImageManifest, "artifactType": "text/\x1b[2J",
			"config": ocispec.DescriptorEmptyJSON, "layers": []any{}, "annotations": map[string]string{"n": strings.Repeat("x", i)},
			"subject": map[string]any{"mediaType": subject.MediaType, "digest": image.DigestStr(), "size": subject.Size},
		}
		body := must[[]byte](t)(json.Marshal(m))
		h, _, _ := v1.SHA256(bytes.NewReader(body))
		if err := remote.Put(image.Context().Digest(h.String()), raw(body)); err != nil {
			t.Fatal(err)
		}
	}
	code, stdout, stderr := run("verify", p.tag, "--key", p.key)
	if code != exitOK || strings.Count(stdout, "ignored") != shownProblems || !strings.Contains(stdout, "and 2 more") || strings.Contains(stdout, "\x1b") {
		t.Errorf("%d, %s\n%s", code, stderr, stdout)
	}
	// Of a release that is refused they are the reason, perhaps.
	p.before = func(w http.ResponseWriter, r *http.Request) bool {
		return strings.Contains(r.URL.Path, "/blobs/") && strings.Contains(r.Header.Get("User-Agent"), "tailsbuild") && spoiled(p, w, r)
	}
	code, stdout, stderr = run("verify", p.tag, "--key", p.key)
	if code != exitRefused || stdout != "" || !strings.Contains(stderr, "is not signed") ||
		strings.Count(stderr, "warning: ignored sha256:") != shownProblems || strings.Contains(stderr, "\x1b") {
		t.Errorf("%d, %s\n%s", code, stdout, stderr)
	}
}

// spoiled answers with the bytes that the registry has, one of them another, if
// they are a bundle.
func spoiled(p *published, w http.ResponseWriter, r *http.Request) bool {
	got := httptest.NewRecorder()
	p.handler.ServeHTTP(got, r)
	body := got.Body.Bytes()
	if !bytes.Contains(body, []byte("dsseEnvelope")) {
		return false
	}
	body[len(body)/2] ^= 1
	_, _ = w.Write(body)
	return true
}

// TestVerifyReferenceByPolicy: a release in a registry is judged as what it was asked
// for.
func TestVerifyReferenceByPolicy(t *testing.T) {
	p := publish(t)
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	ours, others := policyOf(t, p.repo, p.key), policyOf(t, p.repo, p.other)
	elsewhere := policyOf(t, "registry.example/tails/mqtt", p.key)
	for name, c := range map[string]struct {
		args []string
		code int
		want string // on stdout or stderr
	}{
		"by tag":      {[]string{p.tag, "--policy", ours}, exitOK, p.tag + " is trusted\n"},
		"by digest":   {[]string{p.digest, "--policy", ours}, exitOK, p.digest + " is trusted\n"},
		"two":         {[]string{p.tag, p.unsigned, "--policy", ours}, exitRefused, "1 of 2 releases are not trusted"},
		"unsigned":    {[]string{p.unsigned, "--policy", ours}, exitRefused, "is refused\n"},
		"of others":   {[]string{p.tag, "--policy", others}, exitRefused, "is refused\n"},
		"no scope":    {[]string{p.tag, "--policy", elsewhere}, exitRefused, "is refused\n"},
		"offline":     {[]string{p.tag, "--policy", ours, "--offline"}, exitUsage, "--offline asks no registry"},
		"other name":  {[]string{p.tag, "--policy", ours, "--reference", "x:1"}, exitUsage, "--reference is for one release"},
		"no platform": {[]string{p.dir, "--policy", ours, "--platform", "linux/amd64"}, exitUsage, "--platform is for references"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run(append([]string{"verify"}, c.args...)...)
			if code != c.code || !strings.Contains(stdout+stderr, c.want) {
				t.Errorf("exit %d, want %d and %q\n%s%s", code, c.code, c.want, stdout, stderr)
			}
		})
	}
}
