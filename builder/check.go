package builder

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// maxConfig is how large an image config may be, in bytes.
const maxConfig = 1 << 20

// check reads the image that BuildKit exported and fills in what the result says
// of it. It returns an [OutputError] when the image isn't what the plan asked
// for: BuildKit only warns when it can't rewrite a layer's times.
func (r *Result) check(ctx context.Context, p *Plan) error {
	layout, err := oci.OpenLayout(r.Layout)
	if err != nil {
		return err
	}
	defer layout.Close()
	images, err := layout.Images()
	if err != nil {
		return err
	}
	if len(images) != 1 {
		return r.wrong("the layout has %d images, want 1", len(images))
	}
	r.Image = ocispec.Descriptor{MediaType: images[0].MediaType, Digest: images[0].Digest, Size: images[0].Size}
	manifest, _, err := layout.ReadManifest(r.Image)
	if err != nil {
		return err
	}
	if err := r.checkBase(layout, manifest, p); err != nil {
		return err
	}
	seen := dirs{}
	for i, desc := range manifest.Layers {
		c := layerCheck{result: r, dirs: seen, base: i < len(p.baseLayers), epoch: time.Unix(p.recipe.Epoch, 0)}
		if i < len(p.baseLayers)+p.baseAdds {
			c.epoch = time.Unix(p.baseEpoch, 0)
		}
		if err := c.run(ctx, layout, desc); err != nil {
			return err
		}
	}
	return nil
}

func (r *Result) wrong(format string, args ...any) error {
	return &OutputError{Builder: r.Builder, Reason: fmt.Sprintf(format, args...)}
}

// checkBase returns an error unless the image is the base's root file system,
// untouched, with as many layers more as the plan says.
func (r *Result) checkBase(layout *oci.Layout, manifest *ocispec.Manifest, p *Plan) error {
	b, err := layout.ReadBlob(manifest.Config, maxConfig)
	if err != nil {
		return err
	}
	var config ocispec.Image
	if err := json.Unmarshal(b, &config); err != nil {
		return r.wrong("config: %v", err)
	}
	want := len(p.baseLayers) + p.baseAdds
	if p.layered {
		want++
	}
	if got := len(config.RootFS.DiffIDs); got != want || len(manifest.Layers) != want {
		return r.wrong("it has %d layers and %d diffIDs, want %d", len(manifest.Layers), got, want)
	}
	for i, diffID := range p.baseLayers {
		if got := config.RootFS.DiffIDs[i]; got != diffID {
			return r.wrong("layer %d has diffID %s, the base's is %s", i, got, diffID)
		}
		if got := manifest.Layers[i].Digest; got != p.baseBlobs[i] {
			return r.wrong("layer %d is %s, the base's is %s", i, got, p.baseBlobs[i])
		}
	}
	return nil
}

// dirs has the folders of the layers read so far.
type dirs map[string]attributes

type attributes struct {
	mode     int64
	uid, gid int
}

// A layerCheck reads one layer.
type layerCheck struct {
	result *Result
	dirs   dirs
	base   bool
	epoch  time.Time
}

func (c layerCheck) run(ctx context.Context, layout *oci.Layout, desc ocispec.Descriptor) (err error) {
	layer, err := layout.OpenLayer(desc, oci.LayerLimits{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, layer.Close()) }()
	for {
		h, err := layer.Next()
		if err == io.EOF {
			c.result.Unpacked += layer.Size()
			return nil
		}
		if err != nil {
			return err
		}
		if err := c.entry(h); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// entry refuses what would depend on when the layer was made, and a change of a
// folder that the base has: copying a tree onto another would take its modes.
func (c layerCheck) entry(h *tar.Header) error {
	if !c.base && h.ModTime.After(c.epoch) {
		return c.result.wrong("%q has the time %s, later than the epoch %s", h.Name, h.ModTime.UTC().Format(time.RFC3339Nano), c.epoch.UTC().Format(time.RFC3339))
	}
	if h.Typeflag != tar.TypeDir {
		return nil
	}
	name, have := path.Clean("/"+h.Name), attributes{h.Mode & 0o7777, h.Uid, h.Gid}
	if was, ok := c.dirs[name]; ok && was != have {
		return c.result.wrong("it changes the base's folder %q from mode %04o, owner %d:%d to mode %04o, owner %d:%d",
			name, was.mode, was.uid, was.gid, have.mode, have.uid, have.gid)
	}
	c.dirs[name] = have
	return nil
}
