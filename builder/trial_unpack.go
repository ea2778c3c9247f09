package builder

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/containerd/containerd/v2/pkg/archive"
	"github.com/containerd/log"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// maxTree bounds a layer's tar: it is unpacked into memory.
const maxTree = 4 << 30

// unpack makes the image's tree at dir, which it makes, and returns its config.
// Every byte is checked against the image's digest before unpack returns.
func (im trialImage) unpack(ctx context.Context, dir string) (*ocispec.ImageConfig, error) {
	if err := log.SetLevel("fatal"); err != nil { // stderr is for the containers
		return nil, err
	}
	layout, err := oci.OpenLayout(im.Layout)
	if err != nil {
		return nil, err
	}
	defer layout.Close()
	manifest, _, err := layout.ReadManifest(im.Image)
	if err != nil {
		return nil, err
	}
	b, err := layout.ReadBlob(manifest.Config, maxConfig)
	if err != nil {
		return nil, err
	}
	var config ocispec.Image
	if err := json.Unmarshal(b, &config); err != nil {
		return nil, fmt.Errorf("config %s: %w", manifest.Config.Digest, err)
	}
	layers := manifest.Layers
	if im.Layers > 0 {
		layers = layers[:min(im.Layers, len(layers))]
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	for i, desc := range layers {
		if err := unpackLayer(ctx, layout, desc, dir); err != nil {
			return nil, fmt.Errorf("layer %d of %s: %w", i, im.Image.Digest, err)
		}
	}
	return &config.Config, nil
}

func unpackLayer(ctx context.Context, layout *oci.Layout, desc ocispec.Descriptor, dir string) error {
	blob, err := layout.Blob(desc)
	if err != nil {
		return err
	}
	defer blob.Close()
	tree := io.Reader(blob)
	if desc.MediaType == ocispec.MediaTypeImageLayerGzip {
		if tree, err = gzip.NewReader(blob); err != nil {
			return err
		}
	} else if desc.MediaType != ocispec.MediaTypeImageLayer {
		return fmt.Errorf("media type %q is not known", desc.MediaType)
	}
	if _, err := archive.Apply(ctx, dir, &treeReader{tree, maxTree}); err != nil {
		return err
	}
	// What follows the tar's end counts for the blob's digest, too.
	_, err1 := io.Copy(io.Discard, &treeReader{tree, maxTree})
	_, err2 := io.Copy(io.Discard, blob)
	return errors.Join(err1, err2)
}

// A treeReader ends with an error rather than after its limit.
type treeReader struct {
	io.Reader
	left int64
}

func (r *treeReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if r.left -= int64(n); r.left < 0 {
		return 0, &oci.LimitError{What: "a layer's tree", Size: maxTree - r.left, Limit: maxTree}
	}
	return n, err
}
