package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// zeros sends zeros for as long as the client takes them.
func zeros(w http.ResponseWriter, r *http.Request, mediaType string) int64 {
	w.Header().Set("Content-Type", mediaType)
	b, sent := make([]byte, 64<<10), int64(0)
	for r.Context().Err() == nil {
		n, err := w.Write(b)
		if sent += int64(n); err != nil || sent > 1<<30 {
			break
		}
	}
	return sent
}

// TestResolvedOnce: a registry that answers differently the second time.
func TestResolvedOnce(t *testing.T) {
	f := newFake(t)
	good, evil := f.image("good"), answer{}
	other := f.image("evil")
	evil = f.manifests[other.Digest.String()]
	f.manifests["1-r0"] = f.manifests[good.Digest.String()]
	f.listed = []ocispec.Descriptor{f.bundle(good, "one")}
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/manifests/1-r0") && f.count("/manifests/1-r0") > 1 {
			f.send(w, evil)
			return true
		}
		return false
	}
	g, err := f.fetch(":1-r0", options())
	check(t, err)
	g.wantBundles(t, "one")
	if g.Image.Digest != good.Digest || f.count("/manifests/1-r0") != 1 {
		t.Errorf("got %s, the tag was asked for %d times", g.Image.Digest, f.count("/manifests/1-r0"))
	}

	// By digest, other bytes are refused.
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/manifests/"+good.Digest.String()) {
			f.send(w, evil)
			return true
		}
		return false
	}
	var wrong *oci.DigestError
	if _, err := f.fetch("@"+good.Digest.String(), options()); !errors.As(err, &wrong) {
		t.Errorf("got %v", err)
	}
	// So is a tag whose answer is announced as another's.
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/manifests/1-r0") {
			w.Header().Set("Docker-Content-Digest", good.Digest.String())
			f.send(w, evil)
			return true
		}
		return false
	}
	if _, err := f.fetch(":1-r0", options()); !errors.As(err, &wrong) {
		t.Errorf("got %v", err)
	}
}

// TestConfusion: bytes that two readers would take for two things.
func TestConfusion(t *testing.T) {
	f := newFake(t)
	image := f.image("layer")
	good := f.manifests["1-r0"]
	edit := func(old, new string) answer {
		t.Helper()
		body := strings.Replace(string(good.body), old, new, 1)
		if body == string(good.body) {
			t.Fatalf("%s: nothing to replace in %s", old, good.body)
		}
		return answer{good.mediaType, []byte(body)}
	}
	for name, a := range map[string]answer{
		"Content-Type of an index":    {ocispec.MediaTypeImageIndex, good.body},
		"Content-Type of nothing":     {"text/html", good.body},
		"bad Content-Type":            {"a/b/c;;", good.body},
		"mediaType of an index":       edit(ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex),
		"manifests and layers":        edit(`"layers":`, `"manifests":[],"layers":`),
		"index with layers":           {ocispec.MediaTypeImageIndex, []byte(strings.Replace(string(index(t, image).body), `"manifests"`, `"layers":[],"manifests"`, 1))},
		"duplicate key":               edit(`"layers":`, `"config":{},"layers":`),
		"duplicate key in other case": edit(`"layers":`, `"Config":{},"layers":`),
		"schema 1":                    edit(`"schemaVersion":2`, `"schemaVersion":1`),
		"schema 1 of docker": {"application/vnd.docker.distribution.manifest.v1+prettyjws", []byte(
			`{"schemaVersion":1,"name":"tails/mqtt","fsLayers":[],"history":[],"signatures":[]}`)},
		"docker's manifest": {"application/vnd.docker.distribution.manifest.v2+json", []byte(strings.ReplaceAll(string(good.body),
			ocispec.MediaTypeImageManifest, "application/vnd.docker.distribution.manifest.v2+json"))},
		"no type":         {"application/json", []byte(strings.Replace(string(good.body), `"mediaType":"application/vnd.oci.image.manifest.v1+json",`, "", 1))},
		"trailing data":   {good.mediaType, append(append([]byte{}, good.body...), "{}"...)},
		"not JSON":        {good.mediaType, []byte("<html>")},
		"empty":           {good.mediaType, []byte(" ")},
		"sha512":          edit("sha256:", "sha512:"),
		"path for digest": edit("sha256:", "sha256:../../"),
	} {
		f.put(a, "odd")
		var format *oci.FormatError
		if _, err := f.fetch(":odd", options()); !errors.As(err, &format) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The same in an artifact makes it one that isn't used.
	for name, body := range map[string]string{
		"manifests and layers": `"manifests":[],"layers":`, "duplicate key": `"subject":{},"layers":`,
	} {
		bundle := f.manifests[f.bundle(image, "odd").Digest.String()]
		odd := f.put(answer{bundle.mediaType, []byte(strings.Replace(string(bundle.body), `"layers":`, body, 1))})
		f.listed = []ocispec.Descriptor{odd, f.bundle(image, "good")}
		g, err := f.fetch(":1-r0", options())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		g.wantBundles(t, "good")
		g.wantProblem(t, odd.Digest.String())
	}
}

// TestForeignReferrers: lists that have what doesn't belong to the image, among
// them a fallback tag that somebody planted before the image was there.
func TestForeignReferrers(t *testing.T) {
	f := newFake(t)
	other := f.image("other")
	image := f.image("layer")
	resized, retyped := image, image
	resized.Size++
	retyped.MediaType = ocispec.MediaTypeImageIndex
	claim := func(d ocispec.Descriptor) ocispec.Descriptor {
		d.ArtifactType, d.Annotations = bundleType, map[string]string{"dev.sigstore.bundle.predicateType": "https://sigstore.dev/cosign/sign/v1"}
		return d
	}
	planted := []ocispec.Descriptor{
		f.bundle(other, "of another image"),
		f.bundle(resized, "of another size"),
		f.bundle(retyped, "of another type"),
		f.bundle(image, "of no image", func(m *ocispec.Manifest) { m.Subject = nil }),
		claim(f.bundle(image, "of another kind", func(m *ocispec.Manifest) { m.ArtifactType = "application/x-other" })),
		f.bundle(image, "two blobs", func(m *ocispec.Manifest) { m.Layers = append(m.Layers, m.Layers...) }),
		claim(image),
		claim(other),
		claim(f.put(index(t, image))),
		claim(ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("gone"), Size: 5}),
	}
	good := f.bundle(image, "good")
	for name, list := range map[string]func(all []ocispec.Descriptor){
		"API":      func(all []ocispec.Descriptor) { f.listed = all },
		"tag":      func(all []ocispec.Descriptor) { f.listed = nil; f.put(index(t, all...), tagOf(image)) },
		"tag, API": func(all []ocispec.Descriptor) { f.listed = all },
	} {
		list(append(planted, good))
		g, err := f.fetch(":1-r0", options())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		g.wantBundles(t, "good")
		if len(g.Problems) != len(planted) {
			t.Errorf("%s: %d problems, want %d: %v", name, len(g.Problems), len(planted), g.Problems)
		}
	}
	// A descriptor that names another type or kind is not what counts either.
	lie := good
	lie.MediaType, lie.ArtifactType = ocispec.MediaTypeImageIndex, "application/x-other"
	f.manifests[tagOf(image)] = answer{}
	f.listed = []ocispec.Descriptor{lie}
	g, err := f.fetch(":1-r0", options())
	check(t, err)
	g.wantBundles(t, "good")

	// The tag holds no index at all.
	f.put(f.manifests[other.Digest.String()], tagOf(image))
	g, err = f.fetch(":1-r0", options())
	check(t, err)
	g.wantBundles(t, "good")
	g.wantProblem(t, "not an index")
}

// TestWrongBytes: artifacts and blobs that are not what their digest says.
func TestWrongBytes(t *testing.T) {
	f := newFake(t)
	image := f.image("layer")
	good := f.bundle(image, "good")
	for name, spoil := range map[string]func(bad ocispec.Descriptor) ocispec.Descriptor{
		"manifest": func(d ocispec.Descriptor) ocispec.Descriptor {
			f.manifests[d.Digest.String()] = f.manifests[good.Digest.String()]
			return d
		},
		"blob": func(d ocispec.Descriptor) ocispec.Descriptor {
			f.blobs[digest.FromString("bad").String()] = []byte("dab")
			return d
		},
		"longer": func(d ocispec.Descriptor) ocispec.Descriptor {
			f.blobs[digest.FromString("bad").String()] = []byte("bad!")
			return d
		},
		"shorter": func(d ocispec.Descriptor) ocispec.Descriptor {
			f.blobs[digest.FromString("bad").String()] = []byte("ba")
			return d
		},
		"gone": func(d ocispec.Descriptor) ocispec.Descriptor {
			delete(f.blobs, digest.FromString("bad").String())
			return d
		},
		"small": func(d ocispec.Descriptor) ocispec.Descriptor { d.Size = 10; return d },
	} {
		bad := spoil(f.bundle(image, "bad"))
		f.listed = []ocispec.Descriptor{bad, good}
		g, err := f.fetch(":1-r0", options())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		g.wantBundles(t, "good")
		if len(g.Problems) != 1 || g.Problems[0].Manifest != bad.Digest {
			t.Errorf("%s: %v", name, g.Problems)
		}
	}
	// Of the image itself they are an error.
	for _, content := range []string{"layer", `{"architecture":"amd64","os":"linux"}`} {
		d := digest.FromString(content).String()
		was := f.blobs[d]
		f.blobs[d] = []byte(strings.ToUpper(content))
		var wrong *oci.DigestError
		if _, err := f.fetch(":1-r0", options()); !errors.As(err, &wrong) {
			t.Errorf("%s: %v", content, err)
		}
		delete(f.blobs, d)
		var status *StatusError
		if _, err := f.fetch(":1-r0", options()); !errors.As(err, &status) {
			t.Errorf("%s: %v", content, err)
		}
		f.blobs[d] = was
	}
}

// flood adds n artifacts that are not about the image.
func (f *fake) flood(n int) []ocispec.Descriptor {
	f.t.Helper()
	junk := make([]ocispec.Descriptor, n)
	other := f.blob(ocispec.MediaTypeImageManifest, "no image")
	for i := range junk {
		junk[i] = f.bundle(other, fmt.Sprintf("junk %d", i))
	}
	return junk
}

func TestFlood(t *testing.T) {
	f := newFake(t)
	image := f.image("layer")
	good := f.bundle(image, "good")
	f.listed = append(f.flood(1000), good)
	// The good one is behind the limit: bounded work, and not trusted.
	g, err := f.fetch(":1-r0", options())
	check(t, err)
	g.wantBundles(t)
	g.wantProblem(t, "manifests that may refer to it: 1001 is over the limit of 256")
	if n := f.count("/manifests/sha256:"); n > 256 {
		t.Errorf("%d manifests were asked for", n)
	}
	// Those who know it find it.
	f.asked = nil
	opts := options()
	opts.Known = func(_ context.Context, d digest.Digest) []digest.Digest {
		if d != image.Digest {
			t.Errorf("asked what is known of %s", d)
		}
		return []digest.Digest{good.Digest}
	}
	opts.Limits.Referrers = 1
	g, err = f.fetch(":1-r0", opts)
	check(t, err)
	g.wantBundles(t, "good")
	if n := f.count("/manifests/sha256:"); n > 1 {
		t.Errorf("%d manifests were asked for", n)
	}
	// Junk that doesn't even claim to be a bundle hides nothing.
	for i := range f.listed[:1000] {
		f.listed[i].ArtifactType = "application/x-junk"
	}
	g, err = f.fetch(":1-r0", options())
	check(t, err)
	g.wantBundles(t, "good")

	// More than an index may have, on one page or on many.
	f.listed = append(f.flood(1100), good)
	g, err = f.fetch(":1-r0", options())
	check(t, err)
	g.wantBundles(t)
	g.wantProblem(t, "manifests in list of referrers")
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/referrers/") {
			return false
		}
		w.Header().Set("Link", `<`+r.URL.Path+fmt.Sprintf("?last=%d", len(f.asked))+`>; rel="next"`)
		f.send(w, index(t))
		return true
	}
	f.asked = nil
	g, err = f.fetch(":1-r0", options())
	check(t, err)
	g.wantProblem(t, "pages of the list of referrers")
	if n := f.count("/referrers/"); n != maxPages {
		t.Errorf("%d pages were read", n)
	}
}

func TestPages(t *testing.T) {
	f := newFake(t)
	image := f.image("layer")
	one, two := f.bundle(image, "one"), f.bundle(image, "two")
	elsewhere := newFake(t)
	for link, fine := range map[string]bool{
		`</v2/tails/mqtt/referrers/x?last=1>; rel="next"`:      true,
		`<` + elsewhere.URL + `/v2/secret?last=1>; rel="next"`: true, // only what follows the question mark counts
		`<%zz>; rel="next"`: false,
		`nonsense`:          false,
	} {
		f.before = func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/referrers/"+image.Digest.String()) {
				return false
			}
			if r.URL.Query().Get("last") == "1" {
				f.send(w, index(t, two))
				return true
			}
			w.Header().Set("Link", link)
			f.send(w, index(t, one))
			return true
		}
		g, err := f.fetch(":1-r0", options())
		check(t, err)
		if fine {
			g.wantBundles(t, "one", "two")
		} else {
			g.wantBundles(t, "one")
			g.wantProblem(t, "list of referrers")
		}
	}
	if len(elsewhere.asked) != 0 {
		t.Errorf("another host was asked for %q", elsewhere.asked)
	}
}

// TestHuge: what is declared too large is not asked for; what turns out larger
// than declared is cut off.
func TestHuge(t *testing.T) {
	f := newFake(t)
	image := f.image("layer")
	good := f.bundle(image, "good")
	huge := f.bundle(image, "huge", func(m *ocispec.Manifest) { m.Layers[0].Size = 300 << 20 })
	hugeManifest := f.bundle(image, "huge manifest")
	hugeManifest.Size = 300 << 20
	hugeConfig := f.bundle(image, "huge config", func(m *ocispec.Manifest) {
		m.Config = ocispec.Descriptor{MediaType: "application/x", Digest: digest.FromString("config"), Size: 300 << 20}
	})
	endless := f.bundle(image, "endless")
	endlessManifest := f.bundle(image, "endless manifest")
	var sent int64
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, digest.FromString("endless").String()) || strings.HasSuffix(r.URL.Path, endlessManifest.Digest.String()) {
			sent += zeros(w, r, ocispec.MediaTypeImageManifest)
			return true
		}
		return false
	}
	f.listed = []ocispec.Descriptor{huge, hugeManifest, hugeConfig, endless, endlessManifest, good}
	g, err := f.fetch(":1-r0", options())
	check(t, err)
	g.wantBundles(t, "good")
	if len(g.Problems) != 5 {
		t.Errorf("problems: %v", g.Problems)
	}
	for _, part := range []string{digest.FromString("huge").String(), hugeManifest.Digest.String(), digest.FromString("config").String()} {
		if n := f.count(part); n != 0 {
			t.Errorf("%s was asked for %d times", part, n)
		}
	}
	if sent > 64<<20 {
		t.Errorf("%d bytes were taken", sent)
	}

	// All together may be too much, too.
	f.before, f.listed = nil, nil
	for i := range 20 {
		f.listed = append(f.listed, f.bundle(image, fmt.Sprintf("%03d", i)+strings.Repeat("x", 1<<20)))
	}
	opts := options()
	opts.Limits.Evidence = 8 << 20
	g, err = f.fetch(":1-r0", opts)
	check(t, err)
	if g.Artifacts < 6 || g.Artifacts > 8 {
		t.Errorf("%d artifacts", g.Artifacts)
	}
	g.wantProblem(t, "evidence: ")
}

// TestEndless: every document and blob without an end is cut off.
func TestEndless(t *testing.T) {
	f := newFake(t)
	image := f.image("layer")
	f.listed = []ocispec.Descriptor{f.bundle(image, "good")}
	for path, fatal := range map[string]bool{
		"/v2/": false, "/manifests/1-r0": true, "/blobs/" + digest.FromString("layer").String(): true,
		"/referrers/" + image.Digest.String(): false, "/manifests/" + tagOf(image): false,
	} {
		start := time.Now()
		f.before = func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, path) {
				zeros(w, r, ocispec.MediaTypeImageManifest)
				return true
			}
			return false
		}
		if _, err := f.fetch(":1-r0", options()); (err != nil) != fatal {
			t.Errorf("%s: %v", path, err)
		}
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("%s: took %s", path, d)
		}
	}
	// An image that says it is too large is not begun.
	f.before = nil
	f.put(f.manifest(ocispec.Manifest{
		Config: f.blob(ocispec.MediaTypeImageConfig, "{}"),
		Layers: []ocispec.Descriptor{{MediaType: ocispec.MediaTypeImageLayerGzip, Digest: digest.FromString("big"), Size: 1 << 62}, {MediaType: ocispec.MediaTypeImageLayerGzip, Digest: digest.FromString("big"), Size: 1 << 62}},
	}), "big")
	var limit *oci.LimitError
	if _, err := f.fetch(":big", options()); !errors.As(err, &limit) {
		t.Errorf("got %v", err)
	}
}

// TestSlow: a registry that sends a byte now and then, or nothing at all.
func TestSlow(t *testing.T) {
	f := newFake(t)
	image := f.image("layer")
	f.listed = []ocispec.Descriptor{f.bundle(image, "good")}
	drip := func(pause time.Duration) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, digest.FromString("good").String()) {
				return false
			}
			w.WriteHeader(http.StatusOK)
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte{'x'})
				_ = http.NewResponseController(w).Flush()
				select {
				case <-r.Context().Done():
				case <-time.After(pause):
				}
			}
			return true
		}
	}
	opts := options()
	opts.idle = 200 * time.Millisecond
	f.before = drip(time.Hour)
	start := time.Now()
	if _, err := f.fetch(":1-r0", opts); !errors.Is(err, errIdle) {
		t.Errorf("silence: %v", err)
	}
	// A blob of a megabyte, a byte at a time.
	f.listed = []ocispec.Descriptor{f.bundle(image, strings.Repeat("x", 1<<20))}
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, digest.FromString(strings.Repeat("x", 1<<20)).String()) {
			r.URL.Path = digest.FromString("good").String()
			return drip(20*time.Millisecond)(w, r)
		}
		return false
	}
	opts.Limits.EvidenceTime = time.Second
	if _, err := f.fetch(":1-r0", opts); !errors.Is(err, os.ErrDeadlineExceeded) && !strings.Contains(fmt.Sprint(err), "deadline exceeded") {
		t.Errorf("drops: %v", err)
	}
	f.before = func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }
	if _, err := f.fetch(":1-r0", opts); err == nil {
		t.Error("no answer: accepted")
	}
	if d := time.Since(start); d > 15*time.Second {
		t.Errorf("took %s", d)
	}
}

// fetchChild fetches the reference in the environment, and prints the most memory
// that this process had, in KiB.
func fetchChild() int {
	ref, err := ParseReference(os.Getenv("TAILSBUILD_TEST_FETCH"))
	if err != nil {
		return 2
	}
	opts := options()
	got, err := Fetch(ctx, ref, "", os.Getenv("TAILSBUILD_TEST_DIR"), opts)
	// Unlike getrusage's, this doesn't begin with what the parent had.
	status, e := os.ReadFile("/proc/self/status")
	if e != nil {
		return 3
	}
	_, peak, _ := strings.Cut(string(status), "VmHWM:")
	kib := 0
	if _, e := fmt.Sscan(peak, &kib); e != nil {
		return 3
	}
	_ = json.NewEncoder(os.Stdout).Encode(map[string]any{"kib": kib, "err": fmt.Sprint(err), "fetched": got})
	return 0
}

// TestMemory: whatever the registry sends, a process stays small.
func TestMemory(t *testing.T) {
	f := newFake(t)
	image := f.image("layer")
	nested := strings.Repeat(`{"a":`, 60) + "1" + strings.Repeat("}", 60)
	blown := func(body string) answer {
		n := (maxManifest - 200) / (len(body) + 1)
		return answer{ocispec.MediaTypeImageIndex, []byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"annotations":[` +
			strings.TrimSuffix(strings.Repeat(body+",", n), ",") + `]}`)}
	}
	for name, prepare := range map[string]func(){
		"junk": func() {
			f.listed = nil
			for i := range 300 {
				if i < 20 {
					f.listed = append(f.listed, f.bundle(image, fmt.Sprintf("%03d", i)+strings.Repeat("x", 3<<20)))
					continue
				}
				f.listed = append(f.listed, f.bundle(image, "huge", func(m *ocispec.Manifest) { m.Layers[0].Size = int64(300<<20 + i) }))
			}
		},
		"manifests": func() {
			f.listed = nil
			for i := range 60 {
				f.listed = append(f.listed, f.bundle(image, fmt.Sprint(i), func(m *ocispec.Manifest) {
					m.Annotations = map[string]string{"x": strings.Repeat("y", 1<<20-1000)}
				}))
			}
		},
		"endless lists": func() { f.listed = nil; f.manifests[tagOf(image)] = answer{} },
		"many objects":  func() { f.listed = nil; f.put(blown("{}"), tagOf(image)) },
		"deep objects":  func() { f.listed = nil; f.put(blown(nested), tagOf(image)) },
		"many manifests": func() {
			f.listed = nil
			f.put(answer{ocispec.MediaTypeImageIndex, bytes.Replace(blown("{}").body, []byte(`"manifests":[],"annotations":`), []byte(`"manifests":`), 1)}, tagOf(image))
		},
		"many layers": func() {
			f.listed = nil
			for i := range 20 {
				body := fmt.Sprintf(`{"schemaVersion":2,"artifactType":%q,"config":{},"layers":[%s{}]}%*s`, bundleType, strings.Repeat("{},", 300_000), i, "")
				f.listed = append(f.listed, f.put(answer{ocispec.MediaTypeImageManifest, []byte(body)}))
			}
		},
	} {
		prepare()
		f.before = func(w http.ResponseWriter, r *http.Request) bool {
			if name == "endless lists" && (strings.Contains(r.URL.Path, "/referrers/") || strings.HasSuffix(r.URL.Path, tagOf(image))) {
				zeros(w, r, ocispec.MediaTypeImageIndex)
				return true
			}
			return false
		}
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "TAILSBUILD_TEST_FETCH="+f.ref(":1-r0").String(), "TAILSBUILD_TEST_DIR="+t.TempDir()+"/release")
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var said struct {
			KiB int64
			Err string
		}
		check(t, json.Unmarshal(out, &said))
		t.Logf("%s: %d KiB, %s", name, said.KiB, said.Err)
		if said.KiB > 60<<10 || said.Err != "<nil>" {
			t.Errorf("%s: %d KiB, %s", name, said.KiB, said.Err)
		}
	}
}
