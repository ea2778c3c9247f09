package diffoscope

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
)

// compiled returns a program that gcc makes of source, always in one place.
func compiled(tb testing.TB, source string, flags ...string) string {
	tb.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		tb.Skip(err)
	}
	dir := tb.TempDir()
	check(tb, os.WriteFile(filepath.Join(dir, "x.c"), []byte(source), 0o644))
	cmd := exec.CommandContext(tb.Context(), "gcc", append(flags, "-o", "x", "x.c")...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "x"))
	check(tb, err)
	return string(b)
}

// causeOf returns what is said of the part of a file, "" if it isn't listed.
func causeOf(list []*Difference, part string) cause.Name {
	for _, d := range list {
		if name := causeOf(d.Children, part); name != "" {
			return name
		}
		switch {
		case d.Name != part || len(d.Children) > 0:
		case d.Cause == nil:
			return cause.Unknown
		default:
			return d.Cause.Name
		}
	}
	return ""
}

const (
	numbers = "#include <stdio.h>\nint t[] = {1, 2, N, 4};\nint main(int n, char **v) { for (int i = 0; i < n; i++) n += t[i & 3] * n; printf(\"%d\\n\", n); return 0; }\n"
	words   = "#include <stdio.h>\nint main(void) { puts(HOST); printf(\"%s%d\\n\", __TIME__, N); return 0; }\n"
)

// TestCircular: what only follows is no reason for data or code to differ.
func TestCircular(t *testing.T) {
	for name, test := range map[string]struct {
		source string
		a, b   []string
		want   map[string]cause.Name
	}{
		"data": {
			numbers,
			[]string{"-s", "-DN=3"},
			[]string{"-s", "-DN=9"},
			map[string]cause.Name{".data": cause.Unknown, "GNU build id": cause.BuildID},
		},
		"strings": {
			words,
			[]string{"-s", "-DN=3", `-DHOST="alder"`, "-D__TIME__=1"},
			[]string{"-s", "-DN=3", `-DHOST="birch-tree"`, "-D__TIME__=1"},
			map[string]cause.Name{".rodata": cause.Unknown, "section header table": cause.Consequence},
		},
		"optimised": {
			numbers,
			[]string{"-O0", "-DN=3"},
			[]string{"-O2", "-DN=3"},
			map[string]cause.Name{".text": cause.Unknown, ".strtab": cause.Consequence, "section header table": cause.Consequence},
		},
		"vectorised": {
			"double f(double *a, int n) { double s = 0; for (int i = 0; i < n; i++) s += a[i] * 2.5; return s; }\nunsigned g(unsigned *a, int n) { unsigned s = 0; for (int i = 0; i < n; i++) s += a[i] + i; return s; }\n",
			[]string{"-c", "-O1"},
			[]string{"-c", "-O3"},
			map[string]cause.Name{".text": cause.Unknown, ".rodata.cst16": cause.Unknown, ".rodata.cst16 strings": ""},
		},
		"a reason": {
			words,
			[]string{"-s", "-DN=3", `-DHOST="x"`, `-D__TIME__="10:00:00"`},
			[]string{"-s", "-DN=4", `-DHOST="x"`, `-D__TIME__="10:00:01"`},
			map[string]cause.Name{".rodata strings": cause.Timestamp},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := compareContents(t, "x", compiled(t, test.source, test.a...), compiled(t, test.source, test.b...))
			for part, want := range test.want {
				if got := causeOf(c.Differences, part); got != want {
					t.Errorf("%s: got %q, want %q", part, got, want)
				}
			}
			if slices.ContainsFunc(c.Causes, func(c Cause) bool { return c.Name == cause.BuildPath }) {
				t.Errorf("got a path of the build: %+v", c.Causes)
			}
			if unknown := c.Causes[len(c.Causes)-1].Name == cause.Unknown; unknown == strings.HasPrefix(name, "a reason") {
				t.Errorf("got %+v", c.Causes)
			}
		})
	}
}

// TestThreads: xz writes sizes into the headers of blocks when it has several threads,
// and these are no cause when the content differs.
func TestThreads(t *testing.T) {
	if _, err := exec.LookPath("xz"); err != nil {
		t.Skip(err)
	}
	packed := func(body string) string {
		cmd := exec.CommandContext(t.Context(), "xz", "-T2", "-c")
		cmd.Stdin = strings.NewReader(body)
		out, err := cmd.Output()
		check(t, err)
		return string(out)
	}
	body := strings.Repeat("all work and no play\n", 1000)
	c := compareContents(t, "x.xz", packed(body), packed(body+"more\n"))
	if len(c.Causes) != 1 || c.Causes[0].Name != cause.Unknown || c.Causes[0].N != 1 {
		t.Errorf("got %+v", c.Causes)
	}
}

// TestLinkedTime: a time that go's linker was given is mended there, in a program that
// has symbols, too.
func TestLinkedTime(t *testing.T) {
	c := compareContents(t, "p", buildProgram(t, "-trimpath", "-ldflags=-X main.built=2026-11-28"), buildProgram(t, "-trimpath", "-ldflags=-X main.built=2026-11-30"))
	if first := c.Causes[0]; first.Name != cause.Timestamp || !strings.Contains(first.Mend, "-ldflags -X") {
		t.Errorf("got %+v", c.Causes)
	}
}
