// Package releasetest makes releases for tests, without builders: of two layouts
// that are the same, by the gate, which compares them as it does all others.
package releasetest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// Key returns a new key.
func Key() (*sign.Key, error) {
	private, _, err := sign.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	return sign.OpenKey(private, nil)
}

// plan is the digest of what is built.
var plan = digest.FromString("plan")

// Release makes a release of mqtt 2.7.9-r1 in the folder dir, which must not exist,
// whose image has content in a file and one apk package, and passed one test. A nil
// key leaves it unsigned.
func Release(ctx context.Context, dir, content string, key *sign.Key) (*release.Release, error) {
	return create(ctx, content, locked(lock.CurrentOutput()), nil, release.Options{Dir: dir, Key: key, Version: "0.1.0"}, "x86_64")
}

// Index is [Release] for two platforms, of a recipe that is for two.
func Index(ctx context.Context, dir, content string, key *sign.Key) (*release.Release, error) {
	opts := release.Options{Dir: dir, Key: key, Version: "0.1.0"}
	return create(ctx, content, locked(lock.CurrentOutput()), nil, opts, "x86_64", "aarch64")
}

// Sealed is [Release] with sealed inputs, and a toolchain record.
func Sealed(ctx context.Context, dir, content string, key *sign.Key, output lock.Output) (r *release.Release, err error) {
	err = withStore(dir, func(store *inputs.Store) error {
		opts := release.Options{Dir: dir, Key: key, Version: "0.1.0", Store: store}
		r, err = create(ctx, content, locked(output), newSeal(output), opts, "x86_64")
		return err
	})
	return r, err
}

// Blind makes a layout in the folder dir with the sealed inputs of [Sealed], as they
// are before anybody knows which image comes out.
func Blind(ctx context.Context, dir string, output lock.Output) error {
	return withStore(dir, func(store *inputs.Store) (err error) {
		w, err := oci.Create(dir)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, w.Abort()) }()
		desc, err := newSeal(output).Blind().Write(ctx, w, store, nil)
		if err != nil {
			return err
		}
		return w.Commit([]ocispec.Descriptor{desc})
	})
}

func newSeal(output lock.Output) *inputs.Seal {
	return &inputs.Seal{
		Recipe: closure[0].Name, Arch: "x86_64", Plan: plan, Lock: locked(output), Inputs: []lock.Input{rootfs},
		Files: map[string][]byte{"mqtt/recipe.hcl": closure[0].Bytes, "alpine-3.19/recipe.hcl": closure[1].Bytes},
	}
}

// withStore calls do with a store that has the inputs, beside the folder dir.
func withStore(dir string, do func(*inputs.Store) error) error {
	work, err := os.MkdirTemp(filepath.Dir(dir), "store-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	store, err := inputs.OpenStore(work)
	if err != nil {
		return err
	}
	if err := os.WriteFile(store.Path(rootfs.SHA256), []byte(rootfsContent), 0o444); err != nil {
		return err
	}
	return do(store)
}

// Rebuild makes what the auditor's builder would make in the folder dir: an image
// with content in a file.
func Rebuild(dir, content string) (*builder.Result, error) {
	return build(dir, builder.Auditor, "x86_64", content, plan)
}

// Made describes what releases with sealed inputs, for x86_64 and output, are made from.
func Made(output lock.Output) *release.Build {
	lk := locked(output)
	return &release.Build{
		Closure: closure, Arch: "x86_64", Plan: plan, Lock: lk.Digest(), Output: output, Inputs: lk.Inputs,
	}
}

var closure = []*recipe.Recipe{
	{
		Kind: recipe.Service, Name: "mqtt", Version: "2.7.9", Release: 1, Epoch: 1714521600,
		Tests: []recipe.Test{{Name: "answers"}}, Bytes: []byte("service \"mqtt\" {}\n"),
	},
	{Kind: recipe.Base, Name: "alpine-3.19", Version: "3.19.4", EndOfSupport: "2099-11-01", Bytes: []byte("base {}\n")},
}

const rootfsContent = "rootfs"

var rootfs = lock.Input{
	Kind: lock.KindRootfs, Name: "alpine-3.19", Arch: "x86_64", URL: "https://example.org/rootfs.tar.gz",
	Size: int64(len(rootfsContent)), SHA256: digest.FromString(rootfsContent).Encoded(), DiffID: digest.FromString(rootfsContent).Encoded(),
}

func locked(output lock.Output) *lock.File {
	return &lock.File{Recipe: "mqtt", Output: output, Inputs: []lock.Input{rootfs}}
}

// create makes a release for archs, of a recipe that is for those.
func create(ctx context.Context, content string, lk *lock.File, seal *inputs.Seal, opts release.Options, archs ...string) (*release.Release, error) {
	work, err := os.MkdirTemp(filepath.Dir(opts.Dir), "builds-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	rec := *closure[0]
	rec.Arch = archs
	var builds []release.Build
	for _, arch := range archs {
		b := release.Build{
			Closure: []*recipe.Recipe{&rec, closure[1]}, Arch: arch, Plan: plan, Lock: lk.Digest(),
			Output: lk.Output, Inputs: lk.Inputs, Seal: seal,
		}
		if b.A, err = build(filepath.Join(work, "a-"+arch), "a", arch, content, b.Plan); err != nil {
			return nil, err
		}
		if b.B, err = build(filepath.Join(work, "b-"+arch), "b", arch, content, b.Plan); err != nil {
			return nil, err
		}
		b.Tested = []builder.Tested{{Name: "answers", Image: b.A.Image.Digest, Passed: true}}
		builds = append(builds, b)
	}
	return release.CreateAll(ctx, builds, opts)
}

// architectures are OCI's names of Alpine's.
var architectures = map[string]string{"x86_64": "amd64", "aarch64": "arm64"}

func build(dir, name, arch, content string, plan digest.Digest) (*builder.Result, error) {
	start := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	res := &builder.Result{
		Builder: name, Layout: dir, Invocation: strings.Repeat("0"+name, 16), Plan: plan,
		Started: start, Finished: start.Add(time.Second), Variation: map[string]string{"hostname": "build-" + name},
	}
	w, err := oci.Create(dir)
	if err != nil {
		return nil, err
	}
	defer w.Abort()
	if res.Image, err = writeImage(w, architectures[arch], content); err != nil {
		return nil, err
	}
	return res, w.Commit([]ocispec.Descriptor{res.Image})
}

// database is apk's.
const database = "C:Q16vHLRZoP2NZ2lLj3reL8p+l/YE4=\nP:musl\nV:1.2.4-r2\nA:x86_64\nS:1\nL:MIT\no:musl\n\n"

// writeImage writes an image with one layer, which has content as a file.
func writeImage(w *oci.Writer, architecture, content string) (ocispec.Descriptor, error) {
	var plain, packed bytes.Buffer
	tw := tar.NewWriter(&plain)
	// Nothing that writes to memory fails.
	for _, f := range [][2]string{{"etc/content", content}, {"lib/apk/db/installed", database}} {
		_ = tw.WriteHeader(&tar.Header{Name: f[0], Size: int64(len(f[1])), Mode: 0o644, ModTime: time.Unix(1, 0)})
		_, _ = tw.Write([]byte(f[1]))
	}
	_ = tw.Close()
	zw := gzip.NewWriter(&packed)
	_, _ = zw.Write(plain.Bytes())
	_ = zw.Close()
	layer, err := w.AddBytes(ocispec.MediaTypeImageLayerGzip, packed.Bytes())
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	config, err := add(w, ocispec.MediaTypeImageConfig, ocispec.Image{
		Platform: ocispec.Platform{Architecture: architecture, OS: "linux"},
		Config:   ocispec.ImageConfig{Labels: map[string]string{"tailsbuild.privileges": "[]"}},
		RootFS:   ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{digest.FromBytes(plain.Bytes())}},
	})
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	return add(w, ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: config, Layers: []ocispec.Descriptor{layer},
		Annotations: map[string]string{
			ocispec.AnnotationTitle:   closure[0].Name,
			ocispec.AnnotationVersion: fmt.Sprintf("%s-r%d", closure[0].Version, closure[0].Release),
		},
	})
}

func add(w *oci.Writer, mediaType string, v any) (ocispec.Descriptor, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	return w.AddBytes(mediaType, b)
}
