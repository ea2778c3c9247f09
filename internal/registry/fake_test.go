package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json"

var ctx = context.Background()

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A fake is a registry that does what a test wants. It has one repository, tails/mqtt.
type fake struct {
	*httptest.Server
	t  testing.TB
	mu sync.Mutex
	// manifests are by tag and by digest, blobs by digest.
	manifests map[string]answer
	blobs     map[string][]byte
	// listed is what the referrers API has; it answers 404 while listed is nil.
	listed []ocispec.Descriptor
	// before may answer instead; it reports whether it did.
	before func(w http.ResponseWriter, r *http.Request) bool
	asked  []string
}

type answer struct {
	mediaType string
	body      []byte
}

func newFake(t testing.TB) *fake {
	f := &fake{t: t, manifests: map[string]answer{}, blobs: map[string][]byte{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.asked = append(f.asked, r.URL.Path)
	before := f.before
	f.mu.Unlock()
	if before != nil && before(w, r) {
		return
	}
	rest, ok := strings.CutPrefix(r.URL.Path, "/v2/tails/mqtt/")
	kind, ref, _ := strings.Cut(rest, "/")
	switch {
	case r.URL.Path == "/v2/":
	case !ok:
		http.NotFound(w, r)
	case kind == "referrers" && f.listed != nil:
		f.send(w, index(f.t, f.listed...))
	case kind == "manifests" && f.manifests[ref].body != nil:
		f.send(w, f.manifests[ref])
	case kind == "blobs" && f.blobs[ref] != nil:
		f.send(w, answer{"application/octet-stream", f.blobs[ref]})
	default:
		http.NotFound(w, r)
	}
}

func (f *fake) send(w http.ResponseWriter, a answer) {
	w.Header().Set("Content-Type", a.mediaType)
	_, _ = w.Write(a.body)
}

// count says how often a path that contains part was asked for.
func (f *fake) count(part string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, path := range f.asked {
		if strings.Contains(path, part) {
			n++
		}
	}
	return n
}

func (f *fake) ref(of string) Reference {
	f.t.Helper()
	return must[Reference](f.t)(ParseReference(strings.TrimPrefix(f.URL, "http://") + "/tails/mqtt" + of))
}

func index(t testing.TB, descs ...ocispec.Descriptor) answer {
	t.Helper()
	if descs == nil {
		descs = []ocispec.Descriptor{}
	}
	return answer{ocispec.MediaTypeImageIndex, must[[]byte](t)(json.Marshal(ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: descs,
	}))}
}

func (f *fake) blob(mediaType, content string) ocispec.Descriptor {
	d := digest.FromString(content)
	f.blobs[d.String()] = []byte(content)
	return ocispec.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(content))}
}

// put adds a document and returns its descriptor.
func (f *fake) put(a answer, tags ...string) ocispec.Descriptor {
	desc := ocispec.Descriptor{MediaType: a.mediaType, Digest: digest.FromBytes(a.body), Size: int64(len(a.body))}
	for _, ref := range append(tags, desc.Digest.String()) {
		f.manifests[ref] = a
	}
	return desc
}

func (f *fake) manifest(m ocispec.Manifest) answer {
	f.t.Helper()
	m.Versioned, m.MediaType = specs.Versioned{SchemaVersion: 2}, ocispec.MediaTypeImageManifest
	return answer{m.MediaType, must[[]byte](f.t)(json.Marshal(m))}
}

// image adds an image with the tag 1-r0.
func (f *fake) image(content string) ocispec.Descriptor {
	f.t.Helper()
	return f.put(f.manifest(ocispec.Manifest{
		Config: f.blob(ocispec.MediaTypeImageConfig, `{"architecture":"amd64","os":"linux"}`),
		Layers: []ocispec.Descriptor{f.blob(ocispec.MediaTypeImageLayerGzip, content)},
	}), "1-r0")
}

// bundle adds an artifact about subject that no list has.
func (f *fake) bundle(subject ocispec.Descriptor, content string, change ...func(*ocispec.Manifest)) ocispec.Descriptor {
	f.t.Helper()
	f.blobs[ocispec.DescriptorEmptyJSON.Digest.String()] = ocispec.DescriptorEmptyJSON.Data
	empty := ocispec.DescriptorEmptyJSON
	empty.Data = nil
	m := ocispec.Manifest{
		ArtifactType: bundleType, Config: empty, Subject: &subject,
		Layers: []ocispec.Descriptor{f.blob(bundleType, content)},
	}
	for _, c := range change {
		c(&m)
	}
	desc := f.put(f.manifest(m))
	desc.ArtifactType = bundleType
	return desc
}

// options are those of the tests: what verify asks for, and no long pauses.
func options() Options {
	return Options{
		Artifacts: []Artifact{{Type: bundleType, MaxBlobs: 1, MaxSize: 4 << 20}},
		Layers:    true,
		Limits:    Limits{EvidenceTime: 20 * time.Second, ImageTime: 20 * time.Second},
		pause:     time.Millisecond,
	}
}

// fetched is what Fetch wrote.
type got struct {
	*Fetched
	layout *oci.Layout
	// bundles are the contents of the artifacts.
	bundles []string
}

func (f *fake) fetch(of string, opts Options) (*got, error) {
	f.t.Helper()
	m := oci.NewMemory()
	f.t.Cleanup(func() { m.Close() })
	fetched, layout, err := FetchMemory(ctx, f.ref(of), "", m, opts)
	if err != nil {
		return nil, err
	}
	g := &got{Fetched: fetched, layout: layout}
	for i, desc := range must[[]ocispec.Descriptor](f.t)(g.layout.Images()) {
		m, _, err := g.layout.ReadManifest(desc)
		check(f.t, err)
		if i == 0 {
			if desc.Digest != fetched.Image.Digest {
				f.t.Errorf("the layout has %s first, not the image", desc.Digest)
			}
			continue
		}
		g.bundles = append(g.bundles, string(must[[]byte](f.t)(g.layout.ReadBlob(m.Layers[0], 8<<20))))
	}
	return g, nil
}

// wantBundles checks which artifacts are in the layout.
func (g *got) wantBundles(t testing.TB, want ...string) {
	t.Helper()
	if fmt.Sprint(g.bundles) != fmt.Sprint(want) {
		t.Errorf("the layout has %q, want %q; problems %v", g.bundles, want, g.Problems)
	}
}

// wantProblem checks that a problem has text.
func (g *got) wantProblem(t testing.TB, text string) {
	t.Helper()
	for _, p := range g.Problems {
		if strings.Contains(p.Err.Error(), text) {
			return
		}
	}
	t.Errorf("no problem with %q in %v", text, g.Problems)
}
