package diffoscope

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestDirectoryTypes: a file that has another type on the other side is a difference, and
// nothing but regular files is opened for it.
func TestDirectoryTypes(t *testing.T) {
	kinds := map[string]func(at func(string) string) error{
		"file": func(at func(string) string) error { return os.WriteFile(at("p"), []byte("q\n"), 0o644) },
		"other file": func(at func(string) string) error {
			return os.WriteFile(at("p"), []byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, 0o644)
		},
		"link":         func(at func(string) string) error { return os.Symlink("a", at("p")) },
		"broken link":  func(at func(string) string) error { return os.Symlink("gone", at("p")) },
		"link outside": func(at func(string) string) error { return os.Symlink("/etc/passwd", at("p")) },
		"hard link":    func(at func(string) string) error { return os.Link(at("a"), at("p")) },
		"pipe":         func(at func(string) string) error { return unix.Mkfifo(at("p"), 0o644) },
		"directory":    func(at func(string) string) error { return os.Mkdir(at("p"), 0o755) },
		"socket": func(at func(string) string) error {
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: at("p"), Net: "unix"})
			if err != nil {
				return err
			}
			l.SetUnlinkOnClose(false)
			return l.Close()
		},
	}
	write := func(kind string) string {
		dir, err := os.MkdirTemp("", "t") // a socket's name has at most 108 bytes
		check(t, err)
		t.Cleanup(func() { os.RemoveAll(dir) })
		at := func(name string) string { return filepath.Join(dir, name) }
		check(t, os.WriteFile(at("a"), []byte("q\n"), 0o644))
		check(t, kinds[kind](at))
		times(t, dir)
		return dir
	}
	for a := range kinds {
		for b := range kinds {
			got := leaves(compareAny(t, write(a), write(b)), false)
			if a == b {
				if len(got) > 0 {
					t.Errorf("%s, twice: %q", a, got)
				}
				continue
			}
			if len(got) == 0 || !strings.Contains(strings.Join(got, "\n"), "p") {
				t.Errorf("%s and %s: %q", a, b, got)
			}
		}
	}
}
