package filetype

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const pythonSource = `"""A module."""
import os
def f(a, b=1, *c, d=2.5, **e):
    x = {1, 2, 3} if a in {'p', 'q'} else 123456789012345678901234567890
    return lambda y: (x, y, -1j, b'bytes', None, True, ...)
class C:
    def g(self):
        return os.path.join('ü', "wide \u1234")
`

// pythons are the interpreters that are installed.
func pythons(t testing.TB) []string {
	var list []string
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{home + "/.pyenv/versions/3.*/bin/python3", "/usr/bin/python3", "/usr/local/bin/python3"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, found...)
	}
	if len(list) == 0 {
		need(t, "python3")
	}
	return list
}

func TestPyc(t *testing.T) {
	for _, python := range pythons(t) {
		out, err := exec.Command(python, "-c", "import sys; print(sys.version_info[1])").Output()
		if err != nil {
			t.Fatal(err)
		}
		minor := strings.TrimSpace(string(out))
		if len(minor) == 1 && minor < "8" {
			continue
		}
		t.Run("3."+minor, func(t *testing.T) {
			dir := run(t, "cat >m.py <<'EOF'\n"+pythonSource+`EOF
touch -d 2024-01-02T03:04:05Z m.py
`+python+` -c "import py_compile as p; m = p.PycInvalidationMode
p.compile('m.py', 't.pyc', '/src/m.py', True, -1, m.TIMESTAMP)
p.compile('m.py', 'h.pyc', '/src/m.py', True, -1, m.UNCHECKED_HASH)"`)
			f := parse(t, "t.pyc", read(t, dir, "t.pyc"))
			want(t, f, "mtime", "2024-01-02T03:04:05Z", "source size", decimal(len(pythonSource)), "filename", "/src/m.py", "validation", "by mtime")
			if got := field(t, f, "python"); !strings.HasPrefix(got, "3."+minor+", ") {
				t.Errorf("got %q", got)
			}
			got := content(t, f, "objects")
			for _, want := range []string{
				"code \"<module>\"\n", `"A module."`, "\n    code ", "g\"\n", "frozenset({", "123456789012345678901234567890",
				`b"bytes"`, "complex(-0, -1)", `"wide`, "firstlineno 3\n", "  True\n", "  ...\n",
			} {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in\n%s", want, got)
				}
			}
			f = parse(t, "h.pyc", read(t, dir, "h.pyc"))
			want(t, f, "validation", "none, by an unchecked hash")
			if hash := field(t, f, "source hash"); len(hash) != 16 {
				t.Errorf("got %q", hash)
			}
		})
	}
}

// TestMarshalDepth: nothing is read deeper than the limit, and references to
// references don't add up.
func TestMarshalDepth(t *testing.T) {
	head := binary.LittleEndian.AppendUint16(nil, 3531)
	head = append(head, "\r\n"+strings.Repeat("\x00", 12)...)
	f := parse(t, "deep.pyc", append(head, strings.Repeat(")\x01", 100000)...))
	if len(f.Parts) != 5 || f.Parts[4].Name != "code" {
		t.Errorf("got %s", outline(f))
	}
	bomb := "\xa9\x02\xa9\x01z\x01a" + "r\x01\x00\x00\x00"
	for range 50 {
		bomb = "\xa9\x02" + bomb + "r\x01\x00\x00\x00"
	}
	parse(t, "bomb.pyc", append(head, bomb...))
}
