package diffoscope

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
)

// FuzzCompare compares an image with one whose layer's bytes are data. It may be
// refused; never may it be identical while a byte differs, or have other
// differences when asked again.
func FuzzCompare(f *testing.F) {
	_, raw, _ := testLayer{compression: "none", entries: newTestImage().layers[1].entries}.blob(f)
	f.Add(raw)
	for _, at := range []int{0, 100, 148, 156, 257, 345, 3*512 + 5, len(raw) - 1} {
		f.Add(flip(raw, at))
	}
	f.Add(raw[:len(raw)-700])
	f.Add(append(bytes.Clone(raw), raw...))
	f.Add([]byte{})
	plain := newTestImage()
	plain.layers[1].compression = "none"
	dir := plain.write(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		changed := newTestImage()
		changed.layers[1].compression = "none"
		changed.layers[1].rawTar = func([]byte) []byte { return slices.Clone(data) }
		a, b := open(t, dir), open(t, changed.write(t))
		c, err := Compare(t.Context(), a, b)
		if err != nil {
			return
		}
		if c.Identical() != bytes.Equal(data, raw) || c.Identical() == (len(c.Differences) > 0) {
			t.Fatalf("identical %t with %d differences", c.Identical(), len(c.Differences))
		}
		check(t, errors.Join(WriteText(io.Discard, c), WriteFullText(io.Discard, c), WriteJSON(io.Discard, c)))
		if diff := cmp.Diff(leaves(c, false), leaves(compareTest(t, a, b), false)); diff != "" {
			t.Fatalf("compared again:\n%s", diff)
		}
		if diff := cmp.Diff(c.Counts, compareTest(t, b, a).Counts); diff != "" {
			t.Fatalf("compared the other way:\n%s", diff)
		}
	})
}

func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

// FuzzAny compares a file of any bytes with a tar. It may be refused; never may it be
// identical while a byte differs, or have other differences when asked again.
func FuzzAny(f *testing.F) {
	image := newTestImage()
	raw := image.rawLayer(f)
	f.Add(raw)
	f.Add([]byte(gzipped(f, gzip.Header{Name: "x"}, 6, string(raw))))
	f.Add(append([]byte(gzipped(f, gzip.Header{}, 6, string(raw[:700]))), gzipped(f, gzip.Header{}, 1, string(raw[700:]))...))
	for _, form := range []string{"OCI tar", "docker save", "tar.zst"} {
		b, err := os.ReadFile(forms[form](f, image))
		check(f, err)
		f.Add(b)
	}
	dir := f.TempDir()
	good := filepath.Join(dir, "good.tar")
	check(f, os.WriteFile(good, raw, 0o644))
	limits := Limits{LayerSize: 8 << 20, Entries: 1000, Decoded: 8 << 20}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "fuzzed")
		check(t, os.WriteFile(path, data, 0o644))
		compare := func() *Comparison {
			var inputs [2]*Input
			for side, name := range []string{good, path} {
				var err error
				if inputs[side], err = OpenAny(name, limits); err != nil {
					return nil
				}
				defer inputs[side].Close()
			}
			c, err := CompareAny(t.Context(), inputs[0], inputs[1], cause.Builds{})
			if err != nil {
				return nil
			}
			return c
		}
		c := compare()
		if c == nil {
			return
		}
		if c.Identical() != bytes.Equal(data, raw) || c.Identical() == (len(c.Differences) > 0) {
			t.Fatalf("identical %t with %d differences", c.Identical(), len(c.Differences))
		}
		check(t, errors.Join(WriteText(io.Discard, c), WriteFullText(io.Discard, c), WriteJSON(io.Discard, c)))
		if diff := cmp.Diff(leaves(c, false), leaves(compare(), false)); diff != "" {
			t.Fatalf("compared again:\n%s", diff)
		}
	})
}

// FuzzExplain explains two contents of one name. Those that differ always have a
// difference, the same one each time.
func FuzzExplain(f *testing.F) {
	raw := string(newTestImage().rawLayer(f))
	f.Add("x.tar", raw, raw[:1024]+"x"+raw[1025:])
	f.Add("x.gz", gzipped(f, gzip.Header{}, 6, raw), gzipped(f, gzip.Header{Name: "x"}, 1, raw))
	f.Add("x.json", `{"a": [1, 2]}`, `{"a": [1, {"b": "\u00e9"}]}`)
	f.Add("x", "a\nb\nc\n", "a\nc\nd")
	f.Add("x", strings.Repeat("a\nb\n", 300), strings.Repeat("b\n\xff", 300))
	f.Fuzz(func(t *testing.T, name, a, b string) {
		if a == b {
			return
		}
		explain := func() *Comparison {
			x := newExplainer(Limits{Decoded: 8 << 20, Depth: 3})
			defer func() { check(t, x.close()) }()
			d := &Difference{Kind: KindContent, Name: "content", Offset: -1, A: &Value{Size: int64(len(a))}, B: &Value{Size: int64(len(b))}}
			_, err := x.explain(t.Context(), d, name, strings.NewReader(a), strings.NewReader(b))
			check(t, err)
			if len(d.Children) == 0 && d.Offset < 0 {
				t.Fatal("nothing differs")
			}
			return &Comparison{Differences: []*Difference{d}}
		}
		c := explain()
		check(t, errors.Join(WriteText(io.Discard, c), WriteFullText(io.Discard, c), WriteJSON(io.Discard, c)))
		if diff := cmp.Diff(leaves(c, false), leaves(explain(), false)); diff != "" {
			t.Fatalf("explained again:\n%s", diff)
		}
	})
}
