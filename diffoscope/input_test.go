package diffoscope

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// forms write an image in each form that OpenAny takes.
var forms = map[string]func(tb testing.TB, i *testImage) string{
	"OCI folder":   func(tb testing.TB, i *testImage) string { return i.write(tb) },
	"OCI tar":      func(tb testing.TB, i *testImage) string { return tarOf(tb, i.write(tb), "") },
	"OCI tar.gz":   func(tb testing.TB, i *testImage) string { return tarOf(tb, i.write(tb), "gzip") },
	"OCI tar.zst":  func(tb testing.TB, i *testImage) string { return tarOf(tb, i.write(tb), "zstd") },
	"docker save":  func(tb testing.TB, i *testImage) string { return dockerSave(tb, i, "") },
	"docker gz":    func(tb testing.TB, i *testImage) string { return dockerSave(tb, i, "gzip") },
	"plain tar":    func(tb testing.TB, i *testImage) string { return writeFile(tb, i.rawLayer(tb), "") },
	"plain tar.gz": func(tb testing.TB, i *testImage) string { return writeFile(tb, i.rawLayer(tb), "gzip") },
	"tar.zst":      func(tb testing.TB, i *testImage) string { return writeFile(tb, i.rawLayer(tb), "zstd") },
	"directory":    unpacked,
}

func (i *testImage) rawLayer(tb testing.TB) []byte {
	l := i.layers[1]
	l.compression = "none"
	_, raw, _ := l.blob(tb)
	return raw
}

func writeFile(tb testing.TB, raw []byte, compression string) string {
	tb.Helper()
	var b bytes.Buffer
	w := io.WriteCloser(struct {
		io.Writer
		io.Closer
	}{&b, io.NopCloser(nil)})
	switch compression {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "zstd":
		var err error
		w, err = zstd.NewWriter(&b)
		check(tb, err)
	}
	_, err := w.Write(raw)
	check(tb, err)
	check(tb, w.Close())
	name := filepath.Join(tb.TempDir(), "file.tar")
	check(tb, os.WriteFile(name, b.Bytes(), 0o644))
	return name
}

// tarOf packs a folder as tools do that keep to no order of ours.
func tarOf(tb testing.TB, dir, compression string) string {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	check(tb, w.AddFS(os.DirFS(dir)))
	check(tb, w.Close())
	return writeFile(tb, b.Bytes(), compression)
}

// dockerSave writes an image as docker save did before it wrote OCI layouts.
func dockerSave(tb testing.TB, i *testImage, compression string) string {
	tb.Helper()
	config := i.config
	config.RootFS.DiffIDs = nil
	files := map[string][]byte{}
	saved := []map[string]any{{"Config": "config.json", "RepoTags": []string{"a:b"}, "Layers": []string{"0/layer.tar", "1/layer.tar"}}}
	for n, l := range i.layers {
		l.compression = "none"
		_, raw, diffID := l.blob(tb)
		files[[]string{"0", "1"}[n]+"/layer.tar"] = raw
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, diffID)
	}
	for name, v := range map[string]any{"config.json": config, "manifest.json": saved} {
		b, err := json.Marshal(v)
		check(tb, err)
		files[name] = b
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		check(tb, w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name]))}))
		_, err := w.Write(files[name])
		check(tb, err)
	}
	check(tb, w.Close())
	return writeFile(tb, b.Bytes(), compression)
}

// unpacked writes the second layer's files.
func unpacked(tb testing.TB, i *testImage) string {
	tb.Helper()
	dir := tb.TempDir()
	root, err := os.OpenRoot(dir)
	check(tb, err)
	defer root.Close()
	for _, e := range i.layers[1].entries {
		switch e.Typeflag {
		case tar.TypeDir:
			check(tb, root.MkdirAll(strings.TrimSuffix(e.Name, "/"), fs.FileMode(e.Mode)))
		case tar.TypeSymlink:
			check(tb, root.Symlink(e.Linkname, e.Name))
		default:
			check(tb, root.WriteFile(e.Name, []byte(e.body), fs.FileMode(e.Mode)))
			check(tb, root.Chmod(e.Name, fs.FileMode(e.Mode)))
			check(tb, root.Chtimes(e.Name, e.ModTime, e.ModTime))
		}
	}
	// Those of directories and links change when something is put there.
	times(tb, dir)
	return dir
}

func times(tb testing.TB, dir string) {
	tb.Helper()
	check(tb, filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return lutimes(name, testTime)
	}))
}

func openAny(tb testing.TB, path string) *Input {
	tb.Helper()
	i, err := OpenAny(path, Limits{})
	check(tb, err)
	tb.Cleanup(func() { check(tb, i.Close()) })
	return i
}

func compareAny(tb testing.TB, a, b string) *Comparison {
	tb.Helper()
	c, err := CompareAny(tb.Context(), openAny(tb, a), openAny(tb, b), cause.Builds{})
	check(tb, err)
	if c.Identical() == (len(c.Differences) > 0) {
		tb.Fatalf("identical %t with %d differences", c.Identical(), len(c.Differences))
	}
	return c
}

func TestForms(t *testing.T) {
	for name, write := range forms {
		t.Run(name, func(t *testing.T) {
			if c := compareAny(t, write(t, newTestImage()), write(t, newTestImage())); !c.Identical() || !c.Distinct() {
				t.Errorf("identical %t, distinct %t: %v", c.Identical(), c.Distinct(), leaves(c, false))
			}
			changed := newTestImage()
			changed.layers[1].entries[2].body = "#!/bin/sh\necho 3\necho 2\n"
			c := compareAny(t, write(t, newTestImage()), write(t, changed))
			var got []string
			for _, l := range leaves(c, false) {
				got = append(got, strings.Replace(l, "layer 1 > ", "", 1))
			}
			want := []string{`content usr/bin/x > content: "echo 1\necho 2\n" | "echo 3\necho 2\n" at 15 line 2`}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestMixedForms: what has another form is never identical, and that is all that
// differs when the files don't.
func TestMixedForms(t *testing.T) {
	one := func() *testImage {
		i := newTestImage()
		i.layers[0].entries = []testEntry{
			directory("usr/"), file("usr/.wh.other", ""), file("gone", ""),
			{Header: tar.Header{Typeflag: tar.TypeLink, Name: "usr/data", Linkname: "usr", ModTime: testTime}},
		}
		i.layers[1].entries = append(i.layers[1].entries, file(".wh.gone", ""))
		return i
	}
	plain := func(i *testImage) *testImage {
		i.layers[1].entries = i.layers[1].entries[:len(i.layers[1].entries)-1]
		return i
	}
	for _, pair := range [][2]string{{"OCI folder", "directory"}, {"OCI tar.gz", "plain tar.gz"}, {"plain tar", "directory"}} {
		a, b := one(), plain(one())
		if pair[0] == "plain tar" {
			a = plain(a)
		}
		c := compareAny(t, forms[pair[0]](t, a), forms[pair[1]](t, b))
		got := leaves(c, false)
		if len(got) != 1 || !strings.HasPrefix(got[0], "member form: ") || c.Identical() {
			t.Errorf("%v: identical %t, %v", pair, c.Identical(), got)
		}
	}
}

// platforms writes an index of two platforms, and an attestation of the first.
func platforms(tb testing.TB, change func(amd, arm *testImage)) string {
	tb.Helper()
	amd, arm := newTestImage(), newTestImage()
	arm.config.Architecture = "arm64"
	change(amd, arm)
	dir := filepath.Join(tb.TempDir(), "layout")
	w, err := oci.Create(dir)
	check(tb, err)
	defer func() { check(tb, w.Abort()) }()
	index := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex}
	index.SchemaVersion = 2
	for _, i := range []*testImage{amd, arm} {
		desc := i.add(tb, w)
		desc.Platform = &ocispec.Platform{OS: "linux", Architecture: i.config.Architecture}
		index.Manifests = append(index.Manifests, desc)
	}
	b, err := json.Marshal(index)
	check(tb, err)
	desc, err := w.AddBytes(ocispec.MediaTypeImageIndex, b)
	check(tb, err)
	check(tb, w.Commit([]ocispec.Descriptor{desc}))
	return dir
}

func TestPlatforms(t *testing.T) {
	same := func(_, _ *testImage) {}
	for name, test := range map[string]struct {
		change func(amd, arm *testImage)
		want   []string
	}{
		"nothing": {same, nil},
		"one": {
			func(_, arm *testImage) { arm.config.Config.User = "0" },
			[]string{`member linux/arm64 > config > config.User: "1000" | "0"`},
		},
		"both": {
			func(amd, arm *testImage) { amd.config.Config.User, arm.config.Config.User = "0", "0" },
			[]string{`member linux/amd64 > config > config.User: "1000" | "0"`, `member linux/arm64 > config > config.User: "1000" | "0"`},
		},
	} {
		c := compareAny(t, platforms(t, same), platforms(t, test.change))
		if diff := cmp.Diff(test.want, leaves(c, false)); diff != "" || c.Identical() != (test.want == nil) {
			t.Errorf("%s: identical %t (-want +got):\n%s", name, c.Identical(), diff)
		}
	}
}

// TestNoInput: what can't be compared is an error, and no file is left open.
func TestNoInput(t *testing.T) {
	layout := newTestImage().write(t)
	check(t, os.WriteFile(filepath.Join(layout, "index.json"), []byte("{}"), 0o644))
	tarred := tarOf(t, layout, "")
	for name, path := range map[string]string{
		"nothing": filepath.Join(t.TempDir(), "x"), "damaged index": layout, "damaged index in a tar": tarred, "device": "/dev/zero",
	} {
		if i, err := OpenAny(path, Limits{}); err == nil {
			t.Errorf("%s: opened", name)
			check(t, i.Close())
		}
	}
	var twice bytes.Buffer
	w := tar.NewWriter(&twice)
	for _, name := range []string{"oci-layout", "index.json", "./index.json"} {
		check(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o644}))
	}
	check(t, w.Close())
	if _, err := OpenAny(writeFile(t, twice.Bytes(), ""), Limits{}); !errors.As(err, new(*oci.FormatError)) {
		t.Errorf("index twice: %v", err)
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	path := func(name, body string) string {
		p := filepath.Join(dir, name)
		check(t, os.WriteFile(p, []byte(body), 0o600))
		return p
	}
	a := path("a", gzipped(t, gzip.Header{ModTime: testTime}, 6, "x"))
	b := path("b", gzipped(t, gzip.Header{ModTime: testTime.Add(timeHour(1))}, 6, "x"))
	c := compareAny(t, a, b)
	if got := leaves(c, false); len(got) != 1 || !strings.Contains(got[0], "file > content > mtime") || c.A().Digest == c.B().Digest {
		t.Errorf("got %q", got)
	}
	if c := compareAny(t, a, path("c", gzipped(t, gzip.Header{ModTime: testTime}, 6, "x"))); !c.Identical() || !c.Distinct() {
		t.Errorf("got %+v", c)
	}
	for name, body := range map[string]string{"empty": "", "short": "x", "text": strings.Repeat("text\n", 1000)} {
		if c := compareAny(t, path("one", body), path("two", body)); !c.Identical() {
			t.Errorf("%s: %q", name, leaves(c, false))
		}
		if c := compareAny(t, a, path("other", body)); c.Identical() {
			t.Errorf("%s is another file", name)
		}
	}
	if c := compareAny(t, a, dir); c.Identical() {
		t.Error("a file and a directory")
	}
}

// TestDirectoryXattrs: extended attributes of all that a directory can have.
func TestDirectoryXattrs(t *testing.T) {
	names := []string{"file", "folder", "link", "nowhere", "fifo"}
	write := func(mark string) string {
		dir := t.TempDir()
		at := func(name string) string { return filepath.Join(dir, name) }
		check(t, os.WriteFile(at("file"), nil, 0o600))
		check(t, os.Mkdir(at("folder"), 0o700))
		check(t, os.Symlink("file", at("link")))
		check(t, os.Symlink("not there", at("nowhere")))
		check(t, unix.Mkfifo(at("fifo"), 0o600))
		if mark != "" {
			for _, name := range names {
				if err := unix.Lsetxattr(at(name), "trusted.mark", []byte(mark), 0); errors.Is(err, unix.EPERM) && os.Getuid() != 0 {
					t.Skip("only root can mark links")
				} else if err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, name := range names {
			check(t, lutimes(at(name), testTime))
		}
		check(t, lutimes(dir, testTime))
		return dir
	}
	if c := compareAny(t, write("a"), write("a")); !c.Identical() {
		t.Errorf("the same: %q", leaves(c, false))
	}
	for _, other := range []string{"", "b"} {
		got := leaves(compareAny(t, write("a"), write(other)), false)
		if len(got) != len(names) {
			t.Errorf("with %q: %q", other, got)
		}
		for _, l := range got {
			if !strings.Contains(l, "pax SCHILY.xattr.trusted.mark: a | ") {
				t.Errorf("got %s", l)
			}
		}
	}
}
