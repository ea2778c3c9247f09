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
	} {
		var b bytes.Buffer
		check(t, test.write(&b, test.c))
		compareGolden(t, test.golden, b.Bytes())
		for _, r := range b.String() {
			if strings.HasSuffix(test.golden, ".txt") && r != '\n' && !unicode.IsPrint(r) {
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
	if n := bytes.Count(text.Bytes(), []byte("\n")); n > 20 || !strings.HasSuffix(text.String(), "and 1997 more\n") {
		t.Errorf("%d lines:\n%s", n, text.String())
	}
}
