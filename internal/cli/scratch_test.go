package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"gitlab.com/tailsbuild/tailsbuild/internal/regular"
)

func TestScratch(t *testing.T) {
	parent := filepath.Join(t.TempDir(), "work [1]")
	s, err := newScratch(parent)
	if err != nil {
		t.Fatal(err)
	}
	inside := filepath.Join(s.dir, "a", "root")
	if err := os.MkdirAll(inside, 0o700); err != nil {
		t.Fatal(err)
	}
	// Another run starts, and leaves the living one alone.
	other, err := newScratch(parent)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(inside); err != nil {
		t.Errorf("a living run's folder: %v", err)
	}
	if err := other.remove(); err != nil {
		t.Error(err)
	}
	// The first run is killed: the kernel lets go of its lock, and nothing else.
	if err := s.lock.Close(); err != nil {
		t.Fatal(err)
	}
	other, err = newScratch(parent)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a dead run's folder is still there: %v", err)
	}
	if err := other.remove(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestScratchAtOnce: runs that start and end at the same time don't take each
// other for dead.
func TestScratchAtOnce(t *testing.T) {
	parent := t.TempDir()
	var runs sync.WaitGroup
	for range 8 {
		runs.Go(func() {
			for range 50 {
				s, err := newScratch(parent)
				if err != nil {
					t.Error(err)
					return
				}
				if err := os.WriteFile(filepath.Join(s.dir, "file"), nil, 0o600); err != nil {
					t.Error(err)
				}
				if err := s.remove(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	runs.Wait()
	if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "recipe.lock.hcl")
	for _, content := range []string{"one", "two"} {
		if err := writeFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := regular.Read(path, 3)
		if err != nil || string(got) != content {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if _, err := regular.Read(path, 2); err == nil {
		t.Error("read more than the limit")
	}
	if err := writeFile(filepath.Join(path, "below-a-file"), nil, 0o644); err == nil {
		t.Error("wrote below a file")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left: %v, %v", left, err)
	}
}
