package registry

import (
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestMain(m *testing.M) {
	if os.Getenv("TAILSBUILD_TEST_FETCH") != "" {
		os.Exit(fetchChild())
	}
	// The user's own logins have no place in tests.
	dir, err := os.MkdirTemp("", "docker-config-")
	if err != nil {
		panic(err)
	}
	os.Setenv("DOCKER_CONFIG", dir)
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func TestFetch(t *testing.T) {
	f := newFake(t)
	image := f.image("layer")
	f.listed = []ocispec.Descriptor{f.bundle(image, "one")}
	f.put(index(t, f.bundle(image, "two"), f.listed[0]), tagOf(image))

	for name, of := range map[string]string{"tag": ":1-r0", "digest": "@" + image.Digest.String(), "both": ":other@" + image.Digest.String()} {
		t.Run(name, func(t *testing.T) {
			g, err := f.fetch(of, options())
			check(t, err)
			g.wantBundles(t, "one", "two")
			if g.Image.Digest != image.Digest || g.Target.Digest != image.Digest || g.Artifacts != 2 || len(g.Problems) != 0 {
				t.Errorf("got %+v", g.Fetched)
			}
			m, _, err := g.layout.ReadManifest(image)
			check(t, err)
			for _, desc := range append(m.Layers, m.Config) {
				must[[]byte](t)(g.layout.ReadBlob(desc, 1<<20))
			}
		})
	}
	// Without layers they aren't asked for.
	f.asked = nil
	opts := options()
	opts.Layers = false
	g, err := f.fetch(":1-r0", opts)
	check(t, err)
	g.wantBundles(t, "one", "two")
	if n := f.count(digest.FromString("layer").String()); n != 0 {
		t.Errorf("the layer was asked for %d times", n)
	}
	if n := f.count("manifests/1-r0"); n != 1 {
		t.Errorf("the tag was asked for %d times", n)
	}
}

// TestConnections: several Opens use one connection, whatever the registry answers.
func TestConnections(t *testing.T) {
	f := newFake(t)
	image := f.image("layer")
	f.put(index(t, f.bundle(image, "one")), tagOf(image)) // and no referrers API
	from := map[string]bool{}
	f.before = func(_ http.ResponseWriter, r *http.Request) bool {
		from[r.RemoteAddr] = true
		return false
	}
	opts := options()
	opts.Connections = &Connections{}
	t.Cleanup(opts.Connections.Close)
	for range 3 {
		g, err := f.fetch(":1-r0", opts)
		check(t, err)
		g.wantBundles(t, "one")
	}
	if len(from) != 1 {
		t.Errorf("%d connections, want 1", len(from))
	}
}

func tagOf(d ocispec.Descriptor) string { return strings.Replace(d.Digest.String(), ":", "-", 1) }

func TestIndex(t *testing.T) {
	f := newFake(t)
	image := f.image("layer")
	f.listed = []ocispec.Descriptor{f.bundle(image, "one")}
	amd, arm := image, f.put(f.manifest(ocispec.Manifest{
		Config: f.blob(ocispec.MediaTypeImageConfig, `{"architecture":"arm64","os":"linux"}`),
	}))
	amd.Platform = &ocispec.Platform{OS: "linux", Architecture: "amd64"}
	arm.Platform = &ocispec.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}
	target := f.put(index(t, arm, amd), "1-r0")

	dir := t.TempDir() + "/release"
	got, err := Fetch(ctx, f.ref(":1-r0"), "linux/amd64", dir, options())
	check(t, err)
	if got.Target.Digest != target.Digest || got.Image.Digest != image.Digest || got.Artifacts != 1 {
		t.Errorf("got %+v", got)
	}
	var platform *PlatformError
	if _, err := Fetch(ctx, f.ref(":1-r0"), "linux/s390x", dir, options()); !errors.As(err, &platform) || len(platform.Has) != 2 {
		t.Errorf("got %v", err)
	}
	f.put(index(t, amd, amd), "twice")
	if _, err := Fetch(ctx, f.ref(":twice"), "linux/amd64", dir, options()); !errors.As(err, &platform) {
		t.Errorf("one platform twice: %v", err)
	}
	// The index lies about the size, or names another index.
	lie := amd
	lie.Size++
	f.put(index(t, lie), "lie")
	nested := target
	nested.Platform = amd.Platform
	f.put(index(t, nested), "nested")
	for _, tag := range []string{":lie", ":nested"} {
		if _, err := Fetch(ctx, f.ref(tag), "linux/amd64", dir, options()); err == nil || !strings.Contains(err.Error(), "not the image that its index describes") {
			t.Errorf("%s: %v", tag, err)
		}
	}
}

func TestReferences(t *testing.T) {
	for s, want := range map[string]string{
		"registry.example/tails/mqtt:1-r0":                          "registry.example/tails/mqtt:1-r0",
		"oci:registry.example/tails/mqtt:1-r0":                      "registry.example/tails/mqtt:1-r0",
		"localhost:5000/mqtt:1":                                     "localhost:5000/mqtt:1",
		"registry.example/mqtt:1@sha256:" + strings.Repeat("a", 64): "registry.example/mqtt@sha256:" + strings.Repeat("a", 64),
	} {
		ref, err := ParseReference(s)
		if err != nil || ref.String() != want || !LooksLike(s) {
			t.Errorf("%s: %s, %v", s, ref, err)
		}
	}
	var bad *ReferenceError
	for _, s := range []string{
		"", "oci:", "mqtt", "registry.example/mqtt", "registry.example/mqtt:", "registry.example/MQTT:1",
		"registry.example/mqtt@sha256:abc", "registry.example/mqtt@sha512:" + strings.Repeat("a", 128),
		"registry.example/../x:1", "https://registry.example/mqtt:1", "registry.example/mqtt:1\x1b[2J", "user:pw@registry.example/mqtt:1",
	} {
		if ref, err := ParseReference(s); !errors.As(err, &bad) {
			t.Errorf("%q: %v, %v", s, ref, err)
		}
	}
	for _, s := range []string{"dist/mqtt", "./dist.d/mqtt", "../x.y/z", "/tmp/a.b/c", "mqtt", "a.b"} {
		if LooksLike(s) {
			t.Errorf("%s is taken for a reference", s)
		}
	}
}

func TestStatuses(t *testing.T) {
	f := newFake(t)
	image := f.image("layer")
	f.listed = []ocispec.Descriptor{f.bundle(image, "one")}
	for _, code := range []int{408, 429, 500, 502, 503, 504} {
		left := 2
		f.before = func(w http.ResponseWriter, _ *http.Request) bool {
			if left--; left >= 0 {
				w.Header().Set("Retry-After", "0")
				w.WriteHeader(code)
				return true
			}
			return false
		}
		if _, err := f.fetch(":1-r0", options()); err != nil {
			t.Errorf("two times %d: %v", code, err)
		}
	}
	for _, code := range []int{401, 403, 404, 418, 429, 500, 503} {
		f.asked = nil
		f.before = func(w http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, "/manifests/") {
				w.WriteHeader(code)
				return true
			}
			return false
		}
		var status *StatusError
		if _, err := f.fetch(":1-r0", options()); !errors.As(err, &status) || status.Code != code {
			t.Errorf("always %d: %v", code, err)
		}
		if n := f.count("/manifests/"); n > maxTries {
			t.Errorf("%d: tried %d times", code, n)
		}
	}
	// Lists: what a registry doesn't have is no problem, what it doesn't give is.
	for code, fine := range map[int]bool{400: true, 404: true, 405: true, 501: true, 401: false, 403: false, 500: false} {
		f.before = func(w http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, "/referrers/") {
				w.WriteHeader(code)
				return true
			}
			return false
		}
		if _, err := f.fetch(":1-r0", options()); (err == nil) != fine {
			t.Errorf("no referrers, %d: %v", code, err)
		}
	}
}

// FuzzReference: what is a reference is written one way, and names nothing else.
func FuzzReference(f *testing.F) {
	for _, s := range []string{
		"registry.example/tails/mqtt:1-r0", "oci:localhost:5000/a:b", "[::1]:5000/a:b", "a.b/c@sha256:" + strings.Repeat("a", 64),
		"a.b/../c:1", "a.b/c:1@sha256:x", "//:@", "a.b/c:\x00",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := ParseReference(s)
		if err != nil {
			return
		}
		again, err := ParseReference(ref.String())
		if err != nil || again.String() != ref.String() || (ref.Tag() == "") == (ref.Digest() == "") {
			t.Errorf("%q: %s, then %s, %v", s, ref, again, err)
		}
		if strings.ContainsAny(ref.String(), "\x00\x1b\n ") || strings.Contains(ref.Repository(), "..") && !strings.Contains(ref.ref.Context().RegistryStr(), "..") {
			t.Errorf("%q: %q", s, ref)
		}
	})
}

// FuzzManifest: whatever bytes and header a registry sends, what is taken is one
// thing alone.
func FuzzManifest(f *testing.F) {
	f.Add(ocispec.MediaTypeImageManifest, []byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{},"layers":[]}`))
	f.Add(ocispec.MediaTypeImageIndex, []byte(`{"schemaVersion":2,"manifests":[]}`))
	f.Add("a/b; c", []byte(`{"mediaType":1}`))
	f.Fuzz(func(t *testing.T, sent string, body []byte) {
		header := http.Header{"Content-Type": {sent}}
		got, err := agreedType("x", header, body)
		if err == nil && sent != "" && got != "" && !strings.HasPrefix(strings.ToLower(strings.TrimSpace(sent)), got) {
			t.Errorf("%q and %q are %q", sent, body, got)
		}
		fetch := &fetch{}
		header.Set("Link", sent)
		if next, err := fetch.next(header, "https://registry.example/v2/x"); err == nil && next != "" && !strings.HasPrefix(next, "https://registry.example/v2/x?") {
			t.Errorf("Link %q leads to %q", sent, next)
		}
	})
}
