package oci

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"
)

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// addManifest adds a manifest and its blobs, after change, and returns its descriptor.
func addManifest(tb testing.TB, w *Writer, change func(*ocispec.Manifest)) ocispec.Descriptor {
	tb.Helper()
	config, err := w.AddBytes(ocispec.MediaTypeImageConfig, []byte("{}"))
	check(tb, err)
	layer, err := w.AddBytes(ocispec.MediaTypeImageLayer, make([]byte, 1024))
	check(tb, err)
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: config, Layers: []ocispec.Descriptor{layer},
	}
	if change != nil {
		change(&m)
	}
	b, err := json.Marshal(m)
	check(tb, err)
	desc, err := w.AddBytes(ocispec.MediaTypeImageManifest, b)
	check(tb, err)
	return desc
}

// writeLayout writes a layout with one image and returns its folder and image.
func writeLayout(tb testing.TB) (string, ocispec.Descriptor) {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "layout")
	w, err := Create(dir)
	check(tb, err)
	desc := addManifest(tb, w, nil)
	check(tb, w.Commit([]ocispec.Descriptor{desc}))
	return dir, desc
}

func openLayout(tb testing.TB, dir string) *Layout {
	tb.Helper()
	l, err := OpenLayout(dir)
	check(tb, err)
	tb.Cleanup(func() { check(tb, l.Close()) })
	return l
}

func TestRoundTrip(t *testing.T) {
	dir, desc := writeLayout(t)
	l := openLayout(t, dir)
	images, err := l.Images()
	check(t, err)
	if diff := cmp.Diff([]ocispec.Descriptor{desc}, images); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}
	m, raw, err := l.ReadManifest(images[0])
	check(t, err)
	if digest.FromBytes(raw) != desc.Digest || len(m.Layers) != 1 {
		t.Errorf("manifest is %s", raw)
	}
	if _, err := l.ReadBlob(m.Layers[0], 1023); !errors.As(err, new(*LimitError)) {
		t.Errorf("1024 bytes with a limit of 1023: got %v, want a LimitError", err)
	}
}

// Each index.json is refused.
func TestStrictIndex(t *testing.T) {
	good := `{"mediaType":"` + ocispec.MediaTypeImageManifest + `","digest":"sha256:` + strings.Repeat("a", 64) + `","size":1}`
	for name, index := range map[string]string{
		"empty":                    ``,
		"not JSON":                 `{`,
		"not an object":            `[]`,
		"trailing data":            `{"schemaVersion":2,"manifests":[]} {}`,
		"duplicate key":            `{"schemaVersion":2,"manifests":[],"manifests":[` + good + `]}`,
		"key in another case":      `{"schemaVersion":2,"Manifests":[` + good + `]}`,
		"not UTF-8":                "{\"schemaVersion\":2,\"manifests\":[],\"x\":\"\xff\"}",
		"schemaVersion 1":          `{"schemaVersion":1,"manifests":[]}`,
		"no schemaVersion":         `{"manifests":[]}`,
		"media type of a manifest": `{"schemaVersion":2,"mediaType":"` + ocispec.MediaTypeImageManifest + `","manifests":[]}`,
		"member of a manifest":     `{"schemaVersion":2,"manifests":[],"layers":[]}`,
		"sha512":                   `{"schemaVersion":2,"manifests":[` + strings.Replace(good, "sha256:", "sha512:"+strings.Repeat("a", 64), 1) + `]}`,
		"digest with a path":       `{"schemaVersion":2,"manifests":[` + strings.Replace(good, "sha256:aaa", "sha256:../", 1) + `]}`,
		"digest in upper case":     `{"schemaVersion":2,"manifests":[` + strings.Replace(good, "sha256:a", "sha256:A", 1) + `]}`,
		"short digest":             `{"schemaVersion":2,"manifests":[` + strings.Replace(good, "sha256:a", "sha256:", 1) + `]}`,
		"negative size":            `{"schemaVersion":2,"manifests":[` + strings.Replace(good, `:1}`, `:-1}`, 1) + `]}`,
		"size that is no number":   `{"schemaVersion":2,"manifests":[` + strings.Replace(good, `:1}`, `:1.5}`, 1) + `]}`,
		"no media type":            `{"schemaVersion":2,"manifests":[{"digest":"sha256:` + strings.Repeat("a", 64) + `","size":1}]}`,
		"deep":                     `{"schemaVersion":2,"manifests":[],"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`,
		"very deep":                strings.Repeat("[", 1<<20),
		"too many manifests":       `{"schemaVersion":2,"manifests":[` + good + strings.Repeat(","+good, MaxManifests) + `]}`,
		"too large":                `{"schemaVersion":2,"manifests":[],"x":"` + strings.Repeat("x", MaxDocument) + `"}`,
	} {
		dir, _ := writeLayout(t)
		check(t, os.WriteFile(filepath.Join(dir, "index.json"), []byte(index), 0o644))
		images, err := openLayout(t, dir).Images()
		if !errors.As(err, new(*FormatError)) && !errors.As(err, new(*LimitError)) {
			t.Errorf("%s: got %v and %v, want a FormatError or LimitError", name, images, err)
		}
	}
}

func TestStrictManifest(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "layout")
	for name, change := range map[string]func(string) string{
		"media type of an index": func(s string) string {
			return strings.Replace(s, ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex, 1)
		},
		"member of an index": func(s string) string { return strings.Replace(s, `{`, `{"manifests":[],`, 1) },
		"layer's size lies": func(s string) string {
			return strings.Replace(s, `"size":1024`, `"size":-1024`, 1)
		},
		"two configs": func(s string) string { return strings.Replace(s, `{`, `{"config":{},`, 1) },
	} {
		w, err := Create(dir)
		check(t, err)
		desc := addManifest(t, w, nil)
		b, err := w.root.ReadFile(BlobPath(desc.Digest))
		check(t, err)
		desc, err = w.AddBytes(desc.MediaType, []byte(change(string(b))))
		check(t, err)
		if err := w.Commit([]ocispec.Descriptor{desc}); !errors.As(err, new(*FormatError)) {
			t.Errorf("%s: got %v, want a FormatError", name, err)
		}
		check(t, w.Abort())
	}
}

func TestStrictMarker(t *testing.T) {
	for _, marker := range []string{``, `{}`, `{"imageLayoutVersion":"2.0.0"}`, `{"ImageLayoutVersion":"1.0.0"}`, strings.Repeat(" ", 5000)} {
		dir, _ := writeLayout(t)
		check(t, os.WriteFile(filepath.Join(dir, "oci-layout"), []byte(marker), 0o644))
		if _, err := OpenLayout(dir); err == nil {
			t.Errorf("marker %.40q: opened", marker)
		}
	}
	if _, err := OpenLayout(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder: got %v, want fs.ErrNotExist", err)
	}
}

// What is not a regular file inside the folder is never read, nor waited for.
func TestOddFiles(t *testing.T) {
	for name, put := range map[string]func(path, content string) error{
		"fifo":    func(path, _ string) error { return unix.Mkfifo(path, 0o644) },
		"folder":  func(path, _ string) error { return os.Mkdir(path, 0o755) },
		"symlink": func(path, content string) error { return os.Symlink(content, path) },
	} {
		dir, desc := writeLayout(t)
		path := filepath.Join(dir, BlobPath(desc.Digest))
		outside := filepath.Join(t.TempDir(), "outside")
		check(t, os.Rename(path, outside))
		check(t, put(path, outside))
		if b, err := openLayout(t, dir).ReadBlob(desc, MaxDocument); err == nil {
			t.Errorf("%s: read %q", name, b)
		}
	}
}

func TestVerifyingReader(t *testing.T) {
	content := []byte("content")
	desc := ocispec.Descriptor{MediaType: "text/plain", Digest: digest.FromBytes(content), Size: 7}
	for name, test := range map[string]struct {
		got  string
		want any
	}{
		"right": {"content", nil},
		"other": {"c0ntent", new(*DigestError)},
		"short": {"conten", new(*SizeError)},
		"long":  {"content!", new(*SizeError)},
		"empty": {"", new(*SizeError)},
	} {
		for _, chunk := range []int{1, 3, 100} {
			_, err := io.CopyBuffer(struct{ io.Writer }{io.Discard},
				struct{ io.Reader }{newVerifier(io.NopCloser(strings.NewReader(test.got)), desc)}, make([]byte, chunk))
			if test.want == nil && err != nil || test.want != nil && !errors.As(err, test.want) {
				t.Errorf("%s by %d: got %v", name, chunk, err)
			}
		}
	}
}

func TestReferrers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "layout")
	w, err := Create(dir)
	check(t, err)
	image := addManifest(t, w, nil)
	other := addManifest(t, w, func(m *ocispec.Manifest) { m.Annotations = map[string]string{"a": "b"} })
	ref := addManifest(t, w, func(m *ocispec.Manifest) {
		m.Subject, m.ArtifactType, m.Annotations = &image, "application/x", map[string]string{"k": "v"}
	})
	elsewhere := addManifest(t, w, func(m *ocispec.Manifest) { m.Subject = &other })
	lie := ref
	lie.ArtifactType, lie.Annotations = "application/lie", map[string]string{"k": "lie"}
	check(t, w.Commit([]ocispec.Descriptor{image, other, lie, elsewhere}))
	got, err := openLayout(t, dir).Referrers(image.Digest)
	check(t, err)
	ref.ArtifactType, ref.Annotations = "application/x", map[string]string{"k": "v"}
	if diff := cmp.Diff([]ocispec.Descriptor{ref}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestManyValues: what is small, and would take a hundred times as much memory once
// it is decoded, is not decoded.
func TestManyValues(t *testing.T) {
	list := func(item string, n int) string { return "[" + strings.Repeat(item+",", n) + item + "]" }
	for name, c := range map[string]struct {
		src string
		ok  bool
	}{
		"objects":      {list("{}", maxValues+1), false},
		"arrays":       {list("[]", maxValues+1), false},
		"numbers":      {list("0", 2*maxValues+1), false},
		"members":      {list(`{"a":0,"b":0}`, maxValues/2), false},
		"some objects": {list("{}", maxValues-10), true},
		"long text":    {`"` + strings.Repeat("{", 4*maxValues) + `"`, true},
	} {
		var v any
		var limit *LimitError
		if err := UnmarshalJSON("x", []byte(c.src), &v); errors.As(err, &limit) == c.ok || c.ok && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := UnmarshalLongJSON("x", []byte(c.src), &v); err != nil {
			t.Errorf("%s, long: %v", name, err)
		}
	}
	// An index may have as many images as it may have by their number.
	desc := `{"mediaType":"a","digest":"sha256:` + strings.Repeat("0", 64) + `","size":1,"annotations":{"a":"b","c":"d"},"artifactType":"a",` +
		`"platform":{"os":"linux","architecture":"arm64","variant":"v8","os.version":"1"}}`
	if _, err := DecodeIndex("x", []byte(`{"schemaVersion":2,"manifests":`+list(desc, MaxManifests-1)+`}`)); err != nil {
		t.Error(err)
	}
}

// TestMembers: values are as they are written, and nothing is taken that could be read
// in two ways.
func TestMembers(t *testing.T) {
	got, err := Members("x", []byte(` { "a" : [1, {"b":2}] ,"\u0062":"}\"" , "c":-1.5e3,"d":{"d":{}},"e":null}`))
	check(t, err)
	want := map[string]string{"a": `[1, {"b":2}]`, "b": `"}\""`, "c": "-1.5e3", "d": `{"d":{}}`, "e": "null"}
	if len(got) != len(want) {
		t.Errorf("got %d members", len(got))
	}
	for name, value := range want {
		if string(got[name]) != value {
			t.Errorf("%s: got %s, want %s", name, got[name], value)
		}
	}
	for _, bad := range []string{"", "1", "[]", "{", `{"a":1,"\u0061":2}`, `{"a":{"b":1,"b":2}}`, "{} {}", "{\"\xff\":1}"} {
		if got, err := Members("x", []byte(bad)); !errors.As(err, new(*FormatError)) {
			t.Errorf("%s: got %v, %v", bad, got, err)
		}
	}
}

func FuzzUnmarshalJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,{"b":null}]}`, `{"a":1,"a":2}`, `[[[`, `{"a"}`, `1 2`, "\xff", `{"a":"\ud800"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		var v any
		if err := UnmarshalJSON("fuzz", src, &v); err != nil {
			return
		}
		if !json.Valid(src) {
			t.Fatalf("accepted %q", src)
		}
		if _, err := json.Marshal(v); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(fmt.Sprintf(`{"schemaVersion":2,"config":%s,"layers":[%[1]s],"subject":%[1]s}`,
		`{"mediaType":"a","digest":"sha256:`+strings.Repeat("0", 64)+`","size":1}`)))
	f.Fuzz(func(t *testing.T, src []byte) {
		m, err := DecodeManifest("fuzz", src)
		if err != nil {
			return
		}
		for _, d := range append([]ocispec.Descriptor{m.Config}, m.Layers...) {
			if len(d.Digest) != len("sha256:")+64 || d.Size < 0 || bytes.ContainsAny([]byte(d.Digest), "/.") {
				t.Fatalf("accepted %q", d.Digest)
			}
		}
	})
}
