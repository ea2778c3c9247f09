package diffoscope

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// lying returns an image whose config has a wrong diff_id for layer n.
func lying(tb testing.TB, n int) *testImage {
	tb.Helper()
	i := newTestImage()
	i.rawConfig = func(b []byte) []byte {
		_, _, id := i.layers[n].blob(tb)
		return bytes.Replace(b, []byte(id.Encoded()), []byte(strings.Repeat("0", 64)), 1)
	}
	return i
}

// TestDiffIDs: a diff_id that isn't that of its layer is an error, also of a layer that
// both images have.
func TestDiffIDs(t *testing.T) {
	changed := func(i *testImage) *testImage {
		i.layers[1].entries[2].Mode = 0o755
		return i
	}
	for n := range newTestImage().layers {
		for name, b := range map[string]*testImage{"itself": lying(t, n), "another": changed(lying(t, n)), "one that is right": newTestImage()} {
			var wrong *oci.DigestError
			if c, err := Compare(t.Context(), open(t, lying(t, n).write(t)), open(t, b.write(t))); c != nil || !errors.As(err, &wrong) {
				t.Errorf("layer %d, %s: %v, %v", n, name, c, err)
			}
			c, err := CompareAny(t.Context(), openAny(t, lying(t, n).write(t)), openAny(t, b.write(t)), cause.Builds{})
			if name == "itself" {
				if err != nil || !c.Identical() {
					t.Errorf("layer %d, any, %s: %v, %v", n, name, c, err)
				}
			} else if c != nil || !errors.As(err, &wrong) {
				t.Errorf("layer %d, any, %s: %v, %v", n, name, c, err)
			}
		}
	}
}
