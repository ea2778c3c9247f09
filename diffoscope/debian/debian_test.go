package debian

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
)

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// two returns a comparison of two folders in which each of files differs.
func two(t *testing.T, files ...string) (*diffoscope.Comparison, [2]*diffoscope.Input) {
	t.Helper()
	var inputs [2]*diffoscope.Input
	for side := range inputs {
		dir := t.TempDir()
		for _, name := range files {
			path := filepath.Join(dir, filepath.FromSlash(name))
			check(t, os.MkdirAll(filepath.Dir(path), 0o755))
			check(t, os.WriteFile(path, fmt.Appendf(nil, "\x00\x01%d\n%s\n", side, strings.Repeat("x", 50)), 0o644))
			check(t, os.Chtimes(path, time.Unix(1, 0), time.Unix(1, 0)))
		}
		in, err := diffoscope.OpenAny(dir, diffoscope.Limits{})
		check(t, err)
		t.Cleanup(func() { in.Close() })
		inputs[side] = in
	}
	c, err := diffoscope.CompareAny(t.Context(), inputs[0], inputs[1], cause.Builds{})
	check(t, err)
	return c, inputs
}

// added returns the leaves that diffoscope has added.
func added(c *diffoscope.Comparison) (names []string, diffs string) {
	for _, d := range c.Differences {
		for path, leaf := range d.Leaves() {
			if leaf.Kind == diffoscope.KindDebian {
				names = append(names, path[0])
				diffs += string(leaf.Diff)
			}
		}
	}
	return names, diffs
}

// TestReal has the real one explain a file.
func TestReal(t *testing.T) {
	if _, err := exec.LookPath("diffoscope"); err != nil {
		if os.Getenv("TAILSBUILD_REQUIRE_ALL") != "" {
			t.Fatal(err)
		}
		t.Skip("needs Debian's diffoscope")
	}
	c, in := two(t, "usr/lib/-x y.bin")
	total := c.Total()
	check(t, Explain(t.Context(), c, in[0], in[1], Limits{}))
	names, diffs := added(c)
	if !slices.Equal(names, []string{"usr/lib/-x y.bin"}) || !strings.Contains(diffs, "-00000000: 0001 300a") {
		t.Errorf("%q %s, skipped %q", names, diffs, c.Skipped)
	}
	if c.Total() != total || c.Identical() {
		t.Errorf("%d differences, there were %d", c.Total(), total)
	}
}

// standIn puts a diffoscope that is a shell script first in PATH.
func standIn(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "diffoscope"), []byte("#!/bin/sh\n"+script+"\n"), 0o755))
	t.Setenv("PATH", dir+":/usr/bin:/bin")
}

// TestLimits: whatever the program does, it ends, leaves nothing, and what it didn't
// say is said.
func TestLimits(t *testing.T) {
	temp := t.TempDir()
	for name, test := range map[string]struct{ script, skipped string }{
		"never ends":  {"sleep 1000 & sleep 1000", "not done in 1s"},
		"says much":   {"while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done", "says too much"},
		"eats memory": {"x=xxxxxxxxxxxxxxxx; while :; do x=$x$x; done", "by diffoscope: "},
		"fails":       {"echo oh no >&2; exit 2", "exit status 2: oh no"},
		"no JSON":     {"echo hello; exit 1", "invalid character"},
		"identical":   {"exit 0", "sees no difference"},
		"deep":        {`i=0; while [ $i -lt 500 ]; do i=$((i+1)); printf '{"source1":"x","details":['; done; i=0; while [ $i -lt 500 ]; do i=$((i+1)); printf ']}'; done; exit 1`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, in := two(t, "x")
			t.Setenv("TMPDIR", temp)
			standIn(t, test.script)
			begin := time.Now()
			check(t, Explain(t.Context(), c, in[0], in[1], Limits{Time: time.Second, Memory: 256 << 20, Output: 100_000}))
			if time.Since(begin) > 10*time.Second {
				t.Errorf("took %s", time.Since(begin))
			}
			if got := strings.Join(c.Skipped, "\n"); !strings.Contains(got, test.skipped) || test.skipped == "" && got != "" {
				t.Errorf("skipped %q, want %q", got, test.skipped)
			}
			left, err := os.ReadDir(temp)
			check(t, err)
			if len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestFewFiles(t *testing.T) {
	c, in := two(t, "a", "b", "c", "large")
	standIn(t, `printf %s '{"source1":"fa","source2":"fa","unified_diff":"@@ -1 +1 @@\n-x\n+y\n"}'; exit 1`)
	check(t, Explain(t.Context(), c, in[0], in[1], Limits{Files: 3}))
	names, diffs := added(c)
	if !slices.Equal(names, []string{"a", "b", "c"}) || !strings.Contains(diffs, "+y") || !slices.Contains(c.Skipped, "1 more files by diffoscope") {
		t.Errorf("%q %s, skipped %q", names, diffs, c.Skipped)
	}
	c, in = two(t, "a")
	check(t, Explain(t.Context(), c, in[0], in[1], Limits{Size: 10}))
	if names, _ := added(c); len(names) > 0 || !slices.Contains(c.Skipped, `"a" by diffoscope: larger than 10 bytes`) {
		t.Errorf("%q, skipped %q", names, c.Skipped)
	}
}

func TestNotFound(t *testing.T) {
	c, in := two(t, "a")
	t.Setenv("PATH", t.TempDir())
	var missing *NotFoundError
	if err := Explain(t.Context(), c, in[0], in[1], Limits{}); !errors.As(err, &missing) {
		t.Errorf("got %v", err)
	}
}

// TestSafeName: no name is an option, a path or anything else.
func TestSafeName(t *testing.T) {
	for _, name := range []string{"-x", "--html", "../../x", "a\x00b", "/", "..", "$(id)", "a\nb", strings.Repeat("é", 200) + ".gz"} {
		got := safeName(name)
		if !strings.HasPrefix(got, "f") || len(got) > 200 || strings.Trim(got, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+") != "" {
			t.Errorf("%q is %q", name, got)
		}
	}
	if got := safeName(strings.Repeat("a", 300) + ".tar.gz"); !strings.HasSuffix(got, ".tar.gz") {
		t.Errorf("got %q", got)
	}
}
