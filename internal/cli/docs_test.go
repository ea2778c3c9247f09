package cli

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra/doc"
)

//go:generate go test -run ^TestDocs$ . -update

var update = flag.Bool("update", false, "write docs/cli and golden files anew")

// TestDocs compares docs/cli with the command tree.
func TestDocs(t *testing.T) {
	const dir = "../../docs/cli"
	fresh := t.TempDir()
	root := newApp(nil, io.Discard, io.Discard).root()
	if err := doc.GenMarkdownTree(root, fresh); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(dir, os.DirFS(fresh)); err != nil {
			t.Fatal(err)
		}
	}
	want, got := readDir(t, fresh), readDir(t, dir)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/cli is not what the commands say; run go generate ./internal/cli (-want +got):\n%s", diff)
	}
}

// readDir returns the content of the files in dir, with LF at their ends once.
func readDir(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(bytes.TrimRight(b, "\n"))
	}
	return files
}

// TestEveryCommandHasExamples: one verb, one page of help with examples.
func TestEveryCommandHasExamples(t *testing.T) {
	root := newApp(nil, io.Discard, io.Discard).root()
	for _, cmd := range leaves(root) {
		if cmd.Example == "" || cmd.Long == "" {
			t.Errorf("%s: no example or no description", cmd.CommandPath())
		}
		var page bytes.Buffer
		cmd.SetOut(&page)
		if err := cmd.Help(); err != nil {
			t.Fatal(err)
		}
		if lines := bytes.Count(page.Bytes(), []byte("\n")); lines > 50 {
			t.Errorf("%s: its help has %d lines, more than a page", cmd.CommandPath(), lines)
		}
		for i, line := range bytes.Split(page.Bytes(), []byte("\n")) {
			if len(line) > 130 {
				t.Errorf("%s: line %d of its help has %d bytes: %s", cmd.CommandPath(), i+1, len(line), line)
			}
		}
	}
}
