package cli

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

// TestLockFetchesOnce: recipes of one command that need the same file are locked to the
// same bytes, also when the mirror has others a moment later.
func TestLockFetchesOnce(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		gz := gzip.NewWriter(w)
		archive := tar.NewWriter(gz)
		err := archive.WriteHeader(&tar.Header{Name: fmt.Sprintf("version-%d", asked.Add(1))})
		if err := errors.Join(err, archive.Close(), gz.Close()); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	dir := filepath.Join(t.TempDir(), "recipes")
	write := func(name, content string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("tailsbuild.hcl", fmt.Sprintf("mirror \"https://example.org\" {\n  locations = [%q]\n}\n", server.URL))
	names := []string{"base", "one", "two"}
	for _, name := range names {
		text := "service \"NAME\" {\n  version = \"1\"\n  summary = \"A service\"\n  license = \"MIT\"\n  base    = \"base\"\n}\n"
		if name == "base" {
			text = generatedBase
		}
		write(name+"/recipe.hcl", strings.ReplaceAll(text, "NAME", name))
	}
	code, _, stderr := run("lock", "--all", "--recipes", dir, "--store", t.TempDir(), "--progress", "quiet")
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	sums := map[string]bool{}
	for _, name := range names {
		path := filepath.Join(dir, name, "recipe.lock.hcl")
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, diags := lock.Decode(path, b)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		for _, in := range f.Inputs {
			if in.Kind == lock.KindRootfs {
				sums[in.Name+" "+in.SHA256+" "+in.DiffID] = true
			}
		}
	}
	if len(sums) != 1 || asked.Load() != 1 {
		t.Errorf("the mirror was asked %d times, and the locks have %v", asked.Load(), sums)
	}
}
