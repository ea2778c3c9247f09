package engine

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/programtest"
)

// unavailable skips the test, or fails it where nothing may be skipped.
func unavailable(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("TAILSBUILD_REQUIRE_ALL") != "" || os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

var sum = digest.FromString("x")

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in   string
		want reference
	}{
		{"r.example/a:1", reference{name: "r.example/a", tag: "1"}},
		{"r.example:5000/a/b-c:1.2_x", reference{name: "r.example:5000/a/b-c", tag: "1.2_x"}},
		{"localhost/a:1", reference{name: "localhost/a", tag: "1"}},
		{"registry:5000/a@" + sum.String(), reference{name: "registry:5000/a", digest: sum}},
		{"r.example/a:1@" + sum.String(), reference{name: "r.example/a", tag: "1", digest: sum}},
	} {
		got, err := parse(c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
		}
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(reference{})); diff != "" {
			t.Errorf("%s: -want +got:\n%s", c.in, diff)
		}
	}
	for _, s := range []string{
		"", "mqtt", "mqtt:1", "tails/mqtt:1", "r.example/a", "r.example/:1", "r.example/A:1", "R.example/a:1", "r.example/a:",
		"r.example/a@sha256:1", "r.example/a:1@", "r.example/a:1@sha512:" + strings.Repeat("0", 128), "--help/a:1", "-r.example/a:1",
		"r.example/a:1 --x", "r.example//a:1", "r.example/a:1\n", "oci:/tmp/x:1", "docker://r.example/a:1", "r.example/../a:1", "[::1]:5/a:1",
	} {
		_, err := parse(s)
		var want *ReferenceError
		if !errors.As(err, &want) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestArguments(t *testing.T) {
	for _, c := range []struct{ engine, ref, want string }{
		{Podman, "r.example/a:1", "pull --quiet r.example/a@" + sum.String()},
		{Docker, "r.example/a:1", "pull --quiet r.example/a@" + sum.String()},
		{Docker, "127.0.0.1:5000/a:1", "pull --quiet 127.0.0.1:5000/a@" + sum.String()},
		{Podman, "127.0.0.1:5000/a:1", "pull --quiet --tls-verify=false 127.0.0.1:5000/a@" + sum.String()},
		{Podman, "localhost/a:1", "pull --quiet --tls-verify=false localhost/a@" + sum.String()},
		{Podman, "127.0.0.1.example:5000/a:1", "pull --quiet 127.0.0.1.example:5000/a@" + sum.String()},
		{Podman, "10.0.0.1:5000/a:1", "pull --quiet 10.0.0.1:5000/a@" + sum.String()},
	} {
		ref, err := parse(c.ref)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join((&Engine{Name: c.engine}).pullArgs(ref, sum), " "); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.engine, c.ref, got, c.want)
		}
	}
}

// TestNotVerified: the engine isn't run. There is none to run.
func TestNotVerified(t *testing.T) {
	e := &Engine{Name: Podman, Path: "/nonexistent"}
	refused := errors.New("refused")
	for name, c := range map[string]struct {
		ref    string
		digest digest.Digest
		err    error
		want   any
	}{
		"refused":             {"r.example/a:1", sum, refused, &refused},
		"no digest":           {"r.example/a:1", "", nil, new(*DigestError)},
		"no sha256":           {"r.example/a:1", digest.SHA512.FromString("x"), nil, new(*DigestError)},
		"wrong digest":        {"r.example/a:1", "sha256:1 --help", nil, new(*DigestError)},
		"another image":       {"r.example/a@" + digest.FromString("y").String(), sum, nil, new(*DigestError)},
		"not a reference":     {"--help", sum, nil, new(*ReferenceError)},
		"verified, no engine": {"r.example/a:1", sum, nil, new(*CommandError)},
	} {
		p, err := e.Pull(context.Background(), c.ref, func(context.Context, string) (digest.Digest, error) { return c.digest, c.err })
		if p != nil || !errors.As(err, c.want) {
			t.Errorf("%s: %v, %v", name, p, err)
		}
		if c.err != nil && !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", name, err, c.err)
		}
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	var missing *UnavailableError
	if _, err := Find(""); !errors.As(err, &missing) || err.Error() != "podman or docker: not found in PATH" {
		t.Errorf("none: %v", err)
	}
	for _, program := range []string{Docker, Podman} {
		if err := os.WriteFile(filepath.Join(dir, program), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if e, err := Find(""); err != nil || e.Name != program || e.Path != filepath.Join(dir, program) {
			t.Errorf("%s: %v, %v", program, e, err)
		}
	}
	if err := errors.Join(os.Remove(filepath.Join(dir, Docker)), os.Symlink(Podman, filepath.Join(dir, Docker))); err != nil {
		t.Fatal(err)
	}
	if e, err := Find(Docker); err == nil {
		t.Errorf("podman by docker's name: %v", e)
	}
}

func TestTail(t *testing.T) {
	var b tail
	for _, n := range []int{10, maxOutput - 5, 3 * maxOutput, 7} {
		if got, err := b.Write([]byte(strings.Repeat("x", n))); got != n || err != nil || b.Len() > maxOutput {
			t.Errorf("%d bytes: %d, %v; %d are kept", n, got, err, b.Len())
		}
	}
}

// TestPodman pulls with the real podman, into storage of its own.
func TestPodman(t *testing.T) {
	e, err := Find(Podman)
	if err != nil {
		unavailable(t, "%v: apt-get install podman", err)
	}
	if os.Geteuid() != 0 {
		unavailable(t, "podman's storage in a temporary folder needs root")
	}
	storage := t.TempDir()
	config := filepath.Join(storage, "storage.conf")
	text := "[storage]\ndriver = \"vfs\"\ngraphroot = \"" + storage + "/graph\"\nrunroot = \"" + storage + "/run\"\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	e.Env = append(e.Env, "CONTAINERS_STORAGE_CONF="+config)
	pull(t, e, "{{.Digest}}")
}

// TestDocker pulls with the real docker, whose daemon is the test's own.
func TestDocker(t *testing.T) {
	e, err := Find(Docker)
	if err != nil {
		unavailable(t, "%v: apt-get install docker.io", err)
	}
	if os.Geteuid() != 0 {
		unavailable(t, "docker's daemon needs root")
	}
	d, err := programtest.StartDocker(context.Background(), t.TempDir())
	if err != nil {
		unavailable(t, "%v", err)
	}
	defer d.Stop()
	e.Env = append(e.Env, "DOCKER_HOST="+d.Host)
	pull(t, e, "{{index .RepoDigests 0}}")
}

// A moving is a registry whose tag 1 becomes another image's.
type moving struct {
	t       *testing.T
	repo    string
	handler http.Handler
	mu      sync.Mutex
	asked   []string
}

func (m *moving) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	m.asked = append(m.asked, r.URL.Path)
	m.mu.Unlock()
	m.handler.ServeHTTP(w, r)
}

func newMoving(t *testing.T) *moving {
	t.Helper()
	m := &moving{t: t, handler: registry.New(registry.Logger(log.New(io.Discard, "", 0)))}
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	m.repo = strings.TrimPrefix(server.URL, "http://") + "/tails/mqtt"
	return m
}

// push gives the tag 1 to another image, and returns its digest.
func (m *moving) push() digest.Digest {
	m.t.Helper()
	img, err := random.Image(256, 1)
	if err != nil {
		m.t.Fatal(err)
	}
	ref, err := name.ParseReference(m.repo + ":1")
	if err != nil {
		m.t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		m.t.Fatal(err)
	}
	h, err := img.Digest()
	if err != nil {
		m.t.Fatal(err)
	}
	return digest.Digest(h.String())
}

// pull has e pull what was verified, which format shows the digest of.
func pull(t *testing.T, e *Engine, format string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	m := newMoving(t)
	repo, good := m.repo, m.push()
	p, err := e.Pull(ctx, repo+":1", func(context.Context, string) (digest.Digest, error) {
		m.push()
		m.mu.Lock()
		defer m.mu.Unlock()
		m.asked = nil
		return good, nil
	})
	var c *CommandError
	if inChroot(t) {
		if !errors.As(err, &c) || !strings.Contains(string(c.Log), "remount /") {
			t.Fatalf("%s can't unpack in a chroot, and says %v", e.Name, err)
		}
		return
	}
	if err != nil {
		if errors.As(err, &c) {
			t.Logf("%s", c.Log)
		}
		t.Fatal(err)
	}
	if p.Digest != good || p.Image != repo+"@"+good.String() || p.Tag != repo+":1" || p.Engine != e.Name {
		t.Errorf("pulled %+v", p)
	}
	m.mu.Lock()
	if slices.ContainsFunc(m.asked, func(path string) bool { return strings.HasSuffix(path, "/manifests/1") }) {
		t.Errorf("the tag was asked for again: %q", m.asked)
	}
	m.mu.Unlock()
	out, err := e.run(ctx, "image", "inspect", "--format", format, p.Tag)
	if err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), good.String()) {
		t.Errorf("the tag is %s, want %s: %v", out, good, err)
	}

	gone := digest.FromString("nothing")
	p, err = e.Pull(ctx, repo+":2", func(context.Context, string) (digest.Digest, error) { return gone, nil })
	if p != nil || !errors.As(err, &c) || len(c.Log) == 0 {
		t.Errorf("an image that isn't there: %v, %v", p, err)
	}
	if _, err := e.id(ctx, repo+":2"); err == nil {
		t.Error("a tag was given to what isn't there")
	}
}

// inChroot reports whether / is no mount point, so that no engine can unpack layers.
func inChroot(t *testing.T) bool {
	t.Helper()
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 4 && f[4] == "/" {
			return false
		}
	}
	return true
}
