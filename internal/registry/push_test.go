package registry

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// realRegistry is go-containerregistry's registry, with a look at what is asked of it.
func realRegistry(t *testing.T, before func(w http.ResponseWriter, r *http.Request) bool, opts ...registry.Option) string {
	t.Helper()
	handler := registry.New(append(opts, registry.Logger(log.New(io.Discard, "", 0)))...)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if before == nil || !before(w, r) {
			handler.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://") + "/tails/mqtt"
}

// layout is what a fake registry has, as a folder.
func layout(t *testing.T) (dir string, image ocispec.Descriptor) {
	t.Helper()
	f := newFake(t)
	image = f.image("layer")
	f.listed = []ocispec.Descriptor{f.bundle(image, "one"), f.bundle(image, "two"), f.bundle(image, "three")}
	dir = t.TempDir() + "/release"
	if _, err := Fetch(ctx, f.ref(":1-r0"), "", dir, options()); err != nil {
		t.Fatal(err)
	}
	return dir, image
}

func TestPush(t *testing.T) {
	dir, image := layout(t)
	for kind, opts := range map[string][]registry.Option{"API": {registry.WithReferrersSupport(true)}, "tag": nil} {
		t.Run(kind, func(t *testing.T) {
			var puts []string
			repo := realRegistry(t, func(_ http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/") {
					puts = append(puts, r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
				}
				return false
			}, opts...)
			ref := must[Reference](t)(ParseReference(repo + ":2-r0"))
			pushed, err := Push(ctx, ref, dir, Options{})
			check(t, err)
			if pushed.Digest != image.Digest {
				t.Errorf("got %s", pushed.Digest)
			}
			if puts[0] != image.Digest.String() || puts[len(puts)-1] != "2-r0" || slices.Index(puts, "2-r0") != len(puts)-1 {
				t.Errorf("written in the order %q", puts)
			}
			got, err := Fetch(ctx, ref, "", t.TempDir()+"/again", options())
			check(t, err)
			if got.Artifacts != 3 || got.Image.Digest != image.Digest || len(got.Problems) != 0 {
				t.Errorf("got %+v", got)
			}
			// Again, it is the same.
			_, err = Push(ctx, ref, dir, Options{})
			check(t, err)
		})
	}
}

// TestPushOverwritten: a list that somebody else writes at the same time.
func TestPushOverwritten(t *testing.T) {
	dir, image := layout(t)
	tag, lost := strings.Replace(image.Digest.String(), ":", "-", 1), 2
	repo := realRegistry(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut || !strings.Contains(r.URL.Path, "/manifests/") {
			return false
		}
		if !strings.HasSuffix(r.URL.Path, tag) || lost == 0 {
			return false
		}
		lost--
		w.WriteHeader(http.StatusCreated) // and nothing is kept
		return true
	})
	ref := must[Reference](t)(ParseReference(repo + ":1-r0"))
	_, err := Push(ctx, ref, dir, Options{})
	check(t, err)
	got, err := Fetch(ctx, ref, "", t.TempDir()+"/again", options())
	check(t, err)
	if got.Artifacts != 3 {
		t.Errorf("got %+v", got)
	}

	tagged := false
	repo = realRegistry(t, func(w http.ResponseWriter, r *http.Request) bool {
		tagged = tagged || strings.HasSuffix(r.URL.Path, "/1-r0")
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, tag) {
			w.WriteHeader(http.StatusCreated)
			return true
		}
		return false
	})
	var overwritten *OverwrittenError
	if _, err := Push(ctx, must[Reference](t)(ParseReference(repo+":1-r0")), dir, Options{}); !errors.As(err, &overwritten) || tagged {
		t.Errorf("got %v, tagged %t", err, tagged)
	}
}

func TestPushRefused(t *testing.T) {
	dir, image := layout(t)
	var reference *ReferenceError
	if _, err := Push(ctx, must[Reference](t)(ParseReference("localhost:1/x@"+image.Digest.String())), dir, Options{}); !errors.As(err, &reference) {
		t.Errorf("got %v", err)
	}
	var status *StatusError
	repo := realRegistry(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet {
			w.WriteHeader(http.StatusForbidden)
		}
		return r.Method != http.MethodGet
	})
	ref := must[Reference](t)(ParseReference(repo + ":1-r0"))
	if _, err := Push(ctx, ref, dir, Options{}); !errors.As(err, &status) || status.Code != http.StatusForbidden {
		t.Errorf("got %v", err)
	}
	empty := t.TempDir() + "/empty"
	w := must[*oci.Writer](t)(oci.Create(empty))
	check(t, w.Commit(nil))
	var format *oci.FormatError
	if _, err := Push(ctx, ref, empty, Options{}); !errors.As(err, &format) {
		t.Errorf("got %v", err)
	}
}

func TestAttachSignature(t *testing.T) {
	dir, image := layout(t)
	sig := strings.Replace(image.Digest.String(), ":", "-", 1) + ".sig"
	repo := realRegistry(t, nil)
	ref := must[Reference](t)(ParseReference(repo + ":1-r0"))
	_, err := Push(ctx, ref, dir, Options{})
	check(t, err)
	for _, s := range []struct {
		payload, signature string
		want               int
	}{{"a", "1", 1}, {"b", "2", 2}, {"a", "1", 2}, {"a", "another key's", 3}} {
		ours := func(got []byte) bool { return string(got) == s.signature }
		check(t, AttachSignature(ctx, ref, Signature{image.Digest, []byte(s.payload), []byte(s.signature)}, ours, Options{}))
		c := must[*client](t)(newClient(ctx, ref.ref.Context(), options().withDefaults()))
		layers, err := signatures(ctx, c, sig)
		check(t, err)
		if len(layers) != s.want || !has(layers, []byte(s.payload), ours) {
			t.Errorf("%v: %d signatures: %+v", s, len(layers), layers)
		}
		c.guard.close()
	}
	// What isn't a list of signatures is not added to.
	never := func([]byte) bool { return false }
	plain := must[*remote.Descriptor](t)(remote.Get(must[name.Reference](t)(name.ParseReference(ref.String()))))
	tag := must[name.Tag](t)(name.NewTag(repo + ":" + sig))
	check(t, remote.Put(tag, raw{ocispec.MediaTypeImageManifest, plain.Manifest}))
	var format *oci.FormatError
	if err := AttachSignature(ctx, ref, Signature{image.Digest, []byte("a"), []byte("1")}, never, Options{}); !errors.As(err, &format) {
		t.Errorf("got %v", err)
	}
	// A signature that is never there afterwards.
	other := Signature{digest.FromString("other"), []byte("a"), []byte("1")}
	var overwritten *OverwrittenError
	if err := AttachSignature(ctx, ref, other, never, Options{}); !errors.As(err, &overwritten) {
		t.Errorf("got %v", err)
	}
}
