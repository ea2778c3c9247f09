package interop

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/release/releasetest"
	"gitlab.com/tailsbuild/tailsbuild/internal/transfer"
)

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		check(t, err)
		return v
	}
}

func noise(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// layout makes a layout whose image has layers, with one artifact for each of
// attached.
func layout(t *testing.T, layers [][]byte, attached ...string) *transfer.Image {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "layout")
	w := must[*oci.Writer](t)(oci.Create(dir))
	add := func(mediaType string, b []byte) ocispec.Descriptor {
		return must[ocispec.Descriptor](t)(w.AddBytes(mediaType, b))
	}
	manifest := func(m ocispec.Manifest) ocispec.Descriptor {
		m.Versioned, m.MediaType = specs.Versioned{SchemaVersion: 2}, ocispec.MediaTypeImageManifest
		return add(m.MediaType, must[[]byte](t)(json.Marshal(m)))
	}
	m := ocispec.Manifest{Config: add(ocispec.MediaTypeImageConfig, []byte(`{"architecture":"amd64","os":"linux"}`))}
	for _, l := range layers {
		m.Layers = append(m.Layers, add(ocispec.MediaTypeImageLayerGzip, l))
	}
	image := manifest(m)
	index := []ocispec.Descriptor{image}
	for _, a := range attached {
		index = append(index, manifest(ocispec.Manifest{
			ArtifactType: "application/x-vote", Subject: &image,
			Config: add(ocispec.MediaTypeEmptyJSON, []byte("{}")), Layers: []ocispec.Descriptor{add("text/plain", []byte(a))},
		}))
	}
	check(t, w.Commit(index))
	f := must[*transfer.Folder](t)(transfer.OpenFolder(dir))
	t.Cleanup(func() { f.Close() })
	return must[*transfer.Image](t)(f.Image())
}

func reference(t *testing.T, s string) registry.Reference {
	t.Helper()
	return must[registry.Reference](t)(registry.ParseReference(s))
}

// TestTogether: sixteen who attach to one image at the same time lose nothing, in a
// registry that has no referrers API and no way to change a tag only if it is still
// what was read.
func TestTogether(t *testing.T) {
	setup(t)
	const writers = 16
	repo := distribution(t) + "/tails/mqtt"
	layers := [][]byte{noise(1, 100<<10)}
	start, errs := make(chan struct{}), make(chan error, writers)
	for i := range writers {
		image, ref := layout(t, layers, fmt.Sprint("vote ", i)), reference(t, fmt.Sprintf("%s:by-%d", repo, i))
		go func() {
			<-start
			_, err := image.ToRegistry(ctx, ref, transfer.Options{})
			errs <- err
		}()
	}
	close(start)
	for range writers {
		check(t, <-errs)
	}
	m := must[*transfer.Moved](t)(transfer.Pull(ctx, reference(t, repo+":by-0"), "", filepath.Join(t.TempDir(), "x"), transfer.Options{}))
	if m.Attached != writers || len(m.Problems) != 0 {
		t.Errorf("%d of %d are there; %v", m.Attached, writers, m.Problems)
	}
}

// TestMount: what a registry has in one repository isn't sent to another.
func TestMount(t *testing.T) {
	setup(t)
	host := distribution(t)
	places := transfer.OpenPlaces(filepath.Join(t.TempDir(), "places.json"))
	base := noise(1, 1<<20)
	opts := transfer.Options{Places: places}
	must[*transfer.Pushed](t)(layout(t, [][]byte{base, noise(2, 300<<10)}).ToRegistry(ctx, reference(t, host+"/tails/one:1"), opts))
	two := must[*transfer.Pushed](t)(layout(t, [][]byte{base, noise(3, 300<<10)}).ToRegistry(ctx, reference(t, host+"/tails/two:1"), opts))
	if two.Mounted != 1<<20 || two.Sent > 310<<10 {
		t.Errorf("pushed %+v", two)
	}
	r := must[*transfer.Repository](t)(transfer.OpenReference(ctx, reference(t, host+"/tails/two:1"), "", opts))
	defer r.Close()
	three := must[*transfer.Pushed](t)(r.Image.ToRegistry(ctx, reference(t, host+"/elsewhere/three:1"), transfer.Options{}))
	if three.Sent != 0 || three.Mounted != three.Size {
		t.Errorf("copied %+v", three)
	}
	// A hint that leads nowhere does no harm.
	for _, s := range []string{"/gone/a:1", "/gone/b:1"} {
		must[*transfer.Pushed](t)(layout(t, [][]byte{noise(4, 200<<10)}).ToRegistry(ctx, reference(t, host+s), opts))
	}
	other := distribution(t)
	must[*transfer.Pushed](t)(layout(t, [][]byte{base}).ToRegistry(ctx, reference(t, other+"/tails/one:1"), opts))
}

// cutting lets a registry get the first bytes of uploads alone, a few times.
type cutting struct {
	http.Handler
	mu    sync.Mutex
	left  int
	sent  int64
	cutAt int64
}

func (c *cutting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPatch {
		c.mu.Lock()
		cut := c.left > 0
		c.left--
		c.mu.Unlock()
		r.Body = &cutBody{r.Body, c, cut, 0}
	}
	c.Handler.ServeHTTP(w, r)
}

type cutBody struct {
	io.ReadCloser
	c   *cutting
	cut bool
	n   int64
}

func (b *cutBody) Read(p []byte) (int, error) {
	if b.cut && b.n >= b.c.cutAt {
		return 0, errors.New("the connection broke")
	}
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	b.c.mu.Lock()
	b.c.sent += int64(n)
	b.c.mu.Unlock()
	return n, err
}

// TestResume: an upload that breaks off goes on where the registry is.
func TestResume(t *testing.T) {
	setup(t)
	var c *cutting
	host := distributionBehind(t, func(h http.Handler) http.Handler {
		c = &cutting{Handler: h, left: 3, cutAt: 2 << 20}
		return c
	})
	const size = 12 << 20
	p := must[*transfer.Pushed](t)(layout(t, [][]byte{noise(1, size)}).ToRegistry(ctx, reference(t, host+"/tails/mqtt:1"), transfer.Options{}))
	if c.left >= 0 || c.sent > size+size/4 {
		t.Errorf("%d breaks left, %d bytes sent for %d; %+v", c.left, c.sent, size, p)
	}
}

// TestEverywhere: a whole release from a folder to the CNCF's registry, from there to
// another, into a folder, a file, and out of that again.
func TestEverywhere(t *testing.T) {
	setup(t)
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	host, mirror, work := distribution(t), distribution(t), t.TempDir()
	in := func(name string) string { return filepath.Join(work, name) }
	keys := newKeys(t)
	dir := in("mqtt")
	must[*release.Release](t)(releasetest.Release(ctx, dir, "good", keys.open(t)))
	ref, copied := host+"/tails/mqtt:2.7.9-r1", mirror+"/tails/mqtt:2.7.9-r1"
	tailsbuild(t, 0, "push", dir, ref, "--key", keys.private)
	tailsbuild(t, 0, "copy", ref, copied)
	tailsbuild(t, 0, "pull", copied, "--key", keys.public, "--output", in("pulled"))
	tailsbuild(t, 0, "export", copied, in("mqtt.tar"))
	tailsbuild(t, 0, "import", in("mqtt.tar"), in("imported"))
	tailsbuild(t, 0, "import", in("mqtt.tar"), mirror+"/again")
	for _, where := range []string{copied, in("pulled"), in("imported/mqtt-2.7.9-r1"), mirror + "/again/mqtt:2.7.9-r1"} {
		got := tailsbuild(t, 0, "verify", where, "--key", keys.public)
		want := strings.ReplaceAll(tailsbuild(t, 0, "verify", dir, "--key", keys.public), dir, where)
		if got != want {
			t.Errorf("%s:\n%s\nwant\n%s", where, got, want)
		}
	}
	// The signature for podman names the first registry, and goes back there alone.
	p := newPodman(t, host, keys.public, "", true)
	check(t, p.allows(t, ref))
	if err := newPodman(t, mirror, keys.public, "", true).allows(t, copied); err == nil || !strings.Contains(err.Error(), "no signature exists") {
		t.Errorf("got %v", err)
	}
}
