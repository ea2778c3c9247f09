package transfer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	client "gitlab.com/tailsbuild/tailsbuild/internal/registry"
)

const (
	bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json"
	sealedType = "application/vnd.tailsbuild.inputs.v1"
)

var ctx = context.Background()

func TestMain(m *testing.M) {
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

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		check(t, err)
		return v
	}
}

func noise(seed string, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte([]byte(digest.FromString(seed).Encoded())[:32])).Read(b)
	return b
}

// A writer makes the layouts of tests.
type writer struct {
	t testing.TB
	*oci.Writer
	index []ocispec.Descriptor
}

func (w *writer) blob(mediaType string, b []byte) ocispec.Descriptor {
	w.t.Helper()
	return must[ocispec.Descriptor](w.t)(w.AddBytes(mediaType, b))
}

func (w *writer) manifest(m ocispec.Manifest, name string) ocispec.Descriptor {
	w.t.Helper()
	m.Versioned, m.MediaType = specs.Versioned{SchemaVersion: 2}, ocispec.MediaTypeImageManifest
	desc := w.blob(m.MediaType, must[[]byte](w.t)(json.Marshal(m)))
	listed := desc
	if name != "" {
		listed.Annotations = map[string]string{ocispec.AnnotationRefName: name}
	}
	w.index = append(w.index, listed)
	return desc
}

// attach adds an artifact about subject.
func (w *writer) attach(artifactType string, subject ocispec.Descriptor, layers ...[]byte) ocispec.Descriptor {
	w.t.Helper()
	m := ocispec.Manifest{
		ArtifactType: artifactType, Subject: &subject, Annotations: map[string]string{"n": fmt.Sprint(len(w.index))},
		Config: w.blob(ocispec.MediaTypeEmptyJSON, []byte("{}")),
	}
	for _, l := range layers {
		m.Layers = append(m.Layers, w.blob(artifactType, l))
	}
	return w.manifest(m, "")
}

// image adds an image of two layers, the first of which all images share.
func (w *writer) image(name string) ocispec.Descriptor {
	w.t.Helper()
	return w.manifest(ocispec.Manifest{
		Config: w.blob(ocispec.MediaTypeImageConfig, []byte(`{"architecture":"amd64","os":"linux","name":"`+name+`"}`)),
		Layers: []ocispec.Descriptor{
			w.blob(ocispec.MediaTypeImageLayerGzip, noise("base", 300<<10)),
			w.blob(ocispec.MediaTypeImageLayerGzip, noise(name, 2<<20)),
		},
	}, name)
}

// payload is what a signature of a name signs.
func payload(reference string) []byte {
	return []byte(`{"critical":{"identity":{"docker-reference":"` + reference + `"}},"optional":null}`)
}

// names adds signatures of an image's names.
func (w *writer) names(image ocispec.Descriptor, references ...string) {
	w.t.Helper()
	m := ocispec.Manifest{Config: w.blob(ocispec.MediaTypeImageConfig, []byte(`{"architecture":"","os":"","config":{},"rootfs":{"type":"layers","diff_ids":[]}}`))}
	for _, r := range references {
		layer := w.blob(oci.MediaTypeSimpleSigning, payload(r))
		layer.Annotations = map[string]string{"dev.cosignproject.cosign/signature": "c2ln"}
		m.Layers = append(m.Layers, layer)
	}
	w.manifest(m, client.SignaturesTag(image.Digest))
}

// makeLayout makes a layout by fill, and returns its folder.
func makeLayout(t testing.TB, fill func(*writer)) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "layout")
	w := &writer{t: t, Writer: must[*oci.Writer](t)(oci.Create(dir))}
	fill(w)
	check(t, w.Commit(w.index))
	return dir
}

// makeRelease makes a release with evidence, sealed inputs, somebody else's SBOM, and
// a statement about one of these.
func makeRelease(t testing.TB, name string) string {
	t.Helper()
	return makeLayout(t, func(w *writer) { fillRelease(w, name) })
}

func fillRelease(w *writer, name string) ocispec.Descriptor {
	image := w.image(name)
	first := w.attach(bundleType, image, []byte("one of "+name))
	w.attach(bundleType, image, []byte("two of "+name))
	w.attach("application/x-sbom", image, []byte("somebody else's "+name))
	w.attach(sealedType, image, noise("toolchain", 3<<20), noise("source of "+name, 200<<10), []byte("recipe of "+name))
	w.attach(bundleType, first, []byte("about one of "+name))
	return image
}

func openFolder(t testing.TB, dir string) *Folder {
	t.Helper()
	f := must[*Folder](t)(OpenFolder(dir))
	t.Cleanup(func() { f.Close() })
	return f
}

func imageIn(t testing.TB, dir string) *Image {
	t.Helper()
	return must[*Image](t)(openFolder(t, dir).Image())
}

// contents are the digests in a layout's index, sorted, and the name of its image. All
// of the layout is read.
func contents(t testing.TB, dir string) string {
	t.Helper()
	l := must[*oci.Layout](t)(oci.OpenLayout(dir))
	defer l.Close()
	check(t, l.Check(ctx, nil))
	var all []string
	for _, d := range must[[]ocispec.Descriptor](t)(l.Images()) {
		all = append(all, d.Digest.String())
	}
	slices.Sort(all)
	return imageIn(t, dir).Name + "\n" + strings.Join(all, "\n")
}

// A host is a registry with a look at what is asked of it.
type host struct {
	name string
	mu   sync.Mutex
	// before may answer instead; it reports whether it did.
	before func(w http.ResponseWriter, r *http.Request) bool
	sent   int64 // bytes of uploads
	got    int64 // bytes of blobs
	asked  []string
}

func newHost(t testing.TB, opts ...registry.Option) *host {
	t.Helper()
	h := &host{}
	handler := registry.New(append(opts, registry.Logger(log.New(io.Discard, "", 0)))...)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.asked = append(h.asked, r.Method+" "+r.URL.Path)
		before := h.before
		h.mu.Unlock()
		if before != nil && before(w, r) {
			return
		}
		if strings.Contains(r.URL.Path, "/blobs/uploads/") {
			r.Body = &counter{r.Body, h, &h.sent}
		}
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/sha256:") {
			w = &countingResponse{w, h}
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	h.name = strings.TrimPrefix(s.URL, "http://")
	return h
}

type counter struct {
	io.ReadCloser
	h *host
	n *int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.h.mu.Lock()
	*c.n += int64(n)
	c.h.mu.Unlock()
	return n, err
}

type countingResponse struct {
	http.ResponseWriter
	h *host
}

func (c *countingResponse) Write(p []byte) (int, error) {
	c.h.mu.Lock()
	c.h.got += int64(len(p))
	c.h.mu.Unlock()
	return c.ResponseWriter.Write(p)
}

// moved returns how many bytes of blobs were sent and asked for since the last call.
func (h *host) moved() (sent, got int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	sent, got, h.sent, h.got = h.sent, h.got, 0, 0
	return sent, got
}

func (h *host) intercept(before func(w http.ResponseWriter, r *http.Request) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.before = before
}

func (h *host) ref(t testing.TB, of string) client.Reference {
	t.Helper()
	return must[client.Reference](t)(client.ParseReference(h.name + "/tails/" + of))
}

// put writes a manifest to the registry, around everything.
func put(t testing.TB, ref client.Reference, tag string, body []byte) {
	t.Helper()
	url := "http://" + ref.Host() + "/v2/" + ref.Path() + "/manifests/" + tag
	req := must[*http.Request](t)(http.NewRequest(http.MethodPut, url, bytes.NewReader(body)))
	req.Header.Set("Content-Type", ocispec.MediaTypeImageManifest)
	resp := must[*http.Response](t)(http.DefaultClient.Do(req))
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("%s: %s", url, resp.Status)
	}
}
