package ownership

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var me = uint32(os.Getuid())

func write(t *testing.T, dir, name string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	check(t, os.MkdirAll(filepath.Dir(path), 0o755))
	check(t, os.WriteFile(path, nil, 0o600))
	check(t, os.Chmod(path, mode)) // whatever the umask
	return path
}

func link(t *testing.T, dir, name, target string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	check(t, os.MkdirAll(filepath.Dir(path), 0o755))
	check(t, os.Symlink(target, path))
	return path
}

func TestFile(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	check(t, err)
	shared := write(t, dir, "shared/file", 0o755)
	check(t, os.Chmod(filepath.Dir(shared), 0o777))
	sticky := write(t, dir, "sticky/file", 0o755)
	check(t, os.Chmod(filepath.Dir(sticky), 0o777|fs.ModeSticky))
	good := write(t, dir, "good/file", 0o644)

	for path, want := range map[string]string{
		good: good, sticky: sticky, write(t, dir, "group-reads", 0o750): filepath.Join(dir, "group-reads"),
		link(t, dir, "absolute", good): good, link(t, dir, "relative", "good/../good/./file"): good,
		link(t, dir, "folder", "good") + "/file": good, dir + "//good/../folder/../good/file": good,
		link(t, dir, "up/link", "../absolute"): good,
	} {
		if got, err := File(path, me); err != nil || got != want {
			t.Errorf("%s: %s, %v", path, got, err)
		}
	}
	var unsafe *UnsafeError
	for path, want := range map[string]string{
		write(t, dir, "world", 0o757):          "others may write",
		write(t, dir, "group", 0o775):          "others may write",
		shared:                                 "others may write",
		link(t, dir, "to-shared", shared):      "others may write",
		link(t, dir, "shared/link", good):      "others may write",
		filepath.Join(dir, "good"):             "not a regular file",
		dir + "/good/file/..":                  "not a regular file",
		link(t, dir, "self", "."):              "not a regular file",
		link(t, dir, "loop", "loop"):           "too many symbolic links",
		filepath.Join(dir, "shared/link/file"): "others may write",
		"good/file":                            "not an absolute path",
		"file":                                 "not an absolute path",
		"":                                     "not an absolute path",
	} {
		if got, err := File(path, me); !errors.As(err, &unsafe) || got != "" || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %s, %v, want %q", path, got, err, want)
		}
	}
	if _, err := File(filepath.Join(dir, "none"), me); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	file := write(t, dir, "good/file", 0o644)
	if got, err := FolderIn("/", filepath.Dir(file), me); err != nil || !strings.HasSuffix(got, "/good") {
		t.Errorf("%s, %v", got, err)
	}
	var unsafe *UnsafeError
	if _, err := FolderIn("/", file, me); !errors.As(err, &unsafe) {
		t.Errorf("got %v", err)
	}
	// What is missing can be told from what others could make.
	if _, err := FolderIn("/", filepath.Join(dir, "good/none/below"), me); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	check(t, os.Chmod(filepath.Dir(file), 0o777))
	if _, err := FolderIn("/", filepath.Join(dir, "good/none/below"), me); !errors.As(err, &unsafe) {
		t.Errorf("got %v", err)
	}
}

// TestRoot: paths, links and errors are as seen from another root folder.
func TestRoot(t *testing.T) {
	root := t.TempDir()
	write(t, root, "usr/file", 0o644)
	link(t, root, "link", "/usr/file")
	link(t, root, "out", "../../../../../usr/file")
	for _, path := range []string{"/usr/file", "/link", "/out", "/../usr/file"} {
		if got, err := FileIn(root, path, me); err != nil || got != "/usr/file" {
			t.Errorf("%s: %s, %v", path, got, err)
		}
	}
	write(t, root, "usr/open", 0o666)
	var unsafe *UnsafeError
	if _, err := FileIn(root, "/usr/open", me); !errors.As(err, &unsafe) || unsafe.Path != "/usr/open" {
		t.Errorf("got %v", err)
	}
}

// TestStranger: what somebody else owns is theirs to change, whatever its mode.
func TestStranger(t *testing.T) {
	path, owner := write(t, t.TempDir(), "file", 0o644), me+1
	if me == 0 { // root's own files are everybody's
		check(t, os.Chown(path, 1234, 0))
		owner = 1235
	}
	var unsafe *UnsafeError
	if _, err := File(path, owner); !errors.As(err, &unsafe) || !strings.Contains(err.Error(), "it belongs to user ") {
		t.Errorf("got %v", err)
	}
	if me != 0 {
		return
	}
	if _, err := File(path, owner, 1234); err != nil {
		t.Error(err)
	}
}
