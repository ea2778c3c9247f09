package builder

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// treeLayer makes a layer's blob of files, by name.
func treeLayer(t *testing.T, files ...string) blob {
	t.Helper()
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	tw := tar.NewWriter(zw)
	for _, name := range files {
		err := tw.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: 1, Uid: os.Getuid(), Gid: os.Getgid()})
		if _, writeErr := tw.Write([]byte("x")); err != nil || writeErr != nil {
			t.Fatal(err, writeErr)
		}
	}
	if err := errors.Join(tw.Close(), zw.Close()); err != nil {
		t.Fatal(err)
	}
	made, err := jsonBlob(ocispec.MediaTypeImageLayerGzip, nil)
	if err != nil {
		t.Fatal(err)
	}
	made.data = b.Bytes()
	made.desc.Digest, made.desc.Size = made.desc.Digest.Algorithm().FromBytes(made.data), int64(len(made.data))
	return made
}

// imageOf writes a layout with an image of those layers.
func imageOf(t *testing.T, layers ...blob) trialImage {
	t.Helper()
	config, err := jsonBlob(ocispec.MediaTypeImageConfig, ocispec.Image{Config: ocispec.ImageConfig{User: "7:7"}})
	if err != nil {
		t.Fatal(err)
	}
	m := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, Config: config.desc}
	for _, l := range layers {
		m.Layers = append(m.Layers, l.desc)
	}
	manifest, err := jsonBlob(ocispec.MediaTypeImageManifest, m)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "layout")
	w, err := oci.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range append(layers, config, manifest) {
		if err := w.Add(b.desc, bytes.NewReader(b.data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit([]ocispec.Descriptor{manifest.desc}); err != nil {
		t.Fatal(err)
	}
	return trialImage{Layout: dir, Image: manifest.desc}
}

// TestUnpack: later layers take away from earlier ones; the first alone are the base;
// a blob that was changed is refused, be it only behind the tar's end.
func TestUnpack(t *testing.T) {
	image := imageOf(t, treeLayer(t, "kept", "gone", "dir/a", "dir/b"), treeLayer(t, ".wh.gone", "dir/.wh..wh..opq", "dir/c"))
	unpacked := func(im trialImage) []string {
		dir := filepath.Join(t.TempDir(), "tree")
		config, err := im.unpack(t.Context(), dir)
		if err != nil || config.User != "7:7" {
			t.Fatalf("%+v, %v", config, err)
		}
		var names []string
		for _, pattern := range []string{"*", "dir/*"} {
			found, err := filepath.Glob(filepath.Join(dir, pattern))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range found {
				names = append(names, f[len(dir)+1:])
			}
		}
		return names
	}
	for layers, want := range [][]string{{"dir", "kept", "dir/c"}, {"dir", "gone", "kept", "dir/a", "dir/b"}} {
		image.Layers = layers // 0 is all
		if got := unpacked(image); !slices.Equal(got, want) {
			t.Errorf("%d layers: got %q, want %q", layers, got, want)
		}
	}

	bad := imageOf(t, treeLayer(t, "a"))
	blobs, err := filepath.Glob(filepath.Join(bad.Layout, "blobs", "sha256", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range blobs {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
			continue
		}
		b[4] ^= 1 // the time in gzip's header, which no reader of the tar sees
		if err := errors.Join(os.Chmod(path, 0o600), os.WriteFile(path, b, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	var digestErr *oci.DigestError
	if _, err := bad.unpack(t.Context(), filepath.Join(t.TempDir(), "tree")); !errors.As(err, &digestErr) {
		t.Errorf("got %v, want a DigestError", err)
	}
}
