package rebuild_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/rebuild"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
)

// stated returns a folder with the two statements of a rebuild of an image.
func stated(t *testing.T) (dir string, image ocispec.Descriptor, all []rebuild.Statement) {
	t.Helper()
	a := compared(t, "same", now)
	all = must[[]rebuild.Statement](t)(a.State(ctx, key(t, auditor), who, nil))
	dir = filepath.Join(t.TempDir(), "statements")
	check(t, rebuild.Publish(dir, all))
	return dir, all[1].Attachment.Subject, all
}

func TestPublish(t *testing.T) {
	dir, image, all := stated(t)
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	check(t, rebuild.Publish(dir, all)) // again, which changes nothing
	for _, place := range []trust.Source{trust.Folder(dir), must[trust.Source](t)(trust.HTTP(server.URL, trust.HTTPOptions{}))} {
		bundles := must[[]release.Bundle](t)(rebuild.ReadFiles(ctx, place, image))
		if len(bundles) != 2 || !bytes.Equal(bundles[1].Body, all[1].Bundle) {
			t.Fatalf("%s: %d bundles", place, len(bundles))
		}
		c := release.ReadBundles(image, bundles, release.Trusted{Keys: []*sign.PublicKey{key(t, auditor).Public()}})
		if len(c.Problems) > 0 || len(c.Statements) != 2 || !bytes.Equal(c.Statements[1].Body, all[1].Body) {
			t.Errorf("%s: %+v", place, c)
		}
		if c := release.ReadBundles(image, bundles, release.Trusted{}); len(c.Statements) != 0 || len(c.Problems) != 2 {
			t.Errorf("%s by nobody who is known: %+v", place, c)
		}
		nothing := image
		nothing.Digest = "sha256:" + ocispec.DescriptorEmptyJSON.Digest[len("sha256:"):]
		if bundles := must[[]release.Bundle](t)(rebuild.ReadFiles(ctx, place, nothing)); len(bundles) != 0 {
			t.Errorf("%s about another image: %d bundles", place, len(bundles))
		}
	}
	// Each image's folder is a layout that other tools can read.
	l := must[*oci.Layout](t)(oci.OpenLayout(filepath.Join(dir, "sha256-"+image.Digest.Encoded())))
	defer l.Close()
	if refs := must[[]ocispec.Descriptor](t)(l.Referrers(image.Digest)); len(refs) != 2 {
		t.Errorf("%d referrers", len(refs))
	}
}

// TestPublishTogether: several audits may end at once.
func TestPublishTogether(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "statements")
	p := published(t, "same")
	var all [8][]rebuild.Statement
	for i := range all {
		a := must[*rebuild.Attempt](t)(rebuild.Fail(p, evidence.BuildFailed, strings.Repeat("x", i+1)))
		all[i] = must[[]rebuild.Statement](t)(a.State(ctx, key(t, auditor), who, nil))
	}
	var group sync.WaitGroup
	for _, one := range all {
		group.Go(func() {
			if err := rebuild.Publish(dir, one); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if bundles := must[[]release.Bundle](t)(rebuild.ReadFiles(ctx, trust.Folder(dir), p.Image)); len(bundles) != len(all) {
		t.Errorf("%d bundles of %d", len(bundles), len(all))
	}
}

// TestPlaceRefused: a place that can't be read whole has said nothing that could be
// relied on.
func TestPlaceRefused(t *testing.T) {
	for name, damage := range map[string]func(dir string, image ocispec.Descriptor) error{
		"no folder": func(dir string, _ ocispec.Descriptor) error { return os.RemoveAll(dir) },
		"no marker": func(dir string, _ ocispec.Descriptor) error { return os.Remove(filepath.Join(dir, "statements.json")) },
		"a newer marker": func(dir string, _ ocispec.Descriptor) error {
			return os.WriteFile(filepath.Join(dir, "statements.json"), []byte(`{"version":2}`), 0o644)
		},
		"a marker twice": func(dir string, _ ocispec.Descriptor) error {
			return os.WriteFile(filepath.Join(dir, "statements.json"), []byte(`{"version":2,"version":1}`), 0o644)
		},
		"a long marker": func(dir string, _ ocispec.Descriptor) error {
			return os.WriteFile(filepath.Join(dir, "statements.json"), bytes.Repeat([]byte(" "), 5000), 0o644)
		},
		"torn index": func(dir string, image ocispec.Descriptor) error {
			return os.Truncate(filepath.Join(dir, "sha256-"+image.Digest.Encoded(), "index.json"), 100)
		},
		"blobs gone": func(dir string, image ocispec.Descriptor) error {
			return os.RemoveAll(filepath.Join(dir, "sha256-"+image.Digest.Encoded(), "blobs"))
		},
		"changed": func(dir string, image ocispec.Descriptor) error {
			blobs, err := filepath.Glob(filepath.Join(dir, "sha256-"+image.Digest.Encoded(), "blobs", "sha256", "*"))
			for _, path := range blobs {
				b, readErr := os.ReadFile(path)
				b[len(b)/2] ^= 1
				err = errors.Join(err, readErr, os.WriteFile(path, b, 0o644))
			}
			return err
		},
		"about another image": func(dir string, image ocispec.Descriptor) error {
			old := filepath.Join(dir, "sha256-"+image.Digest.Encoded())
			a := compared(t, "other", now)
			all, err := a.State(ctx, key(t, auditor), who, nil)
			// The provenance is about what came out.
			err = errors.Join(err, rebuild.Publish(dir, all), os.RemoveAll(old))
			return errors.Join(err, os.Rename(filepath.Join(dir, "sha256-"+a.Rebuilt().Encoded()), old))
		},
	} {
		dir, image, _ := stated(t)
		check(t, damage(dir, image))
		var want *rebuild.PlaceError
		if bundles, err := rebuild.ReadFiles(ctx, trust.Folder(dir), image); !errors.As(err, &want) {
			t.Errorf("%s: %d bundles, %v", name, len(bundles), err)
		}
	}
	// Nothing is written to a folder that is something else.
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "mine"), nil, 0o644))
	var want *rebuild.PlaceError
	if err := rebuild.Publish(dir, nil); !errors.As(err, &want) {
		t.Errorf("a folder with something else: %v", err)
	}
	// A server that is there and refuses is no answer.
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer server.Close()
	place := must[trust.Source](t)(trust.HTTP(server.URL, trust.HTTPOptions{}))
	if _, err := rebuild.ReadFiles(ctx, place, ocispec.Descriptor{Digest: ocispec.DescriptorEmptyJSON.Digest}); !errors.As(err, &want) {
		t.Errorf("403: %v", err)
	}
}

// TestTooManyStatements: a limit is no way to hide one statement behind others.
func TestTooManyStatements(t *testing.T) {
	dir, image, all := stated(t)
	sub := filepath.Join(dir, "sha256-"+image.Digest.Encoded())
	w := must[*oci.Writer](t)(oci.Create(sub))
	var index []ocispec.Descriptor
	for i := range 300 {
		a := all[0].Attachment
		a.Created = a.Created.Add(time.Duration(i) * time.Second)
		desc, blobs, err := a.Manifest()
		check(t, err)
		for _, b := range blobs {
			must[ocispec.Descriptor](t)(w.AddBytes(b.MediaType, b.Data))
		}
		index = append(index, desc)
	}
	check(t, w.Commit(index))
	var limit *oci.LimitError
	if _, err := rebuild.ReadFiles(ctx, trust.Folder(dir), image); !errors.As(err, &limit) {
		t.Error(err)
	}
}
