package trust_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
)

// copied collects a trust root and writes it as an artifact, whose digest it returns.
func copied(t *testing.T, source trust.Source) (dir string, digest string, names []string) {
	t.Helper()
	files, err := trust.Collect(context.Background(), source)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		names = append(names, f.Name)
	}
	dir = filepath.Join(t.TempDir(), "copy")
	w, err := oci.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	desc, err := trust.WriteArtifact(w, files)
	if err == nil {
		err = w.Commit([]ocispec.Descriptor{desc})
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir, desc.Digest.String(), names
}

// TestCollect: a copy has what a client could ask for, and is as good as the original.
func TestCollect(t *testing.T) {
	r, m := setup(t)
	r.Rotate("timestamp")
	r.Root.Signed.Version++
	r.PublishRoot(r.RootKeys...)
	r.Publish()
	dir, digest, names := copied(t, trust.Folder(r.Dir))
	find(t, m.mustOpen(trust.Layout(dir)), mqtt)
	if names[0] != "1.root.json" || names[1] != "2.root.json" || names[len(names)-1] != "timestamp.json" || !slices.IsSorted(names[:2]) {
		t.Errorf("files are %q", names)
	}
	// From the copy, it is the same again.
	if _, again, _ := copied(t, trust.Layout(dir)); again != digest {
		t.Errorf("copied again it is %s, not %s", again, digest)
	}
}

// TestCollectRefused: files that are missing, or don't belong together.
func TestCollectRefused(t *testing.T) {
	for _, name := range []string{"timestamp.json", "1.root.json", "1.snapshot.json", "1.targets.json", "1.mqtt.json"} {
		r, _ := setup(t)
		old := r.Copy()
		if err := os.Remove(filepath.Join(old, name)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_, err := trust.Collect(context.Background(), trust.Folder(old))
		refused[*trust.MissingError](t, err)
		if name == "timestamp.json" || name == "1.root.json" {
			continue
		}
		b := r.File(name)
		b[len(b)/2] ^= 1
		if err := os.WriteFile(filepath.Join(old, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
		_, err = trust.Collect(context.Background(), trust.Folder(old))
		var changed *trust.ChangedError
		if !errors.As(err, &changed) || changed.File != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r, _ := setup(t)
	if _, err := trust.Collect(ctx, trust.Folder(r.Dir)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
