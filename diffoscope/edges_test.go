package diffoscope

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// TestOwnFields: a directory that is compared has a mode and time itself, which an image
// or tar need not say.
func TestOwnFields(t *testing.T) {
	a, b := unpacked(t, newTestImage()), unpacked(t, newTestImage())
	check(t, os.Chmod(a, 0o755))
	check(t, os.Chmod(b, 0o700))
	later := testTime.Add(time.Hour)
	check(t, os.Chtimes(b, later, later))
	want := []string{"header ./ > mode: 0755 | 0700", "header ./ > mtime: 2024-05-01T00:00:00Z | 2024-05-01T01:00:00Z"}
	if diff := cmp.Diff(want, leaves(compareAny(t, a, b), false)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, l := range leaves(compareAny(t, a, writeFile(t, newTestImage().rawLayer(t), "")), false) {
		if l != "member form: directory | tar" {
			t.Errorf("with a tar: %s", l)
		}
	}
}

// sparseTar returns a tar with a sparse file, in GNU's old format: head, a hole up to at,
// and tail.
func sparseTar(tb testing.TB, head string, at int, tail string) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	check(tb, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "usr/sparse", Mode: 0o644, Size: int64(len(head) + len(tail)), ModTime: testTime, Format: tar.FormatGNU}))
	_, err := w.Write([]byte(head + tail))
	check(tb, err)
	check(tb, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "usr/sparse2", ModTime: testTime}))
	check(tb, w.Close())
	h := b.Bytes()[:512]
	h[156] = tar.TypeGNUSparse
	octal := func(at, n int) { copy(h[at:], fmt.Sprintf("%011o\x00", n)) }
	octal(386, 0)
	octal(398, len(head))
	octal(410, at)
	octal(422, len(tail))
	octal(483, at+len(tail))
	copy(h[148:156], "        ")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return b.Bytes()
}

// TestSparse: a hole is the zeros that it stands for, wherever the content is read again
// from, and how a file is stored is a difference as well.
func TestSparse(t *testing.T) {
	const at = 64 << 10
	text := strings.Repeat("line\n", 2000)
	write := func(raw []byte) map[string]string {
		i := newTestImage()
		i.layers[1].rawTar = func([]byte) []byte { return raw }
		return map[string]string{"image": i.write(t), "tar": writeFile(t, raw, ""), "tar.gz": writeFile(t, raw, "gzip")}
	}
	for name, head := range map[string]string{"text": text, "binary": "\x01\x02" + text[2:]} {
		a, b := write(sparseTar(t, head, at, "end\n")), write(sparseTar(t, head, at, "eND\n"))
		stored := write(func() []byte {
			var b bytes.Buffer
			w := tar.NewWriter(&b)
			body := head + strings.Repeat("\x00", at-len(head)) + "end\n"
			check(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "usr/sparse", Mode: 0o644, Size: int64(len(body)), ModTime: testTime, Format: tar.FormatGNU}))
			_, err := w.Write([]byte(body))
			check(t, err)
			check(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "usr/sparse2", ModTime: testTime}))
			check(t, w.Close())
			return b.Bytes()
		}())
		for form := range a {
			var got []string
			c := compareAny(t, a[form], b[form])
			for _, l := range leaves(c, false) {
				got = append(got, strings.TrimPrefix(l, "content layer 1 > "))
			}
			if len(got) != 1 || !strings.Contains(got[0], "usr/sparse > content") || !strings.Contains(got[0], fmt.Sprintf("at %d", at+1)) {
				t.Errorf("%s, %s: %q", name, form, got)
			}
			got = leaves(compareAny(t, a[form], stored[form]), false)
			if len(got) != 1 || !strings.Contains(got[0], "usr/sparse > type: sparse file | file") {
				t.Errorf("%s, %s, stored: %q", name, form, got)
			}
		}
	}
}

// dockerTypes writes an image with the media types of Docker's own manifests.
func dockerTypes(tb testing.TB, i *testImage) string {
	tb.Helper()
	replace := strings.NewReplacer(
		ocispec.MediaTypeImageManifest, "application/vnd.docker.distribution.manifest.v2+json",
		ocispec.MediaTypeImageConfig, "application/vnd.docker.container.image.v1+json",
		ocispec.MediaTypeImageLayerGzip, "application/vnd.docker.image.rootfs.diff.tar.gzip")
	dir := i.write(tb)
	file := filepath.Join(dir, ocispec.ImageIndexFile)
	b, err := os.ReadFile(file)
	check(tb, err)
	var index ocispec.Index
	check(tb, json.Unmarshal(b, &index))
	was := index.Manifests[0]
	blob := func(d digest.Digest) string { return filepath.Join(dir, "blobs", "sha256", d.Encoded()) }
	raw, err := os.ReadFile(blob(was.Digest))
	check(tb, err)
	raw = []byte(replace.Replace(string(raw)))
	is := ocispec.Descriptor{MediaType: replace.Replace(was.MediaType), Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	index.Manifests[0] = is
	b, err = json.Marshal(index)
	check(tb, err)
	check(tb, os.WriteFile(blob(is.Digest), raw, 0o644))
	check(tb, os.Remove(blob(was.Digest)))
	check(tb, os.WriteFile(file, b, 0o644))
	return dir
}

// TestDockerTypes: images with Docker's media types are images, and never the same as
// those with OCI's.
func TestDockerTypes(t *testing.T) {
	if c := compareAny(t, dockerTypes(t, newTestImage()), dockerTypes(t, newTestImage())); !c.Identical() {
		t.Errorf("the same: %q", leaves(c, false))
	}
	changed := newTestImage()
	changed.layers[1].entries[2].Mode = 0o755
	want := []string{"header layer 1 > usr/bin/x > mode: 0644 | 0755"}
	if diff := cmp.Diff(want, leaves(compareAny(t, dockerTypes(t, newTestImage()), dockerTypes(t, changed)), false)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got := leaves(compareAny(t, newTestImage().write(t), dockerTypes(t, newTestImage())), false)
	if len(got) != 4 {
		t.Errorf("with OCI's: %q", got)
	}
	for _, l := range got {
		if !strings.HasPrefix(l, "member manifest > ") || !strings.Contains(l, "ediaType: ") {
			t.Errorf("with OCI's: %s", l)
		}
	}
}

// withArtifact writes an index of an image and an artifact with these blobs.
func withArtifact(tb testing.TB, kind string, blobs ...string) string {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "layout")
	w, err := oci.Create(dir)
	check(tb, err)
	defer func() { check(tb, w.Abort()) }()
	add := func(mediaType string, b []byte) ocispec.Descriptor {
		desc, err := w.AddBytes(mediaType, b)
		check(tb, err)
		return desc
	}
	m := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, ArtifactType: kind, Config: add("application/vnd.oci.empty.v1+json", []byte("{}"))}
	m.SchemaVersion = 2
	for _, b := range blobs {
		m.Layers = append(m.Layers, add("application/octet-stream", []byte(b)))
	}
	index := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex}
	index.SchemaVersion = 2
	image := newTestImage().add(tb, w)
	image.Platform = &ocispec.Platform{OS: "linux", Architecture: "amd64"}
	raw, err := json.Marshal(m)
	check(tb, err)
	index.Manifests = []ocispec.Descriptor{image, add(ocispec.MediaTypeImageManifest, raw)}
	raw, err = json.Marshal(index)
	check(tb, err)
	check(tb, w.Commit([]ocispec.Descriptor{add(ocispec.MediaTypeImageIndex, raw)}))
	return dir
}

// TestArtifacts: what is no image has blobs, which are compared as files.
func TestArtifacts(t *testing.T) {
	const at = "application/vnd.oci.image.manifest.v1+json > "
	a := withArtifact(t, "x/sbom", `{"name": "a", "version": 1}`, "same")
	for name, test := range map[string]struct {
		b    string
		want []string
	}{
		"nothing": {withArtifact(t, "x/sbom", `{"name": "a", "version": 1}`, "same"), nil},
		"a value": {withArtifact(t, "x/sbom", `{"name": "a", "version": 2}`, "same"), []string{"member " + at + "blob 0 > version: 1 | 2"}},
		"a type":  {withArtifact(t, "y/sbom", `{"name": "a", "version": 1}`, "same"), []string{"member " + at + `manifest > artifactType: "x/sbom" | "y/sbom"`}},
		"a blob less": {withArtifact(t, "x/sbom", `{"name": "a", "version": 1}`), []string{
			"content " + at + "blob 1: same | -",
		}},
	} {
		got := leaves(compareAny(t, a, test.b), false)
		if name == "a blob less" {
			if len(got) != 1 || !strings.Contains(got[0], "blob 1") {
				t.Errorf("%s: %q", name, got)
			}
			continue
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	// A blob that isn't what its digest says is an error, in artifacts too.
	broken := withArtifact(t, "x/sbom", `{"name": "a", "version": 1}`, "same")
	check(t, os.WriteFile(filepath.Join(broken, "blobs", "sha256", digest.FromString("same").Encoded()), []byte("SAME"), 0o644))
	if c, err := CompareAny(t.Context(), openAny(t, a), openAny(t, broken), cause.Builds{}); c != nil || err == nil {
		t.Errorf("broken: %v, %v", c, err)
	}
}
