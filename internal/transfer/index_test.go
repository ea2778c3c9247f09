package transfer

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// indexOf adds an index of images that the layout's own index no longer names.
func (w *writer) indexOf(name string, images ...ocispec.Descriptor) ocispec.Descriptor {
	w.t.Helper()
	w.index = nil
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: images}
	desc := w.blob(index.MediaType, must[[]byte](w.t)(json.Marshal(index)))
	listed := desc
	listed.Annotations = map[string]string{ocispec.AnnotationRefName: name}
	w.index = append(w.index, listed)
	return desc
}

// TestIndex: an index goes with all its images, and all that is attached to any.
func TestIndex(t *testing.T) {
	h := newHost(t)
	ref := h.ref(t, "mqtt:1-r0")
	dir := makeLayout(t, func(w *writer) {
		one, two := w.image("one"), w.image("two")
		index := w.indexOf("mqtt:1-r0", one, two)
		for n, subject := range []ocispec.Descriptor{index, one, two} {
			w.attach(bundleType, subject, noise("bundle", n+1))
		}
	})
	set := must[*Set](t)(imageIn(t, dir).Collect(ctx, Options{}))
	if len(set.Platforms) != 2 || len(set.Attached) != 3 || len(set.Problems) > 0 {
		t.Fatalf("got %+v", set)
	}
	must[*Pushed](t)(imageIn(t, dir).ToRegistry(ctx, ref, Options{}))
	back := filepath.Join(t.TempDir(), "back")
	if m := must[*Moved](t)(Pull(ctx, ref, "", back, Options{})); m.Image.Digest != set.Image.Digest || m.Attached != 3 {
		t.Errorf("got %+v", m)
	}
	var files [2]bytes.Buffer
	for n, dir := range []string{dir, back} {
		s := must[*Set](t)(imageIn(t, dir).Collect(ctx, Options{}))
		check(t, Export(ctx, &files[n], []*Set{s}, Options{}))
	}
	if !bytes.Equal(files[0].Bytes(), files[1].Bytes()) {
		t.Error("it came back as another file")
	}
}

// TestIndexRefused: what an index may not name.
func TestIndexRefused(t *testing.T) {
	for want, fill := range map[string]func(*writer){
		"it names an index": func(w *writer) { w.indexOf("", w.indexOf("", w.image("one"))) },
		"images of":         func(w *writer) { w.indexOf("") },
		"not the image that it has to be": func(w *writer) {
			w.indexOf("", w.attach(bundleType, w.image("one"), []byte("x")))
		},
	} {
		dir := filepath.Join(t.TempDir(), "layout")
		w := &writer{t: t, Writer: must[*oci.Writer](t)(oci.Create(dir))}
		fill(w)
		err := w.Commit(w.index)
		if err == nil {
			var f *Folder
			if f, err = OpenFolder(dir); err == nil {
				_, err = must[*Image](t)(f.Image()).Collect(ctx, Options{})
				check(t, f.Close())
			}
		}
		if err == nil || !strings.Contains(err.Error(), want) && !strings.Contains(err.Error(), "media type is") {
			t.Errorf("%s: %v", want, err)
		}
	}
}
