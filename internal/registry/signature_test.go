package registry

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
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

// realImage puts an image into a repository of a real registry.
func realImage(t *testing.T, repo string) (Reference, ocispec.Descriptor) {
	t.Helper()
	ref := must[Reference](t)(ParseReference(repo + ":1-r0"))
	r := must[*Repository](t)(OpenRepository(ctx, ref, true, nil, options()))
	t.Cleanup(r.Close)
	f := newFake(t)
	image := f.image("layer")
	for _, content := range []string{"layer", `{"architecture":"amd64","os":"linux"}`} {
		check(t, r.putBytes(ctx, []byte(content)))
	}
	for _, tag := range []string{"", "1-r0"} {
		_, err := r.PutManifest(ctx, &Manifest{Descriptor: image, Body: f.manifests["1-r0"].body}, tag)
		check(t, err)
	}
	return ref, image
}

func TestAttachSignature(t *testing.T) {
	repo := realRegistry(t, nil)
	ref, image := realImage(t, repo)
	sig := SignaturesTag(image.Digest)
	for _, s := range []struct {
		payload, signature string
		want               int
	}{{"a", "1", 1}, {"b", "2", 2}, {"a", "1", 2}, {"a", "another key's", 3}} {
		ours := func(got []byte) bool { return string(got) == s.signature }
		check(t, AttachSignature(ctx, ref, Signature{image.Digest, []byte(s.payload), []byte(s.signature)}, ours, options()))
		r := must[*Repository](t)(OpenRepository(ctx, ref, false, nil, options()))
		m := must[*Manifest](t)(r.Signatures(ctx, image.Digest))
		if layers := m.Content.Layers; len(layers) != s.want || !has(layers, []byte(s.payload), ours) {
			t.Errorf("%v: %d signatures: %+v", s, len(layers), layers)
		}
		r.Close()
	}
	// What isn't a list of signatures is not added to.
	never := func([]byte) bool { return false }
	plain := must[*remote.Descriptor](t)(remote.Get(must[name.Reference](t)(name.ParseReference(ref.String()))))
	tag := must[name.Tag](t)(name.NewTag(repo + ":" + sig))
	check(t, remote.Put(tag, raw{ocispec.MediaTypeImageManifest, plain.Manifest}))
	var format *oci.FormatError
	if err := AttachSignature(ctx, ref, Signature{image.Digest, []byte("a"), []byte("1")}, never, options()); !errors.As(err, &format) {
		t.Errorf("got %v", err)
	}
	// A signature that is never there afterwards.
	other := Signature{digest.FromString("other"), []byte("a"), []byte("1")}
	var overwritten *OverwrittenError
	if err := AttachSignature(ctx, ref, other, never, options()); !errors.As(err, &overwritten) {
		t.Errorf("got %v", err)
	}
}
