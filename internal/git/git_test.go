package git

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// repository makes a repository with a commit of files in folder, and returns the
// repository's folder. A file whose content starts with "-> " is a symbolic link.
func repository(t *testing.T, folder string, files map[string]string, initArgs ...string) string {
	t.Helper()
	dir := t.TempDir()
	do(t, dir, append([]string{"init", "-q"}, initArgs...)...)
	for name, content := range files {
		path := filepath.Join(dir, folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, link := strings.CutPrefix(content, "-> "); link {
			err = os.Symlink(target, path)
		} else {
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	do(t, dir, "add", ".")
	do(t, dir, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-q", "-m", "one")
	return dir
}

func do(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v: %s", args, err, out)
	}
}

func open(t *testing.T, dir string) *Tree {
	t.Helper()
	tree, err := Open(t.Context(), dir, "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestTree(t *testing.T) {
	files := map[string]string{
		"top":                "top\n",
		"a/file":             "some",
		"a/empty":            "",
		"a/odd \"\t\n name ": "odd\n\nodd",
		"a/sub/deep":         "deep",
		"a/link":             "-> file",
		"a/sub/up":           "-> ../link",
		"a/folder":           "-> sub",
		"a/out":              "-> ../b/file",
		"a/root":             "-> /etc/passwd",
		"a/loop":             "-> loop",
		"a/broken":           "-> nothing",
		"b/file":             "other",
	}
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			dir := repository(t, "recipes", files, "--object-format="+format)
			tree := open(t, filepath.Join(dir, "recipes"))
			for _, c := range []struct{ folder, name, want string }{
				{"", "top", "top\n"},
				{"", "a/file", "some"},
				{"a", "file", "some"},
				{"a", "./sub/../file", "some"},
				{"a", "empty", ""},
				{"a", "odd \"\t\n name ", "odd\n\nodd"},
				{"a", "link", "some"},
				{"a", "sub/up", "some"},
				{"a", "folder/deep", "deep"},
				{"a", "folder/up", "some"},
			} {
				b, ok := tree.Find(c.folder, c.name)
				if !ok {
					t.Errorf("%s of %s: not found", c.name, c.folder)
					continue
				}
				if want := tree.ID([]byte(c.want)); b.ID != want {
					t.Errorf("%s of %s: %s, want %s", c.name, c.folder, b.ID, want)
				}
				got, err := tree.Read(t.Context(), []Blob{b, b})
				if err != nil {
					t.Fatal(err)
				}
				if string(got[b.ID]) != c.want {
					t.Errorf("%s of %s: %q, want %q", c.name, c.folder, got[b.ID], c.want)
				}
			}
			for _, name := range []string{"out", "root", "loop", "broken", "../b/file", "sub", "", "nothing"} {
				if b, ok := tree.Find("a", name); ok {
					t.Errorf("%q of a is %v, want nothing", name, b)
				}
			}
		})
	}
}

// TestThen: what counts is the commit, whatever became of the work tree, and a
// folder that is new had nothing.
func TestThen(t *testing.T) {
	dir := repository(t, "recipes", map[string]string{"file": "old"})
	if err := os.WriteFile(filepath.Join(dir, "recipes", "file"), []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	do(t, dir, "add", ".")
	tree := open(t, filepath.Join(dir, "recipes"))
	if b, _ := tree.Find("", "file"); b.ID != tree.ID([]byte("old")) {
		t.Errorf("file is %v, want that of the commit", b)
	}
	if err := os.Mkdir(filepath.Join(dir, "other"), 0o755); err != nil {
		t.Fatal(err)
	}
	if names := open(t, filepath.Join(dir, "other")).Names(); len(names) > 0 {
		t.Errorf("a new folder had %v", names)
	}
	if diff := cmp.Diff([]string{"recipes/file"}, open(t, dir).Names()); diff != "" {
		t.Errorf("the whole repository (-want +got):\n%s", diff)
	}
}

// TestOptionsAreRevisions: nothing that is given as a revision is an option, and
// nothing is run that the environment or the repository names.
func TestOptionsAreRevisions(t *testing.T) {
	dir := repository(t, "", map[string]string{"file": "x"})
	trap := filepath.Join(t.TempDir(), "trap")
	t.Setenv("GIT_DIR", filepath.Join(dir, "nothing"))
	t.Setenv("GIT_PAGER", "touch "+trap)
	with := func(args ...string) {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir, cmd.Env = dir, environment()
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	with("config", "core.fsmonitor", "touch "+trap)
	with("config", "core.pager", "touch "+trap)
	open(t, dir)
	for _, revision := range []string{"--all", "--output=" + trap, "-h", "", "nothing", "HEAD:file", "HEAD\nHEAD", "HEAD^{tree}"} {
		_, err := Open(t.Context(), dir, revision)
		var unknown *RevisionError
		if !errors.As(err, &unknown) || unknown.Revision != revision {
			t.Errorf("%q: error %v, want a RevisionError", revision, err)
		}
	}
	if _, err := os.Stat(trap); err == nil {
		t.Errorf("git ran what it was not to run")
	}
}

func TestNoRepository(t *testing.T) {
	_, err := Open(t.Context(), t.TempDir(), "HEAD")
	var command *CommandError
	if !errors.As(err, &command) || !strings.Contains(command.Output, "not a git repository") {
		t.Errorf("error %v, want a CommandError that says why", err)
	}
}

func TestNoCommit(t *testing.T) {
	dir := t.TempDir()
	do(t, dir, "init", "-q")
	_, err := Open(t.Context(), dir, "HEAD")
	var unknown *RevisionError
	if !errors.As(err, &unknown) {
		t.Errorf("error %v, want a RevisionError", err)
	}
}

func TestLimits(t *testing.T) {
	long := strings.Repeat("x", maxLink+1)
	dir := repository(t, "", map[string]string{"file": "content"})
	tree := open(t, dir)
	_, err := tree.Read(t.Context(), []Blob{{ID: tree.ID([]byte("content")), Size: maxRead}})
	var limit *LimitError
	if !errors.As(err, &limit) {
		t.Errorf("error %v, want a LimitError", err)
	}
	// A size that is not the listed one, or a blob that isn't there.
	for _, b := range []Blob{{ID: tree.ID([]byte("content")), Size: 6}, {ID: tree.ID([]byte("other")), Size: 5}} {
		_, err := tree.Read(t.Context(), []Blob{b})
		var command *CommandError
		if !errors.As(err, &command) {
			t.Errorf("%v: error %v, want a CommandError", b, err)
		}
	}
	_, err = run(t.Context(), dir, nil, 3, "rev-parse", "HEAD")
	if !errors.As(err, &limit) {
		t.Errorf("long output: error %v, want a LimitError", err)
	}
	if err := tree.follow(t.Context(), map[string]Blob{"link": {Size: int64(len(long))}}); !errors.As(err, &limit) {
		t.Errorf("long link: error %v, want a LimitError", err)
	}
}

// FuzzList: whatever git says, no panic, and what was listed is found.
func FuzzList(f *testing.F) {
	f.Add([]byte("100644 blob 0123456789012345678901234567890123456789       5\ta/b\x00"))
	f.Add([]byte("120000 blob 0123456789012345678901234567890123456789       5\tlink\x00160000 commit 0 -\tsub\x00"))
	f.Add([]byte("\x00\x00"))
	f.Fuzz(func(t *testing.T, out []byte) {
		tree := &Tree{blobs: map[string]Blob{}, links: map[string]string{}}
		links, err := tree.list(out)
		if err != nil {
			return
		}
		for name := range links {
			tree.links[name] = "../" + name
			tree.Find("", name)
		}
		if n := bytes.Count(out, []byte("\x00")) + 1; len(tree.Names())+len(links) > n {
			t.Errorf("%d names of %d lines", len(tree.Names()), n)
		}
	})
}
