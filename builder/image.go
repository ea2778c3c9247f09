package builder

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/declared"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// imagePath is the PATH of every image and build step.
const imagePath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// platformOf returns the OCI platform of an Alpine architecture.
func platformOf(arch string) (ocispec.Platform, error) {
	switch arch {
	case "x86_64":
		return ocispec.Platform{OS: "linux", Architecture: "amd64"}, nil
	case "aarch64":
		return ocispec.Platform{OS: "linux", Architecture: "arm64"}, nil
	}
	return ocispec.Platform{}, fmt.Errorf("architecture %q is not known: want x86_64 or aarch64", arch)
}

// imageConfig returns r's OCI image config (image-spec, config.md) without the
// root file system, which the exporter fills in.
func imageConfig(r *recipe.Recipe, platform ocispec.Platform, baseLayers int) ([]byte, error) {
	labels, err := imageLabels(r)
	if err != nil {
		return nil, err
	}
	created := time.Unix(r.Epoch, 0).UTC()
	img := ocispec.Image{
		Created:  &created,
		Platform: platform,
		Config: ocispec.ImageConfig{
			Env:        []string{"PATH=" + imagePath},
			WorkingDir: "/",
			Labels:     labels,
		},
	}
	for range baseLayers {
		img.History = append(img.History, ocispec.History{Created: &created, CreatedBy: "base " + baseName(r)})
	}
	if r.Kind == recipe.Service {
		img.History = append(img.History, ocispec.History{Created: &created, CreatedBy: fmt.Sprintf("service %s %s-r%d", r.Name, r.Version, r.Release)})
	} else {
		img.Config.Cmd = []string{"/bin/sh"}
	}
	if rt := r.Runtime; rt != nil {
		runtimeConfig(&img.Config, r, rt)
	}
	return json.Marshal(img)
}

func baseName(r *recipe.Recipe) string {
	if r.Kind == recipe.Base {
		return r.Name
	}
	return r.Base
}

func runtimeConfig(c *ocispec.ImageConfig, r *recipe.Recipe, rt *recipe.Runtime) {
	uid := ownerID(r, rt.User)
	c.User = fmt.Sprintf("%d:%d", uid, uid)
	c.Entrypoint, c.Cmd = rt.Entrypoint, rt.Command
	c.StopSignal = rt.StopSignal
	if rt.WorkingDir != "" {
		c.WorkingDir = rt.WorkingDir
	}
	for _, name := range slices.Sorted(maps.Keys(rt.Env)) {
		c.Env = setEnv(c.Env, name, rt.Env[name])
	}
	for _, p := range rt.Ports {
		if c.ExposedPorts == nil {
			c.ExposedPorts = map[string]struct{}{}
		}
		c.ExposedPorts[fmt.Sprintf("%d/%s", p.Number, p.Protocol)] = struct{}{}
	}
	for _, v := range rt.Volumes {
		if c.Volumes == nil {
			c.Volumes = map[string]struct{}{}
		}
		c.Volumes[v.Path] = struct{}{}
	}
}

func setEnv(env []string, name, value string) []string {
	env = slices.DeleteFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") })
	return append(env, name+"="+value)
}

// ownerID returns the uid, which is also the gid, of a declared user; root is 0.
func ownerID(r *recipe.Recipe, name string) int {
	for _, u := range r.Users {
		if u.Name == name {
			return int(u.UID)
		}
	}
	return 0
}

// imageLabels returns the recipe's own labels and those that carry its
// declarations.
func imageLabels(r *recipe.Recipe) (map[string]string, error) {
	labels := maps.Clone(r.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	said, err := declared.Of(r).Labels()
	if err != nil {
		return nil, err
	}
	maps.Copy(labels, said)
	return labels, nil
}

// manifestAnnotations returns the annotations of the image's manifest: the
// recipe's, over those that follow from its attributes (image-spec,
// annotations.md).
func manifestAnnotations(r *recipe.Recipe) map[string]string {
	a := map[string]string{
		ocispec.AnnotationTitle:   r.Name,
		ocispec.AnnotationVersion: fmt.Sprintf("%s-r%d", r.Version, r.Release),
		ocispec.AnnotationCreated: time.Unix(r.Epoch, 0).UTC().Format(time.RFC3339),
	}
	for name, value := range map[string]string{
		ocispec.AnnotationDescription:   r.Summary,
		ocispec.AnnotationURL:           r.Homepage,
		ocispec.AnnotationLicenses:      r.License,
		ocispec.AnnotationDocumentation: r.Documentation,
	} {
		if value != "" {
			a[name] = value
		}
	}
	maps.Copy(a, r.Annotations)
	return a
}

// inputImage returns the manifest and config of an image whose one layer is the
// file that in locks, so that BuildKit can read that file by digest as a tree.
func inputImage(in lock.Input, platform ocispec.Platform) (manifest, config blob, err error) {
	layer := ocispec.Descriptor{
		MediaType: ocispec.MediaTypeImageLayer,
		Digest:    digest.NewDigestFromEncoded(digest.SHA256, in.SHA256),
		Size:      in.Size,
	}
	diffID := layer.Digest // of an uncompressed tar, which all but a rootfs are
	if in.Kind == lock.KindRootfs {
		layer.MediaType = ocispec.MediaTypeImageLayerGzip
		diffID = digest.NewDigestFromEncoded(digest.SHA256, in.DiffID)
	}
	config, err = jsonBlob(ocispec.MediaTypeImageConfig, ocispec.Image{
		Platform: platform,
		RootFS:   ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{diffID}},
	})
	if err != nil {
		return blob{}, blob{}, err
	}
	manifest, err = jsonBlob(ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Config:    config.desc,
		Layers:    []ocispec.Descriptor{layer},
	})
	return manifest, config, err
}

func jsonBlob(mediaType string, v any) (blob, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return blob{}, err
	}
	return blob{
		desc: ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(b), Size: int64(len(b))},
		data: b,
	}, nil
}
