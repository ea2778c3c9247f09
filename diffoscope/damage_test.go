package diffoscope

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// damage changes what lies in a layout's folder, after the image was opened.
var damage = []struct {
	name  string
	apply func(tb testing.TB, i *Image)
	want  any // a pointer to the error's type
}{
	{"bit flip in a layer", func(tb testing.TB, i *Image) {
		edit(tb, i, i.layers[1].Digest, func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
	}, new(*oci.DigestError)},
	{"bit flip in the config", func(tb testing.TB, i *Image) {
		edit(tb, i, i.configAt.Digest, func(b []byte) []byte { b[0] ^= 1; return b })
	}, new(*oci.DigestError)},
	{"bit flip in the manifest", func(tb testing.TB, i *Image) {
		edit(tb, i, i.desc.Digest, func(b []byte) []byte { b[len(b)-3] ^= 1; return b })
	}, new(*oci.DigestError)},
	{"truncated layer", func(tb testing.TB, i *Image) {
		edit(tb, i, i.layers[0].Digest, func(b []byte) []byte { return b[:len(b)-1] })
	}, new(*oci.SizeError)},
	{"empty layer", func(tb testing.TB, i *Image) {
		edit(tb, i, i.layers[0].Digest, func([]byte) []byte { return nil })
	}, new(*oci.SizeError)},
	{"bytes after a layer", func(tb testing.TB, i *Image) {
		edit(tb, i, i.layers[0].Digest, func(b []byte) []byte { return append(b, 0) })
	}, new(*oci.SizeError)},
	{"layer gone", func(tb testing.TB, i *Image) {
		check(tb, os.Remove(blobFile(i, i.layers[0].Digest)))
	}, new(*fs.PathError)},
	{"another layer in its place", func(tb testing.TB, i *Image) {
		edit(tb, i, i.layers[0].Digest, func([]byte) []byte {
			b, err := os.ReadFile(blobFile(i, i.layers[1].Digest))
			check(tb, err)
			return b
		})
	}, new(*oci.SizeError)},
	{"symlink to outside", func(tb testing.TB, i *Image) {
		name := blobFile(i, i.layers[0].Digest)
		outside := filepath.Join(tb.TempDir(), "blob")
		check(tb, os.Rename(name, outside))
		check(tb, os.Symlink(outside, name))
	}, new(*fs.PathError)},
	{"another image in the index", func(tb testing.TB, i *Image) {
		other := newTestImage()
		other.annotations = nil
		replaceIndex(tb, i, other)
	}, new(*ChangedError)},
}

func blobFile(i *Image, d digest.Digest) string {
	return filepath.Join(i.path, "blobs", "sha256", d.Encoded())
}

func edit(tb testing.TB, i *Image, d digest.Digest, f func([]byte) []byte) {
	tb.Helper()
	b, err := os.ReadFile(blobFile(i, d))
	check(tb, err)
	check(tb, os.WriteFile(blobFile(i, d), f(bytes.Clone(b)), 0o644))
}

// replaceIndex puts other's blobs and index into the folder of i.
func replaceIndex(tb testing.TB, i *Image, other *testImage) {
	tb.Helper()
	from := other.write(tb)
	check(tb, fs.WalkDir(os.DirFS(from), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(i.path, name), b, 0o644)
	}))
}

// Damage is an error on either side, and whether the images were the same or not.
func TestDamage(t *testing.T) {
	different := newTestImage()
	different.config.Config.User = "0"
	for _, test := range damage {
		t.Run(test.name, func(t *testing.T) {
			for _, other := range []*testImage{newTestImage(), different} {
				for _, flip := range []bool{false, true} {
					a, b := open(t, other.write(t)), open(t, newTestImage().write(t))
					test.apply(t, b)
					if flip {
						a, b = b, a
					}
					c, err := Compare(t.Context(), a, b)
					if c != nil || !errors.As(err, test.want) {
						t.Errorf("got comparison %v and error %v (%T), want %T", c, err, err, test.want)
					}
				}
			}
		})
	}
}

// What lies must be refused also when every digest is right.
func TestRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*testImage)
		want   any
	}{
		{"second gzip member", func(i *testImage) {
			i.layers[1].rawBlob = func(b []byte) []byte { return append(bytes.Clone(b), b...) }
		}, new(*oci.TrailingError)},
		{"bytes after the gzip member", func(i *testImage) {
			i.layers[1].rawBlob = func(b []byte) []byte { return append(bytes.Clone(b), "tail"...) }
		}, new(*oci.TrailingError)},
		{"wrong diffID", func(i *testImage) {
			i.rawConfig = func(b []byte) []byte {
				at := bytes.LastIndex(b, []byte(`sha256:`)) + len("sha256:")
				copy(b[at:], "00000000")
				return b
			}
		}, new(*oci.DigestError)},
		{"duplicate key in the config", func(i *testImage) {
			i.rawConfig = func(b []byte) []byte { return bytes.Replace(b, []byte("{"), []byte(`{"os":"plan9",`), 1) }
		}, new(*oci.FormatError)},
		{"one diffID for two layers", func(i *testImage) {
			i.rawConfig = func(b []byte) []byte {
				at := bytes.LastIndex(b, []byte(`,"sha256:`))
				end := bytes.IndexByte(b[at:], ']')
				return append(b[:at:at], b[at+end:]...)
			}
		}, new(*oci.FormatError)},
	} {
		t.Run(test.name, func(t *testing.T) {
			i := newTestImage()
			i.layers[1].entries[2].body = "other"
			test.change(i)
			b, err := Open(i.write(t), Limits{})
			if err == nil {
				defer b.Close()
				_, err = Compare(t.Context(), open(t, newTestImage().write(t)), b)
			}
			if !errors.As(err, test.want) {
				t.Errorf("got %v (%T), want %T", err, err, test.want)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	changed := newTestImage()
	changed.layers[1].entries[2].body = "other"
	dir := changed.write(t)
	for name, limits := range map[string]Limits{
		"size":    {LayerSize: 4096},
		"entries": {Entries: 3},
		"path":    {Path: 6},
	} {
		b, err := Open(dir, limits)
		check(t, err)
		_, err = Compare(t.Context(), open(t, newTestImage().write(t)), b)
		if limit := new(oci.LimitError); !errors.As(err, &limit) {
			t.Errorf("%s: got %v, want a LimitError", name, err)
		}
		check(t, b.Close())
	}
}

func TestImageCount(t *testing.T) {
	other := newTestImage()
	other.config.Config.User = "0"
	dir := filepath.Join(t.TempDir(), "layout")
	w, err := oci.Create(dir)
	check(t, err)
	check(t, w.Commit([]ocispec.Descriptor{newTestImage().add(t, w), other.add(t, w)}))
	_, err = Open(dir, Limits{})
	if count := new(ImageCountError); !errors.As(err, &count) || count.Count != 2 {
		t.Errorf("two images: got %v, want an ImageCountError", err)
	}
}

func TestCancelled(t *testing.T) {
	a, b := open(t, newTestImage().write(t)), open(t, newTestImage().write(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if c, err := Compare(ctx, a, b); c != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v, want context.Canceled", c, err)
	}
}
