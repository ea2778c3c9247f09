package release

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// TestBindReference: only what its key signed at the gate can be signed again, and
// only as what it is.
func TestBindReference(t *testing.T) {
	dir, b := released(t)
	mine, other := key(t, 0), key(t, 1)
	const ref = "registry.example/tails/mqtt:2.7.9-r1"
	all := must[[]*ReferenceSignature](t)(BindReference(ctx, dir, mine, ref))
	s := all[0]
	if len(all) != 1 || s.Image != b.A.Image.Digest || s.Reference != ref {
		t.Errorf("got %+v", s)
	}
	check(t, mine.Public().VerifyReference(s.Payload, s.Signature, ref, s.Image))

	var reference *ReferenceError
	for _, r := range []string{
		"", "mqtt:2.7.9-r1", "registry.example/mqtt:2.7.9-r2", "registry.example/tails/sftp:2.7.9-r1",
		"registry.example/tails/mqtt:latest", "registry.example/tails/mqtt", "registry.example/tails/mqtt@" + s.Image.String(),
	} {
		if _, err := BindReference(ctx, dir, mine, r); !errors.As(err, &reference) {
			t.Errorf("%q: %v", r, err)
		}
	}
	// Of an index, that and each of its images.
	several, rel := releasedIndex(t)
	all = must[[]*ReferenceSignature](t)(BindReference(ctx, several, mine, ref))
	want := []digest.Digest{rel.Image.Digest, rel.Platforms[0].Image.Digest, rel.Platforms[1].Image.Digest}
	for i, s := range all {
		if len(all) != len(want) || s.Image != want[i] {
			t.Fatalf("%d: got %+v", i, s)
		}
		check(t, mine.Public().VerifyReference(s.Payload, s.Signature, ref, want[i]))
	}
	// Another key, though it is somebody's, can't sign what it didn't make.
	var refused *RefusedError
	if _, err := BindReference(ctx, dir, other, ref); !errors.As(err, &refused) {
		t.Errorf("another key: %v", err)
	}
	if _, err := BindReference(ctx, dir, nil, ref); err == nil {
		t.Error("no key: accepted")
	}
	// A forgery: signed by the key, but with no comparison.
	f := newForgery(t)
	f.signature(mine)
	if _, err := BindReference(ctx, f.write(), mine, ref); !errors.Is(err, ErrNoComparison) {
		t.Errorf("no comparison: %v", err)
	}
	// An unsigned release.
	plain, _ := pair(t, "same", "same")
	unsigned := filepath.Join(t.TempDir(), "mqtt")
	must[*Release](t)(Create(ctx, plain, Options{Dir: unsigned}))
	var none *UnsignedError
	if _, err := BindReference(ctx, unsigned, mine, ref); !errors.As(err, &none) {
		t.Errorf("unsigned: %v", err)
	}
	// Every byte counts.
	l := must[*oci.Layout](t)(oci.OpenLayout(dir))
	defer l.Close()
	m, _, err := l.ReadManifest(b.A.Image)
	check(t, err)
	flip(t, blobPath(dir, m.Layers[1].Digest))
	if _, err := BindReference(ctx, dir, mine, ref); err == nil {
		t.Error("a flipped byte: accepted")
	}
	check(t, os.RemoveAll(dir))
	if _, err := BindReference(ctx, dir, mine, ref); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
}
