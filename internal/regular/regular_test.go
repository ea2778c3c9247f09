package regular

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for name, content := range map[string]string{"file": "12345", "long": "123456", "empty": ""} {
		if err := os.WriteFile(in(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(syscall.Mkfifo(in("fifo"), 0o600), os.Mkdir(in("folder"), 0o700), os.Symlink("file", in("link")),
		os.Symlink("fifo", in("link to fifo")), os.Symlink("/dev/null", in("device"))); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for name, c := range map[string]struct {
		want string
		err  error
	}{
		"file": {"12345", nil}, "link": {"12345", nil}, "empty": {"", nil}, "missing": {"", fs.ErrNotExist},
		"fifo": {"", ErrKind}, "folder": {"", ErrKind}, "link to fifo": {"", ErrKind}, "device": {"", ErrKind},
	} {
		if got, err := Read(in(name), 5); string(got) != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v, want %v", name, got, err, c.err)
		}
		if name == "device" { // which is outside
			c.err = nil
		}
		if got, err := ReadIn(root, name, 5); string(got) != c.want || c.err != nil && !errors.Is(err, c.err) || name == "device" && err == nil {
			t.Errorf("%s below the folder: %q, %v, want %v", name, got, err, c.err)
		}
	}
	var limit *LimitError
	if got, err := Read(in("long"), 5); got != nil || !errors.As(err, &limit) || limit.Limit != 5 {
		t.Errorf("long: %q, %v", got, err)
	}
}
