package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
)

var update = flag.Bool("update", false, "write testdata/*.golden")

// forms are all that one comparison is written as.
func forms(c *diffoscope.Comparison, o Options) map[string]func(io.Writer) error {
	return map[string]func(io.Writer) error{
		"md":         func(w io.Writer) error { return WriteMarkdown(w, c, o) },
		"junit.xml":  func(w io.Writer) error { return WriteJUnit(w, c, o) },
		"cq.json":    func(w io.Writer) error { return WriteCodeQuality(w, c) },
		"debian.txt": func(w io.Writer) error { return WriteDebianJSON(w, c) },
		"html":       func(w io.Writer) error { return WriteHTML(w, c, o) },
	}
}

func write(tb testing.TB, f func(io.Writer) error) []byte {
	tb.Helper()
	var b bytes.Buffer
	check(tb, f(&b))
	return b.Bytes()
}

func TestGolden(t *testing.T) {
	for name, f := range forms(six(), options()) {
		got := write(t, f)
		path := filepath.Join("testdata", name+".golden")
		if *update {
			check(t, os.MkdirAll("testdata", 0o755))
			check(t, os.WriteFile(path, got, 0o644))
			continue
		}
		want, err := os.ReadFile(path)
		check(t, err)
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
		for range 5 {
			if !bytes.Equal(got, write(t, forms(six(), options())[name])) {
				t.Errorf("%s is another each time", name)
			}
		}
	}
}

// TestShownAsIs: in the forms that people read, there is nothing that can't be seen.
func TestShownAsIs(t *testing.T) {
	for _, s := range nasty {
		for name, f := range forms(hostile(s), Options{Title: s, Facts: []Fact{{s, s, s}}}) {
			got := write(t, f)
			if strings.HasSuffix(name, ".json") || name == "debian.txt" {
				if !json.Valid(got) {
					t.Errorf("%s of %q: %s", name, s, got)
				}
				continue
			}
			for _, r := range string(got) {
				if r == unicode.ReplacementChar || r != '\n' && r != '\t' && !unicode.IsPrint(r) {
					t.Errorf("%s of %q has %q", name, s, r)
					break
				}
			}
		}
	}
}

// TestOurWords: what we say ourselves is not escaped, and a code quality report names a
// file.
func TestOurWords(t *testing.T) {
	c := six()
	c.Causes[2].Mend, c.Causes[2].Detail = "HOSTNAME=…, or leave it out", "a name… of the machine"
	for name, f := range forms(c, options()) {
		got := string(write(t, f))
		if !strings.Contains(got, "HOSTNAME=…, or") || strings.Contains(got, "u2026") {
			t.Errorf("%s has no such mend:\n%s", name, got)
		}
	}
	var issues []issue
	check(t, json.Unmarshal(write(t, forms(c, options())["cq.json"]), &issues))
	for _, i := range issues {
		if strings.Contains(i.Location.Path, ">") {
			t.Errorf("%q is no file", i.Location.Path)
		}
	}
	if got := string(write(t, forms(&diffoscope.Comparison{}, options())["md"])); strings.Contains(got, "- A: `\"\"` ") {
		t.Errorf("got a digest of nothing:\n%s", got)
	}
}

// TestCodeEnds: a code span or block ends where we end it.
func TestCodeEnds(t *testing.T) {
	for _, s := range []string{"", "`", "``", "a`b", "```\n# x\n```", "````", "`a`", "a\n\nb", "<!-- x -->"} {
		span := code(s)
		fence := span[:len(span)-len(strings.TrimLeft(span, "`"))]
		if strings.HasPrefix(strings.TrimLeft(span, "`"), " `") {
			fence = strings.TrimRight(span[:strings.Index(span, " ")], " ")
		}
		inner := strings.TrimSuffix(strings.TrimPrefix(span, fence), fence)
		if strings.Contains(inner, fence) && fence != "" || strings.Contains(span, "\n") {
			t.Errorf("%q is %s", s, span)
		}
		block := codeBlock("diff", []byte(s))
		lines := strings.Split(strings.TrimSuffix(block, "\n"), "\n")
		fence = lines[len(lines)-1]
		if !strings.HasPrefix(block, fence+"diff\n") || strings.Trim(fence, "`") != "" {
			t.Errorf("%q begins and ends otherwise:\n%s", s, block)
		}
		for _, l := range lines[1 : len(lines)-1] {
			if strings.Contains(l, fence) {
				t.Errorf("%q ends its block:\n%s", s, block)
			}
		}
	}
	for _, c := range summaryText("<b>*[x](y)_`@user #1 !1 ~l\\") {
		if strings.ContainsRune("<>*[]()_`@!~\\", c) {
			t.Errorf("a summary has %q", c)
		}
	}
}

func TestMarkdownHasALimit(t *testing.T) {
	c := many(5000)
	for range 2000 {
		c.Causes = append(c.Causes, c.Causes[0])
		c.Skipped = append(c.Skipped, c.Skipped[0])
	}
	if got := write(t, forms(c, options())["md"]); len(got) > 65_536 {
		t.Errorf("%d bytes", len(got))
	}
}

func TestJUnit(t *testing.T) {
	for _, test := range []struct {
		c        *diffoscope.Comparison
		failures int
	}{{six(), 4}, {hostile("]]>\x00\x1b"), 1}, {&diffoscope.Comparison{}, 1}} {
		var got junitSuites
		check(t, xml.Unmarshal(write(t, forms(test.c, options())["junit.xml"]), &got))
		if got.Failures != test.failures || got.Tests != test.failures || len(got.Suites[0].Cases) != test.failures {
			t.Errorf("got %+v, want %d failures", got, test.failures)
		}
	}
}

// TestFingerprints: those of a report are different, and the same for the next builds,
// whatever time it is then.
func TestFingerprints(t *testing.T) {
	read := func(c *diffoscope.Comparison) []string {
		var issues []issue
		check(t, json.Unmarshal(write(t, forms(c, options())["cq.json"]), &issues))
		var all []string
		for _, i := range issues {
			all = append(all, i.Fingerprint)
		}
		return all
	}
	first, again := six(), six()
	first.Causes = append(first.Causes, first.Causes[0])
	again.Causes = append(again.Causes, again.Causes[0])
	for i := range again.Causes {
		again.Causes[i].A, again.Causes[i].B, again.Causes[i].Detail = "x", "y", "built 5 s apart"
		again.Causes[i].N += 7
	}
	again.Causes[0].Source, again.Causes[4].Source = "recipes/mqtt/recipe.hcl:99", "recipes/mqtt/recipe.hcl:99"
	if diff := cmp.Diff(read(first), read(again)); diff != "" {
		t.Error(diff)
	}
	seen := map[string]bool{}
	for _, f := range read(first) {
		if seen[f] {
			t.Errorf("%s is there twice", f)
		}
		seen[f] = true
	}
}

// TestDebian has Debian's diffoscope read what is written for it, and write it as text.
func TestDebian(t *testing.T) {
	program, err := exec.LookPath("diffoscope")
	if err != nil {
		if os.Getenv("TAILSBUILD_REQUIRE_ALL") != "" {
			t.Fatal(err)
		}
		t.Skip("needs Debian's diffoscope")
	}
	path := filepath.Join(t.TempDir(), "report.json")
	check(t, os.WriteFile(path, write(t, forms(six(), options())["debian.txt"]), 0o644))
	cmd := exec.CommandContext(t.Context(), program, "--no-progress", "--text", "-", "--load-existing-diff", path)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if cmd.ProcessState.ExitCode() != 1 {
		t.Fatalf("%v: %s\n%s", err, stderr.String(), out)
	}
	for _, want := range []string{"usr/bin/service", "+host=birch", "-0644", "+4755", "mend: gzip -n", "time of the build", "35 36 37"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
