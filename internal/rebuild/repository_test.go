package rebuild_test

import (
	"bytes"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	ggcr "github.com/google/go-containerregistry/pkg/registry"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/rebuild"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// repository returns the name of an empty one, of a registry with or without the
// referrers API. What broken returns a status for, a path, is answered with that.
func repository(t *testing.T, api bool, broken func(method, path string) int) string {
	t.Helper()
	h := ggcr.New(ggcr.WithReferrersSupport(api), ggcr.Logger(log.New(io.Discard, "", 0)))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status := broken(r.Method, r.URL.Path); status != 0 {
			w.WriteHeader(status)
			return
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://") + "/riseup/statements"
}

func whole(string, string) int { return 0 }

func TestPublishTo(t *testing.T) {
	_, image, all := stated(t)
	for _, api := range []bool{true, false} {
		name := repository(t, api, whole)
		for range 2 { // again changes nothing
			check(t, rebuild.PublishTo(ctx, name, all, registry.Options{}))
		}
		bundles := must[[]release.Bundle](t)(rebuild.ReadRepository(ctx, name, image, registry.Options{}))
		c := release.ReadBundles(image, bundles, release.Trusted{Keys: []*sign.PublicKey{key(t, auditor).Public()}})
		if len(c.Problems) > 0 || len(c.Statements) != 2 || !slices.ContainsFunc(c.Statements, func(s release.Statement) bool { return bytes.Equal(s.Body, all[1].Body) }) {
			t.Errorf("API %v: %+v", api, c)
		}
		nothing := image
		nothing.Digest = ocispec.DescriptorEmptyJSON.Digest
		if bundles := must[[]release.Bundle](t)(rebuild.ReadRepository(ctx, name, nothing, registry.Options{})); len(bundles) != 0 {
			t.Errorf("API %v: about another image: %d bundles", api, len(bundles))
		}
	}
}

// TestPublishToTogether: several audits of a timer end at once.
func TestPublishToTogether(t *testing.T) {
	p := published(t, "same")
	var all [4][]rebuild.Statement
	for i := range all {
		a := must[*rebuild.Attempt](t)(rebuild.Fail(p, evidence.BuildFailed, strings.Repeat("x", i+1)))
		all[i] = must[[]rebuild.Statement](t)(a.State(ctx, key(t, auditor), who, nil))
	}
	name := repository(t, true, whole)
	var group sync.WaitGroup
	for _, one := range all {
		group.Go(func() {
			if err := rebuild.PublishTo(ctx, name, one, registry.Options{}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if bundles := must[[]release.Bundle](t)(rebuild.ReadRepository(ctx, name, p.Image, registry.Options{})); len(bundles) != len(all) {
		t.Errorf("%d bundles of %d", len(bundles), len(all))
	}
}

// TestRepositoryRefused: a repository that isn't read whole has said nothing that
// could be relied on.
func TestRepositoryRefused(t *testing.T) {
	_, image, all := stated(t)
	var mu sync.Mutex
	var fail func(method, path string) int
	name := repository(t, true, func(method, path string) int {
		mu.Lock()
		defer mu.Unlock()
		if fail == nil {
			return 0
		}
		return fail(method, path)
	})
	set := func(f func(method, path string) int) {
		mu.Lock()
		defer mu.Unlock()
		fail = f
	}
	var want *rebuild.PlaceError
	read := func(what string) {
		t.Helper()
		if bundles, err := rebuild.ReadRepository(ctx, name, image, registry.Options{}); !errors.As(err, &want) {
			t.Errorf("%s: %d bundles, %v", what, len(bundles), err)
		}
	}
	read("an empty repository")
	check(t, rebuild.PublishTo(ctx, name, all, registry.Options{}))
	for what, part := range map[string]string{
		"no marker": "/manifests/statements", "no list": "/referrers/", "no manifest": "/manifests/sha256:", "no blob": "/blobs/sha256:",
	} {
		for _, status := range []int{http.StatusNotFound, http.StatusForbidden} {
			if what == "no list" && status == http.StatusNotFound {
				continue // is a registry without the API, and then the tag counts
			}
			set(func(_, path string) int {
				if strings.Contains(path, part) {
					return status
				}
				return 0
			})
			read(what)
		}
	}
	set(func(method, _ string) int {
		if method == http.MethodPut {
			return http.StatusForbidden
		}
		return 0
	})
	if err := rebuild.PublishTo(ctx, name, unpublished(t), registry.Options{}); !errors.As(err, &want) {
		t.Errorf("written, though it may not be: %v", err)
	}
	if _, err := rebuild.ReadRepository(ctx, "not a name", image, registry.Options{}); !errors.As(err, &want) {
		t.Errorf("no name: %v", err)
	}
}

// unpublished returns statements that are nowhere yet.
func unpublished(t *testing.T) []rebuild.Statement {
	t.Helper()
	a := must[*rebuild.Attempt](t)(rebuild.Fail(published(t, "else"), evidence.BuildFailed, "no"))
	return must[[]rebuild.Statement](t)(a.State(ctx, key(t, auditor), who, nil))
}

// TestOtherTag: a repository whose tag names something else isn't made one of
// statements.
func TestOtherTag(t *testing.T) {
	_, image, all := stated(t)
	name := repository(t, true, whole)
	check(t, rebuild.PublishTo(ctx, name, all[:1], registry.Options{}))
	ref := must[registry.Reference](t)(registry.ParseReference(name + ":statements"))
	r := must[*registry.Repository](t)(registry.OpenRepository(ctx, ref, true, nil, registry.Options{}))
	defer r.Close()
	desc, blobs, err := all[0].Attachment.Manifest()
	check(t, err)
	m := must[*registry.Manifest](t)(r.Manifest(ctx, desc.Digest.String()))
	if m == nil || len(blobs) != 3 {
		t.Fatal("the statement isn't there")
	}
	must[bool](t)(r.PutManifest(ctx, m, "statements"))
	var want *rebuild.PlaceError
	if err := rebuild.PublishTo(ctx, name, all, registry.Options{}); !errors.As(err, &want) || !strings.Contains(err.Error(), "is of type") {
		t.Errorf("got %v", err)
	}
	if _, err := rebuild.ReadRepository(ctx, name, image, registry.Options{}); !errors.As(err, &want) {
		t.Errorf("got %v", err)
	}
}
