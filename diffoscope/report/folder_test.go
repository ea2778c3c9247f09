package report

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

func TestWriteFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "x.report")
	extra := File{"build/a/log.txt", func(w io.Writer) error {
		_, err := io.WriteString(w, "log\n")
		return err
	}}
	// Once more, and without what was in it.
	for _, files := range [][]File{append(Files(six(), options()), extra), Files(six(), options())} {
		check(t, WriteFolder(dir, files))
		cmd := exec.Command("sha256sum", "--check", "--strict", "--quiet", sums)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}
	entries, err := os.ReadDir(dir)
	check(t, err)
	if len(entries) != len(Files(six(), options()))+1 {
		t.Errorf("%v", entries)
	}

	notes := filepath.Join(dir, "notes")
	check(t, os.WriteFile(notes, nil, 0o644))
	if err := WriteFolder(dir, Files(six(), options())); !errors.Is(err, syscall.ENOTEMPTY) {
		t.Errorf("with somebody's notes in it: %v", err)
	}
	// All of it is still there.
	if now, err := os.ReadDir(dir); err != nil || len(now) != len(entries)+1 {
		t.Errorf("%v, %v", now, err)
	}
	entries, err = os.ReadDir(filepath.Dir(dir))
	check(t, err)
	if len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

// TestRemoveOnlyOwn: a list that names what isn't in the folder removes nothing there.
func TestRemoveOnlyOwn(t *testing.T) {
	top := t.TempDir()
	dir, other := filepath.Join(top, "x.report"), filepath.Join(top, "other")
	check(t, os.Mkdir(dir, 0o755))
	check(t, os.WriteFile(other, nil, 0o644))
	check(t, os.Symlink(top, filepath.Join(dir, "up")))
	list := "0  ../other\n0  " + other + "\n0  up/other\n0  up\n"
	for _, name := range formFiles {
		list += "0  " + name + "\n"
	}
	check(t, os.WriteFile(filepath.Join(dir, sums), []byte(list), 0o644))
	if err := RemoveFolder(dir); err == nil {
		t.Error("the folder with a link was removed")
	}
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
	if err := RemoveFolder(other); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("a file: %v", err)
	}
	check(t, RemoveFolder(filepath.Join(top, "none")))
	for _, name := range []string{"../x", "/x", "a\nb"} {
		if err := WriteInto(dir, []File{{name, func(io.Writer) error { return nil }}}); err == nil {
			t.Errorf("%q was written", name)
		}
	}
}

// TestOthersSums: a folder with a list of its own, as downloads have, is no report.
func TestOthersSums(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{sums: "0  image.iso\n0  report.txt\n", "image.iso": "x", Text: "mine"} {
		check(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
	}
	if err := WriteFolder(dir, Files(six(), options())); !errors.Is(err, syscall.ENOTEMPTY) {
		t.Error(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 3 {
		t.Errorf("%v, %v", entries, err)
	}
	check(t, os.Remove(filepath.Join(dir, sums)))
	if err := RemoveFolder(dir); !errors.Is(err, syscall.ENOTEMPTY) {
		t.Error(err)
	}
}
