package diffoscope

import (
	"errors"
	"strings"
	"testing"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// TestRatio: a layer that is larger than its blob lets it be is no reason to call nothing
// identical, and the error says which limit that is.
func TestRatio(t *testing.T) {
	body := string(make([]byte, 300<<20))
	zeros := func(name string) *testImage {
		i := newTestImage()
		i.layers[1].entries = append(i.layers[1].entries, file("zeros", body), file(name, ""))
		return i
	}
	write := func(name string) string { return zeros(name).write(t) }
	a, b, other := write("a"), write("a"), write("b")
	if c := compareAny(t, a, b); !c.Identical() || len(c.Skipped) > 0 {
		t.Errorf("identical: %q", c.Skipped)
	}
	_, err := CompareAny(t.Context(), openAny(t, a), openAny(t, other), cause.Builds{})
	var limit *oci.LimitError
	if !errors.As(err, &limit) || !strings.Contains(err.Error(), "at most 500 times that of its compressed bytes, from 256 MiB on") {
		t.Errorf("different: %v", err)
	}
}

// TestZeros: a compressed file of zeros is no tar that has nothing in it.
func TestZeros(t *testing.T) {
	zeros := make([]byte, 300<<20)
	a, b := writeFile(t, zeros, "gzip"), writeFile(t, zeros, "gzip")
	if c := compareAny(t, a, b); !c.Identical() {
		t.Errorf("the same: %q", leaves(c, false))
	}
	zeros[299<<20] = 1
	got := leaves(compareAny(t, a, writeFile(t, zeros, "gzip")), false)
	if len(got) != 1 || !strings.HasPrefix(got[0], "part file > content > content: ") {
		t.Errorf("got %q", got)
	}
}
