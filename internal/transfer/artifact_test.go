package transfer

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// TestArtifact: an artifact that refers to nothing goes to a registry and comes back as
// it was; an image, one of another type, and one that refers to something don't.
func TestArtifact(t *testing.T) {
	dir := makeLayout(t, func(w *writer) {
		w.manifest(ocispec.Manifest{
			ArtifactType: sealedType, Config: w.blob(ocispec.MediaTypeEmptyJSON, []byte("{}")),
			Layers: []ocispec.Descriptor{w.blob("application/x", noise("toolchain", 1<<20)), w.blob("application/y", []byte("recipe"))},
		}, "")
	})
	for name, opts := range apis() {
		h := newHost(t, opts...)
		ref := h.ref(t, "inputs:1")
		s := must[*Set](t)(openFolder(t, dir).Artifact(sealedType))
		pushed := must[*Pushed](t)(s.ToRegistry(ctx, ref, Options{}))
		back := filepath.Join(t.TempDir(), "back")
		check(t, PullArtifact(ctx, ref, sealedType, back, Options{}))
		l := must[*oci.Layout](t)(oci.OpenLayout(back))
		defer l.Close()
		check(t, l.Check(ctx, nil))
		index := must[[]ocispec.Descriptor](t)(l.Images())
		if len(index) != 1 || index[0].Digest != pushed.Image.Digest || index[0].ArtifactType != sealedType {
			t.Errorf("%s: %+v, want %s", name, index, pushed.Image.Digest)
		}
	}

	h := newHost(t, registry.WithReferrersSupport(true))
	release, image := makeRelease(t, "mqtt:1"), h.ref(t, "mqtt:1")
	must[*Pushed](t)(imageIn(t, release).ToRegistry(ctx, image, Options{}))
	s := must[*Set](t)(openFolder(t, dir).Artifact(sealedType))
	must[*Pushed](t)(s.ToRegistry(ctx, h.ref(t, "inputs:1"), Options{}))
	about := openFolder(t, release)
	for _, m := range about.manifests {
		if m.Content.ArtifactType == sealedType {
			put(t, image, "sealed", m.Body)
		}
	}
	for what, pull := range map[string]struct{ of, artifactType string }{
		"an image": {"mqtt:1", sealedType}, "another type": {"inputs:1", "application/x"}, "about an image": {"mqtt:sealed", sealedType},
	} {
		to := filepath.Join(t.TempDir(), "to")
		var refused *oci.FormatError
		if err := PullArtifact(ctx, h.ref(t, pull.of), pull.artifactType, to, Options{}); !errors.As(err, &refused) {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := os.Stat(to); err == nil {
			t.Errorf("%s: there is %s", what, to)
		}
	}
	if _, err := s.ToRegistry(ctx, h.ref(t, "inputs@"+s.Image.Digest.String()), Options{}); err == nil {
		t.Error("pushed without a tag")
	}
}
