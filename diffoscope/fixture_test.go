package diffoscope

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// A testImage is an image that a case changes in one place before it is written.
type testImage struct {
	config      ocispec.Image
	annotations map[string]string
	layers      []testLayer
	// rawConfig and rawManifest change the documents' bytes.
	rawConfig, rawManifest func([]byte) []byte
}

type testLayer struct {
	entries     []testEntry
	annotations map[string]string
	// compression is "gzip", "zstd" or "none".
	compression string
	level       int
	gzip        gzip.Header
	// rawTar and rawBlob change the layer's bytes.
	rawTar, rawBlob func([]byte) []byte
}

type testEntry struct {
	tar.Header
	body string
}

var testTime = time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)

func newTestImage() *testImage {
	created := testTime
	return &testImage{
		config: ocispec.Image{
			Created:  &created,
			Platform: ocispec.Platform{Architecture: "amd64", OS: "linux"},
			Config:   ocispec.ImageConfig{Env: []string{"PATH=/bin"}, User: "1000", Labels: map[string]string{"org.x": "y"}},
			RootFS:   ocispec.RootFS{Type: "layers"},
			History:  []ocispec.History{{CreatedBy: "base", Created: &created}, {CreatedBy: "service", Created: &created}},
		},
		annotations: map[string]string{"org.opencontainers.image.version": "1.0"},
		layers: []testLayer{
			{compression: "gzip", level: 6, entries: []testEntry{directory("etc/"), file("etc/os-release", "ID=alpine\n")}},
			{compression: "gzip", level: 6, entries: []testEntry{
				directory("usr/"), directory("usr/bin/"),
				file("usr/bin/x", "#!/bin/sh\necho 1\necho 2\n"),
				file("usr/data", string(bytes.Repeat([]byte{0, 1, 2, 3}, 10_000))),
				link("usr/link", "bin/x"),
			}},
		},
	}
}

func directory(name string) testEntry {
	return testEntry{Header: tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755, ModTime: testTime}}
}

func file(name, body string) testEntry {
	return testEntry{Header: tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, ModTime: testTime}, body: body}
}

func link(name, target string) testEntry {
	return testEntry{Header: tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777, ModTime: testTime}}
}

// write writes the image as a layout and returns its folder.
func (i *testImage) write(tb testing.TB) string {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "layout")
	w, err := oci.Create(dir)
	check(tb, err)
	defer func() { check(tb, w.Abort()) }()
	desc := i.add(tb, w)
	check(tb, w.Commit([]ocispec.Descriptor{desc}))
	return dir
}

// add adds the image's blobs to w and returns its descriptor.
func (i *testImage) add(tb testing.TB, w *oci.Writer) ocispec.Descriptor {
	tb.Helper()
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, Annotations: i.annotations,
	}
	config := i.config
	config.RootFS.DiffIDs = nil
	for _, l := range i.layers {
		mediaType, blob, diffID := l.blob(tb)
		desc, err := w.AddBytes(mediaType, blob)
		check(tb, err)
		desc.Annotations = l.annotations
		m.Layers = append(m.Layers, desc)
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, diffID)
	}
	var err error
	m.Config, err = w.AddBytes(ocispec.MediaTypeImageConfig, marshal(tb, config, i.rawConfig))
	check(tb, err)
	desc, err := w.AddBytes(ocispec.MediaTypeImageManifest, marshal(tb, m, i.rawManifest))
	check(tb, err)
	return desc
}

func marshal(tb testing.TB, v any, change func([]byte) []byte) []byte {
	tb.Helper()
	b, err := json.Marshal(v)
	check(tb, err)
	if change != nil {
		b = change(b)
	}
	return b
}

func (l testLayer) blob(tb testing.TB) (mediaType string, blob []byte, diffID digest.Digest) {
	tb.Helper()
	var archive bytes.Buffer
	tw := tar.NewWriter(&archive)
	for _, e := range l.entries {
		hdr := e.Header
		hdr.Size = int64(len(e.body))
		hdr.PAXRecords = maps.Clone(hdr.PAXRecords)
		check(tb, tw.WriteHeader(&hdr))
		_, err := tw.Write([]byte(e.body))
		check(tb, err)
	}
	check(tb, tw.Close())
	raw := archive.Bytes()
	if l.rawTar != nil {
		raw = l.rawTar(slices.Clone(raw))
	}
	mediaType, blob = l.compress(tb, raw)
	if l.rawBlob != nil {
		blob = l.rawBlob(blob)
	}
	return mediaType, blob, digest.FromBytes(raw)
}

func (l testLayer) compress(tb testing.TB, raw []byte) (mediaType string, blob []byte) {
	tb.Helper()
	var b bytes.Buffer
	switch l.compression {
	case "none":
		return ocispec.MediaTypeImageLayer, raw
	case "zstd":
		w, err := zstd.NewWriter(&b)
		check(tb, err)
		_, err = w.Write(raw)
		check(tb, err)
		check(tb, w.Close())
		return ocispec.MediaTypeImageLayerZstd, b.Bytes()
	}
	w, err := gzip.NewWriterLevel(&b, l.level)
	check(tb, err)
	w.Header = l.gzip
	if w.Header.OS == 0 {
		w.Header.OS = 255
	}
	_, err = w.Write(raw)
	check(tb, err)
	check(tb, w.Close())
	return ocispec.MediaTypeImageLayerGzip, b.Bytes()
}

func open(tb testing.TB, dir string) *Image {
	tb.Helper()
	i, err := Open(dir, Limits{})
	check(tb, err)
	tb.Cleanup(func() { check(tb, i.Close()) })
	return i
}

// compareTest compares two images. Whatever is found, its differences and the
// digests have to say the same.
func compareTest(tb testing.TB, a, b *Image) *Comparison {
	tb.Helper()
	c, err := Compare(tb.Context(), a, b)
	check(tb, err)
	if c.Identical() != (a.Digest() == b.Digest()) || c.Identical() == (len(c.Differences) > 0) {
		tb.Fatalf("identical %t with %d differences, digests %s and %s", c.Identical(), len(c.Differences), a.Digest(), b.Digest())
	}
	return c
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// lutimes sets the time of a link itself.
func lutimes(name string, at time.Time) error {
	ts := []unix.Timespec{unix.NsecToTimespec(at.UnixNano()), unix.NsecToTimespec(at.UnixNano())}
	return unix.UtimesNanoAt(unix.AT_FDCWD, name, ts, unix.AT_SYMLINK_NOFOLLOW)
}

func timeHour(n int) time.Duration { return time.Duration(n) * time.Hour }
