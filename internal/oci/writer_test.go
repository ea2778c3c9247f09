package oci

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// names returns what lies in dir.
func names(tb testing.TB, dir string) string {
	tb.Helper()
	entries, err := os.ReadDir(dir)
	check(tb, err)
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return strings.Join(list, " ")
}

func TestCommitReplaces(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "mqtt")
	var last digest.Digest
	for i := range 3 {
		w, err := Create(dir)
		check(t, err)
		desc := addManifest(t, w, func(m *ocispec.Manifest) { m.Annotations = map[string]string{"n": strings.Repeat("x", i)} })
		if i > 0 {
			images, err := openLayout(t, dir).Images()
			check(t, err)
			if images[0].Digest != last {
				t.Errorf("before Commit the old layout was changed")
			}
		}
		check(t, w.Commit([]ocispec.Descriptor{desc}))
		check(t, w.Abort())
		images, err := openLayout(t, dir).Images()
		check(t, err)
		last = desc.Digest
		if images[0].Digest != last || names(t, parent) != "mqtt" {
			t.Errorf("after Commit: %v in %q", images, names(t, parent))
		}
	}
}

func TestReplaceStepwise(t *testing.T) {
	dir, _ := writeLayout(t)
	temp, _ := writeLayout(t)
	check(t, os.WriteFile(filepath.Join(temp, "new"), nil, 0o644))
	check(t, replaceStepwise(temp, dir))
	if _, err := os.Stat(filepath.Join(dir, "new")); err != nil {
		t.Error(err)
	}
	if got := names(t, filepath.Dir(temp)); got != "" {
		t.Errorf("left %q", got)
	}
}

func TestAbort(t *testing.T) {
	parent := t.TempDir()
	w, err := Create(filepath.Join(parent, "mqtt"))
	check(t, err)
	addManifest(t, w, nil)
	check(t, w.Abort())
	check(t, w.Abort())
	if got := names(t, parent); got != "" {
		t.Errorf("left %q", got)
	}
}

// What is not a layout is never replaced, also when it came while the layout was
// written.
func TestOccupied(t *testing.T) {
	for name, put := range map[string]func(dir string) error{
		"file":    func(dir string) error { return os.WriteFile(dir, nil, 0o644) },
		"symlink": func(dir string) error { return os.Symlink(os.TempDir(), dir) },
		"folder": func(dir string) error {
			return errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(filepath.Join(dir, "thesis"), nil, 0o644))
		},
	} {
		parent := t.TempDir()
		dir := filepath.Join(parent, "mqtt")
		w, err := Create(dir)
		check(t, err)
		check(t, put(dir))
		if err := w.Commit([]ocispec.Descriptor{addManifest(t, w, nil)}); !errors.As(err, new(*OccupiedError)) {
			t.Errorf("%s: Commit says %v, want an OccupiedError", name, err)
		}
		check(t, w.Abort())
		if got := names(t, parent); got != "mqtt" {
			t.Errorf("%s: left %q", name, got)
		}
		if _, err := Create(dir); !errors.As(err, new(*OccupiedError)) {
			t.Errorf("%s: Create says %v, want an OccupiedError", name, err)
		}
	}
}

// Create removes what a killed writer left, and nothing of one that lives.
func TestStale(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "mqtt")
	check(t, os.MkdirAll(filepath.Join(parent, ".mqtt.tmp-123", "blobs"), 0o755))
	check(t, os.MkdirAll(filepath.Join(parent, ".other.tmp-123"), 0o755))
	first, err := Create(dir)
	check(t, err)
	second, err := Create(dir)
	check(t, err)
	desc := addManifest(t, first, nil)
	check(t, first.Commit([]ocispec.Descriptor{desc}))
	desc = addManifest(t, second, nil)
	check(t, second.Commit([]ocispec.Descriptor{desc}))
	if got := names(t, parent); got != ".other.tmp-123 mqtt" {
		t.Errorf("left %q", got)
	}
}

func TestAddChecks(t *testing.T) {
	w, err := Create(filepath.Join(t.TempDir(), "layout"))
	check(t, err)
	defer func() { check(t, w.Abort()) }()
	desc := ocispec.Descriptor{MediaType: "text/plain", Digest: digest.FromString("right"), Size: 5}
	if err := w.Add(desc, strings.NewReader("wrong")); !errors.As(err, new(*DigestError)) {
		t.Errorf("wrong bytes: got %v, want a DigestError", err)
	}
	if _, err := w.root.Stat(BlobPath(desc.Digest)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("wrong bytes were kept: %v", err)
	}
	check(t, w.Add(desc, strings.NewReader("right")))
	desc.Size = 6
	if err := w.Add(desc, strings.NewReader("right")); !errors.As(err, new(*SizeError)) {
		t.Errorf("another size: got %v, want a SizeError", err)
	}
	desc.Digest = digest.NewDigestFromEncoded(digest.SHA512, strings.Repeat("a", 128))
	if err := w.Add(desc, strings.NewReader("right")); !errors.As(err, new(*FormatError)) {
		t.Errorf("sha512: got %v, want a FormatError", err)
	}
}

func TestCommitWantsAllBlobs(t *testing.T) {
	w, err := Create(filepath.Join(t.TempDir(), "layout"))
	check(t, err)
	defer func() { check(t, w.Abort()) }()
	desc := addManifest(t, w, func(m *ocispec.Manifest) { m.Layers[0].Digest = digest.FromString("nowhere") })
	if err := w.Commit([]ocispec.Descriptor{desc}); !errors.As(err, new(*FormatError)) {
		t.Errorf("got %v, want a FormatError", err)
	}
}

// A layout can't be written where nothing can be.
func TestCreateFails(t *testing.T) {
	if _, err := Create(filepath.Join(t.TempDir(), "missing", "layout")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no parent: got %v, want fs.ErrNotExist", err)
	}
}

func TestOmit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "layout")
	w, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	config, err := w.AddBytes(ocispec.MediaTypeImageConfig, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	layer := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: digest.FromString("layer"), Size: 5}
	raw, err := json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: config, Layers: []ocispec.Descriptor{layer},
	})
	if err != nil {
		t.Fatal(err)
	}
	image, err := w.AddBytes(ocispec.MediaTypeImageManifest, raw)
	if err != nil {
		t.Fatal(err)
	}
	other := layer
	other.Size++
	if err := w.Omit(other); err != nil {
		t.Fatal(err)
	}
	var size *SizeError
	if err := w.Commit([]ocispec.Descriptor{image}); !errors.As(err, &size) {
		t.Errorf("another size was left out: %v", err)
	}
	if err := w.Omit(layer); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit([]ocispec.Descriptor{image}); err != nil {
		t.Fatal(err)
	}
	l, err := OpenLayout(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.Blob(layer); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading what was left out: %v", err)
	}
	var format *FormatError
	if err := w.Omit(ocispec.Descriptor{Digest: "md5:x"}); !errors.As(err, &format) {
		t.Errorf("got %v", err)
	}
}
