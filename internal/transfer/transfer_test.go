package transfer

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	client "gitlab.com/tailsbuild/tailsbuild/internal/registry"
)

// apis are registries with the referrers API, and without.
func apis() map[string][]registry.Option {
	return map[string][]registry.Option{"API": {registry.WithReferrersSupport(true)}, "tag": nil}
}

// TestAround: from a folder over two registries to a folder, everything is the same,
// and again nothing is moved.
func TestAround(t *testing.T) {
	t.Parallel()
	for kind, opts := range apis() {
		t.Run(kind, func(t *testing.T) {
			dir, back := makeRelease(t, "mqtt:1-r0"), filepath.Join(t.TempDir(), "back")
			one, two := newHost(t, opts...), newHost(t, opts...)
			a, b := one.ref(t, "mqtt:1-r0"), two.ref(t, "mirror/mqtt:1-r0")
			pushed := must[*Pushed](t)(imageIn(t, dir).ToRegistry(ctx, a, Options{}))
			if pushed.Attached != 5 || pushed.Sent != pushed.Size || pushed.Was != "" || len(pushed.Problems) != 0 {
				t.Errorf("pushed %+v", pushed)
			}
			r := must[*Repository](t)(OpenReference(ctx, a, "", Options{}))
			defer r.Close()
			copied := must[*Pushed](t)(r.Image.ToRegistry(ctx, b, Options{}))
			if copied.Attached != 5 || copied.Sent != copied.Size || copied.Size != pushed.Size {
				t.Errorf("copied %+v", copied)
			}
			pulled := must[*Moved](t)(Pull(ctx, b, "", back, Options{}))
			if pulled.Attached != 5 || pulled.Size != pushed.Size || pulled.Name != "mqtt:1-r0" {
				t.Errorf("pulled %+v", pulled)
			}
			if got, want := contents(t, back), contents(t, dir); got != want {
				t.Errorf("got %s\nwant %s", got, want)
			}

			one.moved()
			two.moved()
			for _, ref := range []client.Reference{a, b} {
				again := must[*Pushed](t)(imageIn(t, back).ToRegistry(ctx, ref, Options{}))
				if again.Sent != 0 || again.Was != again.Image.Digest {
					t.Errorf("%s again: %+v", ref, again)
				}
			}
			if again := must[*Moved](t)(Pull(ctx, b, "", back, Options{})); again.Sent != 0 {
				t.Errorf("pulled again: %+v", again)
			}
			for _, h := range []*host{one, two} {
				if sent, got := h.moved(); sent != 0 || got > 100 { // the config tells the platform
					t.Errorf("%d bytes were sent and %d asked for", sent, got)
				}
			}
		})
	}
}

// TestOrder: the tag comes last of all that is written.
func TestOrder(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	ref := h.ref(t, "mqtt:1-r0")
	must[*Pushed](t)(imageIn(t, makeRelease(t, "mqtt:1-r0")).ToRegistry(ctx, ref, Options{}))
	last := ""
	for _, asked := range h.asked {
		if strings.HasPrefix(asked, "P") {
			last = asked
		}
	}
	if last != "PUT /v2/tails/mqtt/manifests/1-r0" {
		t.Errorf("written last: %s", last)
	}
}

// TestReport: what is reported goes up, to the end.
func TestReport(t *testing.T) {
	t.Parallel()
	var last, total atomic.Int64
	opts := Options{Report: func(current, of int64) { last.Store(current); total.Store(of) }}
	h := newHost(t)
	dir := makeRelease(t, "mqtt:1-r0")
	for name, do := range map[string]func() (int64, error){
		"push": func() (int64, error) {
			p, err := imageIn(t, dir).ToRegistry(ctx, h.ref(t, "mqtt:1-r0"), opts)
			return p.Size, err
		},
		"copy": func() (int64, error) {
			m, err := imageIn(t, dir).ToFolder(ctx, filepath.Join(t.TempDir(), "x"), opts)
			return m.Size, err
		},
	} {
		size := must[int64](t)(do())
		if last.Load() != size || total.Load() != size {
			t.Errorf("%s: reported %d of %d, want %d", name, last.Load(), total.Load(), size)
		}
	}
}

// TestWithout: sealed inputs can be left out, and are said to be.
func TestWithout(t *testing.T) {
	t.Parallel()
	dir, h := makeRelease(t, "mqtt:1-r0"), newHost(t)
	opts := Options{Without: []string{sealedType}}
	pushed := must[*Pushed](t)(imageIn(t, dir).ToRegistry(ctx, h.ref(t, "mqtt:1-r0"), opts))
	if pushed.Left != 1 || pushed.Attached != 4 || pushed.Size > 3<<20 {
		t.Errorf("pushed %+v", pushed)
	}
	moved := must[*Moved](t)(imageIn(t, dir).ToFolder(ctx, filepath.Join(t.TempDir(), "x"), opts))
	if moved.Left != 1 || moved.Attached != 4 {
		t.Errorf("moved %+v", moved)
	}
}

// TestInterrupted: what is there after an interruption isn't moved again.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	dir, h := makeRelease(t, "mqtt:1-r0"), newHost(t)
	ref := h.ref(t, "mqtt:1-r0")
	forbidden := func(method, digest string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			hit := r.Method == method && strings.Contains(r.URL.String(), digest)
			if hit {
				w.WriteHeader(http.StatusForbidden)
			}
			return hit
		}
	}
	toolchain := digest.FromBytes(noise("toolchain", 3<<20)).Encoded()
	h.intercept(forbidden(http.MethodPut, toolchain))
	opts := Options{Parallel: 1}
	var status *client.StatusError
	if _, err := imageIn(t, dir).ToRegistry(ctx, ref, opts); !errors.As(err, &status) {
		t.Fatalf("got %v", err)
	}
	if _, err := OpenReference(ctx, ref, "", opts); err == nil {
		t.Error("an interrupted push has a tag")
	}
	h.intercept(nil)
	before, _ := h.moved()
	pushed := must[*Pushed](t)(imageIn(t, dir).ToRegistry(ctx, ref, opts))
	after, _ := h.moved()
	if before < 2<<20 || pushed.Sent >= pushed.Size-2<<20 || after > pushed.Sent {
		t.Errorf("%d bytes were sent, and then %d of %d: %+v", before, after, pushed.Size, pushed)
	}

	back := filepath.Join(t.TempDir(), "back")
	no, half := forbidden(http.MethodGet, toolchain), noise("toolchain", 3<<20)[:2<<20]
	h.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Range") != "" || !strings.HasSuffix(r.URL.Path, toolchain) {
			return no(w, r)
		}
		w.Header().Set("Content-Length", fmt.Sprint(3<<20))
		_, _ = w.Write(half)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	if _, err := Pull(ctx, ref, "", back, opts); !errors.As(err, &status) {
		t.Fatalf("got %v", err)
	}
	if _, err := os.Lstat(back); !os.IsNotExist(err) {
		t.Errorf("an interrupted pull is there: %v", err)
	}
	h.intercept(nil)
	_, before = h.moved()
	pulled := must[*Moved](t)(Pull(ctx, ref, "", back, opts))
	_, after = h.moved()
	// Of the toolchain, the rest alone.
	if before < 2<<20 || pulled.Sent >= pulled.Size-2<<20 || after > pulled.Sent-2<<20+1000 {
		t.Errorf("%d bytes were asked for, and then %d of %d: %+v", before, after, pulled.Size, pulled)
	}
	if got, want := contents(t, back), contents(t, dir); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// TestTagMoved: somebody else writes the tag while we do, before we write it or after.
func TestTagMoved(t *testing.T) {
	t.Parallel()
	// The tag is asked for when this begins, before it is written, and afterwards.
	for name, when := range map[string]int{"before": 2, "after": 3} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			ref, other := h.ref(t, "mqtt:1-r0"), h.ref(t, "mqtt:other")
			must[*Pushed](t)(imageIn(t, makeRelease(t, "mqtt:other")).ToRegistry(ctx, other, Options{}))
			theirs := must[*Repository](t)(OpenReference(ctx, other, "", Options{}))
			defer theirs.Close()
			body := must[*Set](t)(theirs.Image.Collect(ctx, Options{})).Image.Body
			n := 0
			h.intercept(func(w http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, "/manifests/1-r0") && r.Method == http.MethodGet {
					if n++; n == when {
						put(t, ref, "1-r0", body)
					}
				}
				return false
			})
			var moved *MovedError
			_, err := imageIn(t, makeRelease(t, "mqtt:1-r0")).ToRegistry(ctx, ref, Options{Parallel: 1})
			if !errors.As(err, &moved) || moved.Is != theirs.Image.Digest {
				t.Errorf("got %v", err)
			}
			h.intercept(nil)
			r := must[*Repository](t)(OpenReference(ctx, ref, "", Options{}))
			defer r.Close()
			if r.Image.Digest != theirs.Image.Digest {
				t.Errorf("the other's tag is %s now", r.Image.Digest)
			}
		})
	}
}

// TestLost: a registry that says yes, and keeps nothing.
func TestLost(t *testing.T) {
	t.Parallel()
	dir := makeRelease(t, "mqtt:1-r0")
	image := imageIn(t, dir)
	set := must[*Set](t)(image.Collect(ctx, Options{}))
	blob := set.Image.Content.Layers[1].Digest.String()
	for name, c := range map[string]struct {
		lost string
		want string
	}{
		"a blob":     {"/blobs/" + blob, "blob " + blob},
		"a manifest": {"/manifests/" + set.Attached[0].Digest.String(), ""},
		"the image":  {"/manifests/" + image.Digest.String(), "manifest " + image.Digest.String()},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, registry.WithReferrersSupport(true))
			h.intercept(func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodPut && strings.HasSuffix(r.URL.Path, c.lost) {
					http.NotFound(w, r)
					return true
				}
				return false
			})
			var lost *LostError
			_, err := image.ToRegistry(ctx, h.ref(t, "mqtt:1-r0"), Options{})
			if !errors.As(err, &lost) || c.want != "" && lost.What != c.want {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestOtherAnswers: a registry that lists something else, or sends other bytes. What is
// pulled is what its digest says, or nothing is.
func TestOtherAnswers(t *testing.T) {
	t.Parallel()
	dir, h := makeRelease(t, "mqtt:1-r0"), newHost(t, registry.WithReferrersSupport(true))
	ref := h.ref(t, "mqtt:1-r0")
	image := imageIn(t, dir)
	must[*Pushed](t)(image.ToRegistry(ctx, ref, Options{}))
	other := makeRelease(t, "other:1-r0")
	must[*Pushed](t)(imageIn(t, other).ToRegistry(ctx, h.ref(t, "mqtt:other"), Options{}))
	mine, theirs := must[*Set](t)(image.Collect(ctx, Options{})), must[*Set](t)(imageIn(t, other).Collect(ctx, Options{}))

	first := func(s *Set) *client.Manifest {
		i := slices.IndexFunc(s.Attached, func(m *client.Manifest) bool { return m.About() == s.Image.Digest })
		return s.Attached[i]
	}
	answer := func(path string, mediaType string, body []byte) {
		h.intercept(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, path) {
				return false
			}
			w.Header().Set("Content-Type", mediaType)
			_, _ = w.Write(body)
			return true
		})
	}
	list := func(manifests ...*client.Manifest) []byte {
		var all []string
		for _, m := range manifests {
			all = append(all, fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d}`, m.MediaType, m.Digest, m.Size))
		}
		return []byte(`{"schemaVersion":2,"mediaType":"` + ocispec.MediaTypeImageIndex + `","manifests":[` + strings.Join(all, ",") + `]}`)
	}
	referrers := "/referrers/" + image.Digest.String()
	pull := func(t *testing.T) (*Moved, string, error) {
		dir := filepath.Join(t.TempDir(), "x")
		m, err := Pull(ctx, ref, "", dir, Options{})
		return m, dir, err
	}
	t.Run("reordered", func(t *testing.T) {
		all := slices.Clone(mine.Attached)
		slices.Reverse(all)
		answer(referrers, ocispec.MediaTypeImageIndex, list(all...))
		_, got, err := pull(t)
		check(t, err)
		if contents(t, got) != contents(t, dir) {
			t.Errorf("got %s", contents(t, got))
		}
	})
	t.Run("lost", func(t *testing.T) {
		answer(referrers, ocispec.MediaTypeImageIndex, list())
		m, _, err := pull(t)
		check(t, err)
		if m.Attached != 0 {
			t.Errorf("got %+v", m)
		}
	})
	t.Run("another's", func(t *testing.T) {
		answer(referrers, ocispec.MediaTypeImageIndex, list(first(theirs), theirs.Image, first(mine)))
		m, _, err := pull(t)
		check(t, err)
		if m.Attached > 1 || len(m.Problems) != 2 {
			t.Errorf("got %+v: %v", m, m.Problems)
		}
	})
	t.Run("listed and not there", func(t *testing.T) {
		gone := *first(mine)
		gone.Digest = digest.FromString("gone")
		answer(referrers, ocispec.MediaTypeImageIndex, list(&gone, first(mine)))
		m, _, err := pull(t)
		check(t, err)
		if len(m.Problems) != 1 || m.Problems[0].Manifest != gone.Digest {
			t.Errorf("got %+v: %v", m, m.Problems)
		}
	})
	var wrong *oci.DigestError
	for name, path := range map[string]string{
		"swapped manifest": "/manifests/" + first(mine).Digest.String(),
		"swapped image":    "/manifests/" + image.Digest.String(),
	} {
		t.Run(name, func(t *testing.T) {
			answer(path, ocispec.MediaTypeImageManifest, first(theirs).Body)
			if _, got, err := pull(t); !errors.As(err, &wrong) {
				t.Errorf("got %v", err)
			} else if _, err := os.Lstat(got); !os.IsNotExist(err) {
				t.Errorf("it is there: %v", err)
			}
		})
	}
	t.Run("swapped blob", func(t *testing.T) {
		answer("/blobs/"+mine.Image.Content.Layers[0].Digest.String(), "x/y", noise("other", 300<<10))
		if _, _, err := pull(t); !errors.As(err, &wrong) {
			t.Errorf("got %v", err)
		}
		// Nor does it get into another registry.
		r := must[*Repository](t)(OpenReference(ctx, ref, "", Options{}))
		defer r.Close()
		two := newHost(t)
		if _, err := r.Image.ToRegistry(ctx, two.ref(t, "mqtt:1-r0"), Options{}); err == nil {
			t.Error("it was copied")
		}
		if _, err := OpenReference(ctx, two.ref(t, "mqtt:1-r0"), "", Options{}); err == nil {
			t.Error("it has a tag")
		}
	})
	t.Run("broken attachment", func(t *testing.T) {
		// What nobody could use is left out, with what refers to it, and named.
		about := first(mine)
		about = mine.Attached[slices.IndexFunc(mine.Attached, func(m *client.Manifest) bool { return m.About() != image.Digest })]
		broken := mine.Attached[slices.IndexFunc(mine.Attached, func(m *client.Manifest) bool { return m.Digest == about.About() })]
		for name, body := range map[string][]byte{"other bytes": []byte("eno"), "too many": make([]byte, 1<<20), "gone": nil} {
			blob := "/blobs/" + broken.Content.Layers[0].Digest.String()
			answer(blob, "x/y", body)
			if body == nil {
				h.intercept(func(w http.ResponseWriter, r *http.Request) bool {
					gone := r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, blob)
					if gone {
						http.NotFound(w, r)
					}
					return gone
				})
			}
			m, got, err := pull(t)
			if err != nil || m.Attached != 3 || len(m.Problems) != 2 {
				t.Fatalf("%s: %+v, %v", name, m, err)
			}
			contents(t, got)
			r := must[*Repository](t)(OpenReference(ctx, ref, "", Options{}))
			p, err := r.Image.ToRegistry(ctx, newHost(t).ref(t, "mqtt:1-r0"), Options{})
			r.Close()
			if err != nil || p.Attached != 3 || len(p.Problems) != 2 {
				t.Fatalf("%s: %+v, %v", name, p, err)
			}
		}
	})
	t.Run("list that doesn't come", func(t *testing.T) {
		h.intercept(func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, referrers) {
				w.WriteHeader(http.StatusForbidden)
				return true
			}
			return false
		})
		if _, _, err := pull(t); err == nil {
			t.Error("pulled")
		}
	})
}

// TestSecondAnswer: a registry whose tag is another image the second time.
func TestSecondAnswer(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	ref := h.ref(t, "mqtt:1-r0")
	dir := makeRelease(t, "mqtt:1-r0")
	must[*Pushed](t)(imageIn(t, dir).ToRegistry(ctx, ref, Options{}))
	must[*Pushed](t)(imageIn(t, makeRelease(t, "other")).ToRegistry(ctx, h.ref(t, "mqtt:other"), Options{}))
	n := 0
	h.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/manifests/1-r0") {
			if n++; n > 1 {
				r.URL.Path = strings.Replace(r.URL.Path, "1-r0", "other", 1)
			}
		}
		return false
	})
	got := filepath.Join(t.TempDir(), "x")
	must[*Moved](t)(Pull(ctx, ref, "", got, Options{}))
	if n != 1 || contents(t, got) != contents(t, dir) {
		t.Errorf("asked %d times; got %s", n, contents(t, got))
	}
}

// TestNames: signatures of names go along where they are about the repository, and
// stay where they are.
func TestNames(t *testing.T) {
	t.Parallel()
	here, there := newHost(t), newHost(t)
	ref := here.ref(t, "mqtt:1-r0")
	dir := makeLayout(t, func(w *writer) {
		w.names(w.image("mqtt:1-r0"), ref.String(), ref.Repository(), ref.Repository()+"-else:1-r0", there.name+"/else/mqtt:1-r0")
	})
	pushed := must[*Pushed](t)(imageIn(t, dir).ToRegistry(ctx, ref, Options{}))
	if pushed.Names != 2 {
		t.Errorf("%d names", pushed.Names)
	}
	again := must[*Pushed](t)(imageIn(t, dir).ToRegistry(ctx, ref, Options{}))
	if again.Names != 2 {
		t.Errorf("%d names again", again.Names)
	}
	if p := must[*Pushed](t)(imageIn(t, dir).ToRegistry(ctx, there.ref(t, "mqtt:1-r0"), Options{})); p.Names != 0 {
		t.Errorf("%d names elsewhere", p.Names)
	}
	back := filepath.Join(t.TempDir(), "back")
	must[*Moved](t)(Pull(ctx, ref, "", back, Options{}))
	set := must[*Set](t)(imageIn(t, back).Collect(ctx, Options{}))
	if set.Names == nil || len(set.Names[0].Content.Layers) != 2 {
		t.Errorf("got %+v", set.Names)
	}
	// A release with them is one image still.
	if n := len(openFolder(t, back).Images); n != 1 {
		t.Errorf("%d images", n)
	}
}

// TestLimits: what is too large, too many or too deep isn't moved.
func TestLimits(t *testing.T) {
	t.Parallel()
	dir := makeRelease(t, "mqtt:1-r0")
	var limit *oci.LimitError
	if _, err := imageIn(t, dir).ToFolder(ctx, filepath.Join(t.TempDir(), "x"), Options{MaxBytes: 4 << 20}); !errors.As(err, &limit) {
		t.Errorf("got %v", err)
	}
	many := makeLayout(t, func(w *writer) {
		image := w.image("mqtt:1-r0")
		for i := range maxAttached + 10 {
			w.attach(bundleType, image, []byte(fmt.Sprint(i)))
		}
	})
	set := must[*Set](t)(imageIn(t, many).Collect(ctx, Options{}))
	if len(set.Attached) != maxAttached || len(set.Problems) != 10 {
		t.Errorf("%d attached, %d problems", len(set.Attached), len(set.Problems))
	}
	deep := makeLayout(t, func(w *writer) {
		last := w.image("mqtt:1-r0")
		for i := range 10 {
			last = w.attach(bundleType, last, []byte(fmt.Sprint(i)))
		}
	})
	if set := must[*Set](t)(imageIn(t, deep).Collect(ctx, Options{})); len(set.Attached) != maxDepth {
		t.Errorf("%d attached", len(set.Attached))
	}
}

// TestPlaces: what is remembered of registries is a hint that survives, and nothing
// depends on.
func TestPlaces(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state", "places.json")
	ref := func(s string) client.Reference { return must[client.Reference](t)(client.ParseReference(s)) }
	blob := ocispec.Descriptor{Digest: digest.FromString("x"), Size: minPlaced}
	p := OpenPlaces(file)
	for _, s := range []string{"a.example/x/one:1", "a.example/x/two:1", "a.example/x/one:2", "a.example/x/three:1", "b.example/y:1"} {
		p.add(ref(s), []ocispec.Descriptor{blob, {Digest: digest.FromString("small"), Size: 1}})
	}
	check(t, p.Save())
	p = OpenPlaces(file)
	if got := fmt.Sprint(p.find("a.example", blob.Digest), p.find("b.example", blob.Digest), p.find("a.example", digest.FromString("small"))); got != "[x/three x/one] [y] []" {
		t.Errorf("got %s", got)
	}
	check(t, os.WriteFile(file, []byte("nonsense"), 0o600))
	if got := OpenPlaces(file).find("a.example", blob.Digest); got != nil {
		t.Errorf("got %v", got)
	}
	many := make([]ocispec.Descriptor, maxPlaces+10)
	for i := range many {
		many[i] = ocispec.Descriptor{Digest: digest.FromString(fmt.Sprint(i)), Size: minPlaced}
	}
	p = OpenPlaces(file)
	p.add(ref("a.example/x:1"), many)
	if len(p.all) != maxPlaces || p.find("a.example", many[len(many)-1].Digest) == nil {
		t.Errorf("%d places", len(p.all))
	}
}
