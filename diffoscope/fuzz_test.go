package diffoscope

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
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
