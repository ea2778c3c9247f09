package inputs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

// newFetcher returns a fetcher with a store of its own that hardly waits between tries.
func newFetcher(t *testing.T) *Fetcher {
	t.Helper()
	store, err := OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &Fetcher{Store: store, pause: time.Millisecond}
}

func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// locked returns an http input for content at url.
func locked(url string, content []byte) lock.Input {
	return lock.Input{Kind: lock.KindHTTP, Name: "test", URL: url, Size: int64(len(content)), SHA256: sumOf(content)}
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// wantStored fails the test unless the store has content, and nothing half-done.
func wantStored(t *testing.T, f *Fetcher, content []byte) {
	t.Helper()
	got, err := os.ReadFile(f.Store.Path(sumOf(content)))
	if err != nil {
		t.Fatal(err)
	}
	if sumOf(got) != sumOf(content) {
		t.Errorf("the store has %d other bytes", len(got))
	}
	info, err := os.Stat(f.Store.Path(sumOf(content)))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o444 {
		t.Errorf("mode %v, want 0444", info.Mode())
	}
	wantClean(t, f)
}

// wantClean fails the test if temporary files or partial downloads are left.
func wantClean(t *testing.T, f *Fetcher) {
	t.Helper()
	for _, sub := range []string{"tmp", "partial"} {
		entries, err := os.ReadDir(filepath.Join(f.Store.dir, sub))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			t.Errorf("left over: %s/%s", sub, e.Name())
		}
	}
}

func wantNotStored(t *testing.T, f *Fetcher) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(f.Store.dir, "sha256"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("stored: %s", e.Name())
	}
}

// wantError returns err as the error type T.
func wantError[T error](t *testing.T, err error) T {
	t.Helper()
	var want T
	if !errors.As(err, &want) {
		t.Fatalf("got error %v, want a %T", err, want)
	}
	return want
}

// unavailable skips the test, or fails it where nothing may be skipped.
func unavailable(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// requireProxy skips the test when Go modules can't be downloaded.
func requireProxy(t *testing.T) {
	t.Helper()
	if testing.Short() {
		unavailable(t, "downloads Go modules, which -short leaves out")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "list", "-m", mochi.Module+"@"+mochi.Version)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "GOMODCACHE="+filepath.Join(cmd.Dir, "mod"), "GOFLAGS=-modcacherw")
	if out, err := cmd.CombinedOutput(); err != nil {
		unavailable(t, "no module proxy can be reached: %v\n%s", err, out)
	}
}

// alpine returns the folder that is laid out like Alpine's CDN, beside the checkout.
func alpine(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../../shared/mirror/alpine")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		unavailable(t, "no Alpine mirror at %s", dir)
	}
	return dir
}
