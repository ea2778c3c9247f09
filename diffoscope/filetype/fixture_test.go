package filetype

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// need skips a test without one of the tools that make its files. Where nothing may
// be skipped, it fails.
func need(t testing.TB, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("TAILSBUILD_REQUIRE_ALL") != "" || os.Getenv("CI") != "" {
				t.Fatalf("no %s", tool)
			}
			t.Skipf("no %s", tool)
		}
	}
}

// run runs a shell script in a folder of its own, with a fixed time zone and umask.
func run(t testing.TB, script string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	cmd := exec.Command("sh", "-euc", "umask 022; "+script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C", "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return dir
}

func read(t testing.TB, dir, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func parse(t testing.TB, name string, data []byte) *File {
	t.Helper()
	f, err := Parse(name, bytes.NewReader(data), Limits{})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return f
}

// content returns the content of the part called name.
func content(t testing.TB, f *File, name string) string {
	t.Helper()
	p := part(t, f, name)
	if p.Open == nil {
		t.Fatalf("%q is a field", name)
	}
	return readPart(t, p)
}

func readPart(t testing.TB, p Part) string {
	t.Helper()
	r, err := p.Open()
	if err != nil {
		t.Fatalf("%s: %v", p.Name, err)
	}
	defer r.Close()
	all, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%s: %v", p.Name, err)
	}
	return string(all)
}

func part(t testing.TB, f *File, name string) Part {
	t.Helper()
	for _, p := range f.Parts {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("no part %q in\n%s", name, outline(f))
	return Part{}
}

// field returns the value of a field, "PART/FIELD" for one of a part.
func field(t testing.TB, f *File, name string) string {
	t.Helper()
	for _, p := range f.Parts {
		if p.Name == name && p.Open == nil {
			return p.Value
		}
		for _, g := range p.Fields {
			if p.Name+"/"+g.Name == name {
				return g.Value
			}
		}
	}
	t.Fatalf("no field %q in\n%s", name, outline(f))
	return ""
}

// want compares fields.
func want(t *testing.T, f *File, fields ...string) {
	t.Helper()
	for i := 0; i < len(fields); i += 2 {
		if got := field(t, f, fields[i]); got != fields[i+1] {
			t.Errorf("%s: got %q, want %q", fields[i], got, fields[i+1])
		}
	}
}

// outline is a file's parts as text, for messages.
func outline(f *File) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", f.Format)
	for _, p := range f.Parts {
		kind := ""
		if p.Open != nil {
			kind = " (content)"
		}
		fmt.Fprintf(&b, "  %q = %q%s %d+%d %s\n", p.Name, p.Value, kind, p.Offset, p.Size, p.Encoding)
		for _, g := range p.Fields {
			fmt.Fprintf(&b, "    %q = %q %d+%d\n", g.Name, g.Value, g.Offset, g.Size)
		}
	}
	return b.String()
}
