package diffoscope

import (
	"compress/gzip"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
)

// buildProgram builds a small program in Go.
func buildProgram(tb testing.TB, flags ...string) string {
	tb.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		tb.Skip("no go")
	}
	dir := tb.TempDir()
	check(tb, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.com/m\ngo 1.24\n"), 0o600))
	check(tb, os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nvar built string\n\nfunc main() { println(1, built) }\n"), 0o600))
	cmd := exec.Command("go", append(append([]string{"build", "-buildvcs=false"}, flags...), "-o", "p", ".")...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "p"))
	check(tb, err)
	return string(b)
}

// TestTrimpath: nearly every section differs, and yet only the setting is listed, and
// what is left of the paths.
func TestTrimpath(t *testing.T) {
	c := compareContents(t, "p", buildProgram(t), buildProgram(t, "-trimpath"))
	got := leaves(c, false)
	if len(got) > 6 || !strings.HasSuffix(got[0], "content > setting -trimpath: - | true") {
		t.Errorf("got %s", strings.Join(got, "\n"))
	}
	for _, l := range got[1:] {
		if !strings.Contains(l, " strings: ") {
			t.Errorf("got %s", l)
		}
	}
	// All of it is one cause, mended in one way.
	first := c.Causes[0]
	if len(c.Causes) != 1 || first.Name != cause.BuildPath || first.Confidence != cause.Certain || first.Mend != "go build -trimpath" {
		t.Errorf("got %+v", c.Causes)
	}
}

// TestFlippedBit: one bit of the code differs, and section, offset and function are
// named, in a program without symbols, too.
func TestFlippedBit(t *testing.T) {
	t.Run("symbols", func(t *testing.T) { testFlippedBit(t, buildProgram(t)) })
	t.Run("stripped", func(t *testing.T) { testFlippedBit(t, buildProgram(t, "-ldflags=-s -w")) })
}

func testFlippedBit(t *testing.T, program string) {
	f, err := elf.NewFile(strings.NewReader(program))
	check(t, err)
	// The first instructions of main.main are where the entry of the symbol says.
	symbols, err := elf.NewFile(strings.NewReader(buildProgram(t)))
	check(t, err)
	list, err := symbols.Symbols()
	check(t, err)
	at := int64(-1)
	for _, s := range list {
		if s.Name == "main.main" {
			at = int64(s.Value-symbols.Section(".text").Addr) + 5
		}
	}
	flipped := []byte(program)
	flipped[int64(f.Section(".text").Offset)+at] ^= 1
	c := compareContents(t, "p", program, string(flipped))
	for path, d := range c.Differences[0].Leaves() {
		if path[len(path)-1] != ".text" || d.Offset != at || d.Near != "main.main+0x5" {
			t.Errorf("got %q at %d, in %s", path, d.Offset, d.Near)
		}
	}
}

// TestTampered: code that differs is no consequence of the time of its file, or of what
// another file has, and so it isn't said to be explained.
func TestTampered(t *testing.T) {
	program := []byte(buildProgram(t))
	var images [2]*Image
	for side := range images {
		i := newTestImage()
		p := file("usr/bin/p", string(program))
		p.ModTime = p.ModTime.Add(timeHour(side))
		stamp := file("usr/x.gz", gzipped(t, gzip.Header{ModTime: p.ModTime}, 6, "x"))
		i.layers[1].entries = append(i.layers[1].entries, p, stamp)
		images[side] = open(t, i.write(t))
		program[len(program)/3] ^= 1 // in the code
	}
	c := compareTest(t, images[0], images[1])
	var got []string
	for _, why := range c.Causes {
		got = append(got, fmt.Sprintf("%s %d", why.Name, why.N))
	}
	if diff := cmp.Diff([]string{"timestamp 1", "timestamp 1", "unknown 1"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
