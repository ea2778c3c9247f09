package diffoscope

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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
