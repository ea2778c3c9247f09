package release

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// database is apk's, of the images that tests write.
const database = "C:Q16vHLRZoP2NZ2lLj3reL8p+l/YE4=\nP:musl\nV:1.2.4-r2\nA:x86_64\nS:1\nL:MIT\no:musl\n\n"

// writeImage writes a layout with one image of two layers, the first with a database
// of apk's and the second with content as a file, and returns the manifest's
// descriptor.
func writeImage(t testing.TB, dir, content string) ocispec.Descriptor {
	t.Helper()
	return writeImageFor(t, dir, content, "amd64")
}

func writeImageFor(t testing.TB, dir, content, architecture string) ocispec.Descriptor {
	t.Helper()
	w := must[*oci.Writer](t)(oci.Create(dir))
	m := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
	config := ocispec.Image{
		Platform: ocispec.Platform{Architecture: architecture, OS: "linux"}, RootFS: ocispec.RootFS{Type: "layers"},
		Config: ocispec.ImageConfig{Labels: map[string]string{"tailsbuild.privileges": "[]"}},
	}
	for _, body := range []string{"base", content} {
		var plain, packed bytes.Buffer
		tw := tar.NewWriter(&plain)
		name := "etc/" + body[:4]
		if body == "base" {
			name, body = "lib/apk/db/installed", database
		}
		check(t, tw.WriteHeader(&tar.Header{Name: name, Size: int64(len(body)), Mode: 0o644, ModTime: time.Unix(1, 0)}))
		must[int](t)(tw.Write([]byte(body)))
		check(t, tw.Close())
		zw := gzip.NewWriter(&packed)
		must[int](t)(zw.Write(plain.Bytes()))
		check(t, zw.Close())
		m.Layers = append(m.Layers, must[ocispec.Descriptor](t)(w.AddBytes(ocispec.MediaTypeImageLayerGzip, packed.Bytes())))
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, digest.FromBytes(plain.Bytes()))
	}
	m.Config = must[ocispec.Descriptor](t)(w.AddBytes(ocispec.MediaTypeImageConfig, must[[]byte](t)(json.Marshal(config))))
	desc := must[ocispec.Descriptor](t)(w.AddBytes(ocispec.MediaTypeImageManifest, must[[]byte](t)(json.Marshal(m))))
	check(t, w.Commit([]ocispec.Descriptor{desc}))
	return desc
}

// pair returns two builds of one plan whose images have the given contents, with
// an empty folder "dist" beside them.
func pair(t testing.TB, contentA, contentB string) (b Build, dist string) {
	t.Helper()
	dir := t.TempDir()
	b = Build{
		Closure: []*recipe.Recipe{
			{
				Kind: recipe.Service, Name: "mqtt", Version: "2.7.9", Release: 1, Epoch: 1714521600,
				Files: []recipe.File{{Path: "/etc/mqtt", Source: "files/mqtt"}, {Path: "/etc/inline", Content: "x"}},
				Tests: []recipe.Test{{Name: "answers"}, {Name: "refuses"}},
				Bytes: []byte("service \"mqtt\" {}\n"),
			},
			{Kind: recipe.Base, Name: "alpine-3.19", Version: "3.19.4", EndOfSupport: "2025-11-01", Bytes: []byte("base {}\n")},
		},
		Files: map[string][]byte{"/etc/mqtt": []byte("setting\n")},
		Arch:  "x86_64", Plan: digest.FromString("plan"), Lock: digest.FromString("lock"),
		Output: lock.Output{Compatibility: 1, BuildKit: "v0.34.2", BuildKitCompatibility: 30, Compression: "gzip"},
		Inputs: []lock.Input{{
			Kind: lock.KindRootfs, Name: "alpine-3.19", Arch: "x86_64", URL: "https://example.org/rootfs.tar.gz",
			Size: 5, SHA256: digest.FromString("rootfs").Encoded(),
		}},
		A: &builder.Result{Builder: "a", Layout: filepath.Join(dir, "a"), Invocation: strings.Repeat("0a", 16)},
		B: &builder.Result{Builder: "b", Layout: filepath.Join(dir, "b"), Invocation: strings.Repeat("0b", 16)},
	}
	start := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for _, r := range []*builder.Result{b.A, b.B} {
		r.Plan, r.Started, r.Finished = b.Plan, start, start.Add(time.Second)
		r.Variation = map[string]string{"hostname": "build-" + r.Builder, "umask": "0022"}
	}
	b.B.Variation["umask"] = "0077"
	b.A.Image = writeImage(t, b.A.Layout, contentA)
	b.B.Image = writeImage(t, b.B.Layout, contentB)
	for _, test := range b.Closure[0].Tests {
		b.Tested = append(b.Tested, builder.Tested{Name: test.Name, Image: b.A.Image.Digest, Passed: true})
	}
	dist = filepath.Join(dir, "dist")
	check(t, os.Mkdir(dist, 0o755))
	return b, dist
}

var keys [2]*sign.Key

// key returns the key number n, always the same: scrypt takes its time.
func key(t testing.TB, n int) *sign.Key {
	t.Helper()
	if keys[n] == nil {
		private, _, err := sign.GenerateKey(nil)
		check(t, err)
		keys[n] = must[*sign.Key](t)(sign.OpenKey(private, nil))
	}
	return keys[n]
}

// released returns a release signed with key 0.
func released(t testing.TB) (dir string, b Build) {
	t.Helper()
	b, dist := pair(t, "same", "same")
	dir = filepath.Join(dist, "mqtt")
	must[*Release](t)(Create(context.Background(), b, Options{Dir: dir, Key: key(t, 0), Version: "0.1.0"}))
	return dir, b
}

// wantEmpty checks that dist has nothing but names, hidden files included.
func wantEmpty(t testing.TB, dist string, names ...string) {
	t.Helper()
	entries := must[[]os.DirEntry](t)(os.ReadDir(dist))
	got := []string{}
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(names, " ") {
		t.Errorf("%s has %q, want %q", dist, got, names)
	}
}

// blobPath returns where a layout has the blob.
func blobPath(dir string, d digest.Digest) string {
	return filepath.Join(dir, ocispec.ImageBlobsDir, "sha256", d.Encoded())
}

// flip changes one byte in the middle of a file.
func flip(t testing.TB, path string) {
	t.Helper()
	b := must[[]byte](t)(os.ReadFile(path))
	b[len(b)/2] ^= 1
	check(t, os.WriteFile(path, b, 0o644))
}
