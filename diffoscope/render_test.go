package diffoscope

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
)

var update = flag.Bool("update", false, "write testdata/*.golden")

// manyDifferences returns two images that differ in many ways, with names that
// would control a terminal or reorder what it shows.
func manyDifferences() (a, b *testImage) {
	a, b = newTestImage(), newTestImage()
	b.config.Config.Env = []string{"PATH=/bin", "HOSTNAME=b\u202e"}
	b.config.Created = ptr(testTime.Add(time.Hour))
	for i, image := range []*testImage{a, b} {
		l := &image.layers[1]
		l.entries = append(l.entries,
			file("etc/build-info", fmt.Sprintf("built=17143%d1123456789\nhost=builder-%c\n", i*5, 'a'+i)),
			file("etc/utf8\u202e\x1b[2J", fmt.Sprintf("name\t\u00e9%d\n", i)),
			file("etc/not-utf8-\xff", strings.Repeat("x", 300)+fmt.Sprint(i)+strings.Repeat("y", 300)),
			file("var/bin", "\x7fELF\x00\x00\x00\x00"+strings.Repeat("\x01", 40)+fmt.Sprint(i)),
		)
		for n := range 8 {
			e := file(fmt.Sprintf("var/times/%d", n), "same")
			e.ModTime = testTime.Add(time.Duration(i) * time.Minute)
			l.entries = append(l.entries, e)
		}
	}
	b.layers[1].entries[2].Mode, b.layers[1].entries[2].Uname = 0o4755, "b\nuild\x1b]0;x\a"
	b.layers[1].entries[2].PAXRecords = map[string]string{"SCHILY.xattr.security.capability": "\x01\x00\x00\x02"}
	b.layers[1].entries = append(b.layers[1].entries, link("tmp/ln", "a\x1b[31m"))
	b.layers = append(b.layers, testLayer{compression: "none", entries: []testEntry{{Header: tar.Header{
		Typeflag: tar.TypeChar, Name: "dev/x", Devmajor: 1, Devminor: 3, ModTime: testTime,
	}}}})
	return a, b
}

// withCauses returns what a comparison with causes, formats and diffs looks like,
// with names of the kind that nobody gives a file in good faith.
func withCauses() *Comparison {
	epoch := &cause.Cause{
		Name: cause.Epoch, Confidence: cause.Certain, Detail: "built 60 s apart",
		A: "2024-05-01T00:00:00Z", B: "2024-05-01T00:01:00Z", Mend: `touch -d "@$SOURCE_DATE_EPOCH"`,
	}
	host := &cause.Cause{
		Name: cause.Hostname, Confidence: cause.Likely, A: "host=alder", B: "host=birch\x1b[31m\u202e",
		Mend: "don't write the machine's name",
	}
	mtime := func() *Difference {
		return &Difference{Kind: KindHeader, Name: "mtime", Offset: -1, Cause: epoch, A: &Value{Text: epoch.A}, B: &Value{Text: epoch.B}}
	}
	layer := &Difference{Kind: KindLayer, Name: "layer 1", Offset: -1}
	for i := range 2 {
		layer.Children = append(layer.Children, &Difference{
			Kind: KindEntry, Name: fmt.Sprintf("usr/%d", i), Offset: -1, Children: []*Difference{mtime()},
		})
	}
	layer.Children = append(layer.Children, &Difference{
		Kind: KindEntry, Name: "etc/built\u202e\x1b[2J", Offset: -1, Children: []*Difference{{
			Kind: KindContent, Name: "content", Offset: 5, Line: 1, Cause: host,
			A: &Value{Size: 11, Digest: digest.FromString("a")}, B: &Value{Size: 11, Digest: digest.FromString("b")},
			Diff: []byte("@@ -1,2 +1,2 @@\n-host=alder\n+host=birch\x1b[31m\u202e\n \u00e9 same\n"),
		}},
	}, &Difference{
		Kind: KindEntry, Name: "usr/lib/x.a", Offset: -1, Format: "ar", Children: []*Difference{{
			Kind: KindPart, Name: "x.o > y", Offset: -1, Format: "elf", Children: []*Difference{{
				Kind: KindPart, Name: ".note.gnu.build-id", Offset: -1, A: &Value{Text: "1f"}, B: &Value{Text: "2e"},
				Cause: &cause.Cause{Name: cause.Unknown},
			}},
		}},
	})
	return &Comparison{
		a: Subject{Path: "build/a", Digest: digest.FromString("1"), Bytes: 10}, b: Subject{Path: "build/b", Digest: digest.FromString("2"), Bytes: 10},
		distinct: true, Differences: []*Difference{layer}, Unlisted: 17_887,
		Counts: []Count{{KindHeader, "mtime", 17_889}, {KindContent, "", 1}, {KindPart, "", 1}},
		Causes: []Cause{
			{Cause: *epoch, N: 17_889, Places: [][]string{{"layer 1", "usr/0", "mtime"}, {"layer 1", "usr/1", "mtime"}}, Source: "recipes/x/recipe.hcl:12"},
			{Cause: *host, N: 1, Places: [][]string{{"layer 1", "etc/built\u202e\x1b[2J", "content"}}},
			{Cause: cause.Cause{Name: cause.Unknown}, N: 1, Places: [][]string{{"layer 1", "usr/lib/x.a", "x.o > y", ".note.gnu.build-id"}}},
		},
		Skipped: []string{"layer 1: usr/big\x1b[2J: larger than 4 GiB"},
	}
}

func TestRender(t *testing.T) {
	x, y := manyDifferences()
	same := newTestImage()
	different := compareTest(t, open(t, x.write(t)), open(t, y.write(t)))
	identical := compareTest(t, open(t, same.write(t)), open(t, same.write(t)))
	for _, c := range []*Comparison{different, identical} {
		c.a.Path, c.b.Path = "build/a", "build/b"
	}
	for _, test := range []struct {
		golden string
		write  func(io.Writer, *Comparison) error
		c      *Comparison
	}{
		{"identical.txt", WriteText, identical},
		{"identical.json", WriteJSON, identical},
		{"different.txt", WriteText, different},
		{"different.full.txt", WriteFullText, different},
		{"different.json", WriteJSON, different},
		{"causes.txt", WriteText, withCauses()},
		{"causes.full.txt", WriteFullText, withCauses()},
		{"causes.json", WriteJSON, withCauses()},
	} {
		var b bytes.Buffer
		check(t, test.write(&b, test.c))
		compareGolden(t, test.golden, b.Bytes())
		for _, r := range b.String() {
			if strings.HasSuffix(test.golden, ".txt") && r != '\n' && r != '\t' && !unicode.IsPrint(r) {
				t.Errorf("%s has %q", test.golden, r)
			}
		}
	}
}

func compareGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		check(t, os.WriteFile(path, got, 0o644))
		return
	}
	want, err := os.ReadFile(path)
	check(t, err)
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// What WriteJSON wrote cannot become a comparison that says identical.
func TestJSONIsNoProof(t *testing.T) {
	same := newTestImage()
	var b bytes.Buffer
	check(t, WriteJSON(&b, compareTest(t, open(t, same.write(t)), open(t, same.write(t)))))
	var c Comparison
	err := json.Unmarshal(b.Bytes(), &c)
	if c.Identical() || c.Distinct() || c.A().Digest != "" {
		t.Errorf("identical %t, distinct %t, A %v, error %v, want nothing", c.Identical(), c.Distinct(), c.A(), err)
	}
}

// TestTenLines: a thousand differences of one cause are one paragraph.
func TestTenLines(t *testing.T) {
	c := withCauses()
	c.Causes, c.Counts, c.Skipped = c.Causes[:1], c.Counts[:1], nil
	c.Differences[0].Children = c.Differences[0].Children[:2]
	var text bytes.Buffer
	check(t, WriteText(&text, c))
	if n := bytes.Count(text.Bytes(), []byte("\n")); n > 10 {
		t.Errorf("%d lines:\n%s", n, text.String())
	}
}

// TestOneScreen: no number of causes, places, diffs and skipped files is more than a
// screen, and what explains nothing is always there.
func TestOneScreen(t *testing.T) {
	c := withCauses()
	long := c.Differences[0].Children[2].Children[0]
	long.Diff = []byte("@@ -1,99 +1,99 @@\n" + strings.Repeat("-a\n+b\n", 99))
	for range 30 {
		c.Causes = append(c.Causes[:1:1], c.Causes...)
		c.Differences[0].Children = append(c.Differences[0].Children, c.Differences[0].Children[2:4]...)
		c.Skipped = append(c.Skipped, c.Skipped[0])
	}
	for n := range c.Causes {
		c.Causes[n].A = strings.Repeat("a", n%3*50)
		var text bytes.Buffer
		check(t, WriteText(&text, c))
		if lines := bytes.Count(text.Bytes(), []byte("\n")); lines > screenLines || !strings.Contains(text.String(), "\nnot explained: 1\n") {
			t.Fatalf("%d lines:\n%s", lines, text.String())
		}
	}
}

// The default text is about a screen, however much differs.
func TestScreen(t *testing.T) {
	a, b := newTestImage(), newTestImage()
	for i := range 2000 {
		e := file(fmt.Sprintf("f/%04d", i), fmt.Sprint(i))
		a.layers[1].entries = append(a.layers[1].entries, e)
		e.ModTime = e.ModTime.Add(time.Second)
		b.layers[1].entries = append(b.layers[1].entries, e)
	}
	var text bytes.Buffer
	check(t, WriteText(&text, compareTest(t, open(t, a.write(t)), open(t, b.write(t)))))
	if n := bytes.Count(text.Bytes(), []byte("\n")); n > 10 || !strings.Contains(text.String(), " and 1999 more\n") {
		t.Errorf("%d lines:\n%s", n, text.String())
	}
}

// TestWords: sizes once, and no cause beside the word that there is none.
func TestWords(t *testing.T) {
	d := &Difference{
		Kind: KindUnexplained, Name: "bytes between the parts", Offset: -1, Cause: &cause.Cause{Name: cause.Compression},
		A: &Value{Text: "10240 zero bytes", Size: 10240, Excerpt: []byte{}}, B: &Value{Text: "12 bytes", Size: 12, Excerpt: []byte("x")},
	}
	var b bytes.Buffer
	check(t, WriteFullText(&b, &Comparison{Differences: []*Difference{d}, Counts: []Count{{Kind: KindUnexplained, N: 1}}}))
	for _, wrong := range []string{"unexplained: ", "zero bytes 10240", "12 bytes 12"} {
		if strings.Contains(b.String(), wrong) {
			t.Errorf("%q is in\n%s", wrong, b.String())
		}
	}
	r := &recorder{outside: 1, outsideFirst: `"x" at byte 3`}
	if got := strings.Join(r.allSkipped(), ""); !strings.HasSuffix(got, `differ: "x" at byte 3`) {
		t.Errorf("got %s", got)
	}
}
