package release

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// tmpfs mounts a file system of one MiB until the test ends.
func tmpfs(t *testing.T, flags uintptr) string {
	t.Helper()
	if os.Getuid() != 0 {
		unavailable(t, "mounting a small file system needs root")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", flags, "size=1m"); err != nil {
		unavailable(t, "mount: %v", err)
	}
	t.Cleanup(func() { check(t, unix.Unmount(dir, 0)) })
	return dir
}

// noise returns n bytes that don't compress.
func noise(t *testing.T, n int) string {
	b := make([]byte, n/2)
	must[int](t)(rand.Read(b))
	return hex.EncodeToString(b)
}

func TestDiskFull(t *testing.T) {
	full := tmpfs(t, 0)
	content := noise(t, 4<<20)
	b, _ := pair(t, content, content)
	dir := filepath.Join(full, "mqtt")
	_, err := Create(ctx, b, Options{Dir: dir, Key: key(t, 0)})
	if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
	wantEmpty(t, full)

	// The report of a difference doesn't fit either: the difference is still the error.
	b, _ = pair(t, "content of A", "content of B")
	check(t, os.WriteFile(filepath.Join(full, "ballast"), []byte(content[:1<<20-8192]), 0o644))
	_, err = Create(ctx, b, Options{Dir: dir, Key: key(t, 0)})
	var different *DifferentError
	if !errors.As(err, &different) {
		t.Errorf("got %v", err)
	}
	for _, e := range must[[]os.DirEntry](t)(os.ReadDir(full)) {
		if strings.HasPrefix(e.Name(), ".") {
			t.Errorf("%s was left", e.Name())
		}
	}
}

func TestReadOnly(t *testing.T) {
	dist := tmpfs(t, unix.MS_RDONLY)
	dir := filepath.Join(dist, "mqtt")
	same, _ := pair(t, "same", "same")
	if _, err := Create(ctx, same, Options{Dir: dir, Key: key(t, 0)}); !errors.Is(err, unix.EROFS) || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
	differ, _ := pair(t, "content of A", "content of B")
	var different *DifferentError
	_, err := Create(ctx, differ, Options{Dir: dir})
	if !errors.As(err, &different) || !errors.Is(err, unix.EROFS) || different.Report != "" {
		t.Errorf("got %v", err)
	}
}

// TestOccupied checks that what is no release is never replaced.
func TestOccupied(t *testing.T) {
	b, dist := pair(t, "same", "same")
	dir := filepath.Join(dist, "mqtt")
	check(t, os.Mkdir(dir, 0o755))
	check(t, os.WriteFile(filepath.Join(dir, "thesis.txt"), []byte("x"), 0o644))
	var occupied *oci.OccupiedError
	if _, err := Create(ctx, b, Options{Dir: dir}); !errors.As(err, &occupied) {
		t.Errorf("got %v", err)
	}
	wantEmpty(t, dist, "mqtt")
	wantEmpty(t, dir, "thesis.txt")

	bad, dist := pair(t, "content of A", "content of B")
	report := filepath.Join(dist, "mqtt.report")
	check(t, os.Mkdir(report, 0o755))
	check(t, os.WriteFile(filepath.Join(report, "notes.txt"), []byte("x"), 0o644))
	var different *DifferentError
	if _, err := Create(ctx, bad, Options{Dir: filepath.Join(dist, "mqtt")}); !errors.As(err, &different) || different.Report != "" {
		t.Errorf("got %v", err)
	}
	wantEmpty(t, dist, "mqtt.report")
	wantEmpty(t, report, "notes.txt")

	// Notes in the folder of an old report don't keep a release from being made.
	must[*Release](t)(Create(ctx, b, Options{Dir: filepath.Join(dist, "mqtt")}))
	wantEmpty(t, dist, "mqtt", "mqtt.report")
	check(t, os.RemoveAll(report))
	check(t, os.WriteFile(report, []byte("x"), 0o644))
	if _, err := Create(ctx, bad, Options{Dir: filepath.Join(dist, "mqtt")}); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("a file in the report's place: %v", err)
	}
	wantEmpty(t, dist, "mqtt", "mqtt.report")
}

func TestNoParent(t *testing.T) {
	b, dist := pair(t, "same", "same")
	check(t, os.WriteFile(filepath.Join(dist, "file"), nil, 0o644))
	dir := filepath.Join(dist, "file", "mqtt")
	var path *fs.PathError
	if _, err := Create(ctx, b, Options{Dir: dir}); !errors.As(err, &path) || !strings.Contains(err.Error(), dist) {
		t.Errorf("got %v", err)
	}
	if _, err := Create(ctx, b, Options{}); err == nil {
		t.Error("no folder: accepted")
	}
}
