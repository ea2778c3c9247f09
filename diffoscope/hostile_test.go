package diffoscope

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// compareHostile compares an image with one that change made of it, as OpenAny opens
// them. Whatever it is, it is never identical.
func compareHostile(t *testing.T, limits Limits, change func(*testImage)) (*Comparison, error) {
	t.Helper()
	changed := newTestImage()
	change(changed)
	var inputs [2]*Input
	for side, i := range []*testImage{newTestImage(), changed} {
		var err error
		if inputs[side], err = OpenAny(i.write(t), limits); err != nil {
			return nil, err
		}
		defer inputs[side].Close()
	}
	c, err := CompareAny(t.Context(), inputs[0], inputs[1], cause.Builds{})
	if err == nil && (c.Identical() || len(c.Differences) == 0) {
		t.Errorf("identical %t with %d differences", c.Identical(), len(c.Differences))
	}
	if err == nil {
		check(t, errors.Join(WriteText(io.Discard, c), WriteFullText(io.Discard, c), WriteJSON(io.Discard, c)))
	}
	return c, err
}

// add puts entries behind those of the second layer.
func add(entries ...testEntry) func(*testImage) {
	return func(i *testImage) { i.layers[1].entries = append(i.layers[1].entries, entries...) }
}

// TestHostileNames: names that would do harm if they were used are only said.
func TestHostileNames(t *testing.T) {
	hardLink := func(name, to string) testEntry {
		return testEntry{Header: tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: to, ModTime: testTime}}
	}
	names := []string{
		"../../etc/passwd", "/etc/passwd", "a\x1b[31mb", "\u202eabc", "\xff\xfe", strings.Repeat("a", 300),
		strings.Repeat("a/", 1500) + "b", ".", "..", "//x",
	}
	var entries []testEntry
	for _, name := range names {
		entries = append(entries, file(name, "x"))
	}
	entries = append(entries, hardLink("nowhere", "not/there"), hardLink("self", "self"), link("loop", "loop"),
		file("twice", "1"), file("twice", "2"))
	c, err := compareHostile(t, Limits{}, add(entries...))
	check(t, err)
	got := map[string]int{}
	for _, d := range c.Differences[0].Children {
		got[d.Name]++
	}
	for _, e := range entries {
		if got[e.Name]--; got[e.Name] < 0 {
			t.Errorf("%.40q is not listed", e.Name)
		}
	}
	var b bytes.Buffer
	check(t, WriteFullText(&b, c))
	if bytes.ContainsAny(b.Bytes(), "\x1b\u202e\xff") {
		t.Error("the text can control a terminal")
	}
}

// TestNULName: a header that was changed after its checksum was written is refused.
func TestNULName(t *testing.T) {
	_, err := compareHostile(t, Limits{}, func(i *testImage) {
		i.layers[1].rawTar = func(b []byte) []byte { return bytes.Replace(b, []byte("usr/link"), []byte("usr\x00link"), 1) }
	})
	if err == nil {
		t.Error("a header with a wrong checksum was read")
	}
}

func squeezed(t *testing.T, w io.WriteCloser, n int64) {
	t.Helper()
	_, err := io.CopyN(w, zeroReader{}, n)
	check(t, errors.Join(err, w.Close()))
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestBombs: what grows without end is cut off, and said.
func TestBombs(t *testing.T) {
	var small, large bytes.Buffer
	squeezed(t, gzip.NewWriter(&small), 300<<20)
	squeezed(t, gzip.NewWriter(&large), 301<<20)
	a, b := newTestImage(), newTestImage()
	add(file("x.gz", small.String()))(a)
	add(file("x.gz", large.String()))(b)
	x, err := OpenAny(a.write(t), Limits{Decoded: 16 << 20})
	check(t, err)
	defer x.Close()
	c, err := CompareAny(t.Context(), x, openAny(t, b.write(t)), cause.Builds{})
	check(t, err)
	if c.Identical() || !strings.Contains(strings.Join(c.Skipped, "\n"), "x.gz") {
		t.Errorf("identical %t, skipped %q", c.Identical(), c.Skipped)
	}
	i := newTestImage()
	add(file("zeros", string(make([]byte, 300<<20))))(i)
	for _, compression := range []string{"gzip", "zstd"} {
		i, err := OpenAny(writeFile(t, i.rawLayer(t), compression), Limits{LayerRatio: 10})
		if err == nil {
			_, err = CompareAny(t.Context(), i, i, cause.Builds{})
			i.Close()
		}
		var limit *oci.LimitError
		if !errors.As(err, &limit) {
			t.Errorf("%s: got %v, want a limit", compression, err)
		}
	}
}

// TestDeep: files and directories in each other, and names as deep as they may be.
func TestDeep(t *testing.T) {
	nested := strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)
	c := compareContents(t, "x.json", nested, strings.Replace(nested, "[]", "[1]", 1))
	if got := leaves(c, false); len(got) != 1 {
		t.Errorf("%d differences", len(got))
	}
	if _, err := compareHostile(t, Limits{}, add(file(strings.Repeat("a/", 10_000)+"b", ""))); !errors.As(err, new(*oci.LimitError)) {
		t.Errorf("a path of 20,000 bytes: %v", err)
	}
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	check(t, err)
	for range maxDirDepth + 2 {
		check(t, root.Mkdir("d", 0o755))
		next, err := root.OpenRoot("d")
		check(t, errors.Join(err, root.Close()))
		root = next
	}
	check(t, root.Close())
	_, err = CompareAny(t.Context(), openAny(t, dir), openAny(t, t.TempDir()), cause.Builds{})
	if !errors.As(err, new(*oci.LimitError)) {
		t.Errorf("deep directories: %v", err)
	}
}

func gunzip(t *testing.T, b []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(b))
	check(t, err)
	raw, err := io.ReadAll(r)
	check(t, err)
	return raw
}

// TestOddContainers: what some runtimes take, and others don't, is said.
func TestOddContainers(t *testing.T) {
	unknown := gzip.Header{OS: 255}
	for name, test := range map[string]struct {
		change func([]byte) []byte
		want   []string
	}{
		"two gzip members": {func(b []byte) []byte {
			raw := string(gunzip(t, b))
			return []byte(gzipped(t, unknown, 6, raw[:1000]) + gzipped(t, unknown, 6, raw[1000:]))
		}, []string{"compression layer 1 > gzip members: 1 | 2", "compression layer 1 > compressed bytes: 48 | 48"}},
		"bytes after gzip": {
			func(b []byte) []byte { return append(bytes.Clone(b), "tail"...) },
			[]string{"trailer layer 1 > bytes after the compressed tar: 0 zero bytes | 4 bytes"},
		},
		"not compressed": {
			func(b []byte) []byte { return gunzip(t, b) },
			[]string{"compression layer 1 > compression: gzip | none"},
		},
	} {
		c, err := compareHostile(t, Limits{}, func(i *testImage) { i.layers[1].rawBlob = test.change })
		check(t, err)
		if diff := cmp.Diff(test.want, leaves(c, false)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for name, change := range map[string]func([]byte) []byte{
		"cut off":       func(b []byte) []byte { return b[:len(b)-9] },
		"nothing":       func([]byte) []byte { return nil },
		"damaged after": func(b []byte) []byte { return append(bytes.Clone(b), 0x1f, 0x8b, 8, 0) },
	} {
		if _, err := compareHostile(t, Limits{}, func(i *testImage) { i.layers[1].rawBlob = change }); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestZstdFrame: what the frame says of how it was made.
func TestZstdFrame(t *testing.T) {
	write := func(options ...zstd.EOption) string {
		raw := newTestImage().rawLayer(t)
		var b bytes.Buffer
		w, err := zstd.NewWriter(&b, options...)
		check(t, err)
		_, err = w.Write(raw)
		check(t, errors.Join(err, w.Close()))
		return writeFile(t, b.Bytes(), "")
	}
	got := leaves(compareAny(t, write(), write(zstd.WithEncoderCRC(false))), false)
	if len(got) == 0 || got[0] != "compression zstd checksum: true | false" {
		t.Errorf("%q", got)
	}
	tail := write()
	b, err := os.ReadFile(tail)
	check(t, err)
	check(t, os.WriteFile(tail, append(b, "tail"...), 0o644))
	want := []string{"trailer bytes after the compressed tar: 0 zero bytes | 4 bytes"}
	if diff := cmp.Diff(want, leaves(compareAny(t, write(), tail), false)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestDirectories: links are not followed, not even in circles.
func TestDirectories(t *testing.T) {
	dir := unpacked(t, newTestImage())
	check(t, os.Symlink(".", filepath.Join(dir, "circle")))
	check(t, os.Symlink("/", filepath.Join(dir, "out")))
	check(t, os.Symlink("gone", filepath.Join(dir, "broken")))
	check(t, os.Link(filepath.Join(dir, "usr/data"), filepath.Join(dir, "usr/zdata")))
	same := compareAny(t, dir, dir)
	if !same.Identical() || same.Distinct() {
		t.Errorf("identical %t, distinct %t", same.Identical(), same.Distinct())
	}
	var got []string
	for _, l := range leaves(compareAny(t, dir, unpacked(t, newTestImage())), false) {
		if !strings.Contains(l, "mtime") { // of folders in which links were made
			got = append(got, l)
		}
	}
	want := []string{
		`entry broken: symlink to "gone" | -`, `entry circle: symlink to "." | -`,
		`entry out: symlink to "/" | -`, `entry usr/zdata: hard link to "usr/data" | -`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestDirectoryChanges: the second reading must give what the first did.
func TestDirectoryChanges(t *testing.T) {
	dir, other := unpacked(t, newTestImage()), unpacked(t, newTestImage())
	change := func(dir, text string) {
		check(t, os.WriteFile(filepath.Join(dir, "usr/data"), []byte(text), 0o644))
	}
	change(other, "other")
	p := newPair(newRecorder(0, newCauses(cause.Builds{})), trail{}, "", Limits{}, openAny(t, dir).tree, openAny(t, other).tree)
	check(t, p.walk(t.Context()))
	change(dir, "changed")
	if err := p.probes.run(t.Context(), p); !errors.As(err, new(*ChangedError)) {
		t.Errorf("got %v, want a ChangedError", err)
	}
}

// TestManyEntries: memory doesn't depend on how many entries there are, nor on how many
// of them differ, as long as they have the same order.
func TestManyEntries(t *testing.T) {
	const entries = 60_000
	write := func(hours int) string {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for i := range entries {
			h := tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("usr/share/%06d", i), Mode: 0o644, ModTime: testTime.Add(timeHour(hours))}
			check(t, w.WriteHeader(&h))
		}
		check(t, w.Close())
		return writeFile(t, b.Bytes(), "gzip")
	}
	a, b := write(0), write(1)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	c := compareAny(t, a, b)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if len(c.Counts) != 1 || c.Counts[0] != (Count{KindHeader, "mtime", entries}) {
		t.Errorf("counts: %v", c.Counts)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 20<<20 {
		t.Errorf("%d bytes are held", grown)
	}
	runtime.KeepAlive(c)
}
