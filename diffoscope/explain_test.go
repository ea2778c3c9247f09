package diffoscope

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func gzipped(tb testing.TB, header gzip.Header, level int, body string) string {
	tb.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	check(tb, err)
	w.Header = header
	_, err = w.Write([]byte(body))
	check(tb, err)
	check(tb, w.Close())
	return b.String()
}

// TestExplained: two contents of one file, and everything that is said of them.
func TestExplained(t *testing.T) {
	plain := gzip.Header{}
	text := strings.Repeat("all work and no play\n", 100)
	deep := func(body string) string {
		for range 12 {
			body = gzipped(t, plain, 1, body)
		}
		return body
	}
	large := strings.Repeat(text, 10) + strings.Repeat("no\nplay", 1000)
	for name, test := range map[string]struct {
		file, a, b string
		want       []string
		skipped    []string
	}{
		"gzip time": {
			"x.gz", gzipped(t, plain, 6, text), gzipped(t, gzip.Header{ModTime: time.Unix(98, 0)}, 6, text),
			[]string{"part content > mtime: none | 1970-01-01T00:01:38Z"},
			nil,
		},
		"field of a line": {
			"passwd", "root:x:0:0:root:/root:/bin/sh\nbob:x:1000:100::/home/bob:/bin/sh\n", "root:x:0:0:root:/root:/bin/sh\nbob:x:10001:100::/home/bob:/bin/sh\n",
			[]string{"part content > bob > uid: 1000 | 10001"},
			nil,
		},
		"gzip of text": {
			"x.gz", gzipped(t, plain, 6, "a\nb\n"), gzipped(t, plain, 6, "a\nc\n"),
			[]string{`part content > content: "b\n" | "c\n"`},
			nil,
		},
		"gzip level": {
			"x.gz", gzipped(t, plain, 6, large), gzipped(t, plain, 6, large)[:9] + gzipped(t, plain, 1, large)[9:],
			[]string{"compression content > bytes of content: 48 | 48"},
			nil,
		},
		"gzip in gzip": {
			"x.gz", gzipped(t, plain, 6, gzipped(t, plain, 6, "a")), gzipped(t, plain, 6, gzipped(t, plain, 6, "b")),
			[]string{`part content > content > content: "a" | "b"`},
			nil,
		},
		"too deep": {
			"x.gz", deep("a"), deep("b"),
			[]string{"part content" + strings.Repeat(" > content", 8) + ": 48 | 48"},
			[]string{`layer 1: "x.gz", "content": not taken apart: more than 8 files in each other`},
		},
		"damaged gzip": {
			"x.gz", gzipped(t, plain, 6, text)[:30], gzipped(t, plain, 6, text)[:31],
			[]string{`unexplained content > bytes of content: 20 | 21`},
			[]string{`layer 1: "x.gz", "content": unexpected EOF`},
		},
		"JSON": {
			"x", `{"a": [1, {"b": "c"}]}`, `{"a": [1, {"b": "d"}]}`,
			[]string{`member content > a[1].b: "c" | "d"`},
			nil,
		},
		"JSON order": {
			"x", `{"a": 1, "b": 2}`, `{"b": 2, "a": 1}`,
			[]string{"unexplained content > white space or order of members: document | document"},
			nil,
		},
		"JSON twice": {
			"x", `{"a": 1, "a": 2}`, `{"a": 1, "a": 3}`,
			[]string{`content content: "{\"a\": 1, \"a\": 2}" | "{\"a\": 1, \"a\": 3}"`},
			nil,
		},
		"becomes binary": {
			"x", strings.Repeat("text\n", 1000) + "a\x00", strings.Repeat("text\n", 1000) + "b\x00",
			[]string{"content content: 18 | 18"},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := compareContents(t, test.file, test.a, test.b)
			var got []string
			for _, l := range leaves(c, false) {
				l = strings.Replace(l, "layer 1 > "+test.file+" > ", "", 1)
				l, _, _ = strings.Cut(l, " at ")
				got = append(got, l)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.skipped, c.Skipped); diff != "" {
				t.Errorf("skipped (-want +got):\n%s", diff)
			}
		})
	}
}

// compareContents compares two images with one file that differs.
func compareContents(tb testing.TB, name, a, b string) *Comparison {
	tb.Helper()
	var images [2]*Image
	for side, body := range []string{a, b} {
		i := newTestImage()
		i.layers[1].entries = append(i.layers[1].entries, file(name, body))
		images[side] = open(tb, i.write(tb))
	}
	c := compareTest(tb, images[0], images[1])
	if len(c.Differences) != 1 || c.Differences[0].Name != "layer 1" {
		tb.Fatalf("differences: %v", leaves(c, false))
	}
	// The size follows the content.
	return c
}

func TestUnifiedDiff(t *testing.T) {
	number := func(from, to int, changed ...int) string {
		var b strings.Builder
		for i := from; i < to; i++ {
			word := ""
			for _, c := range changed {
				if c == i {
					word = " changed"
				}
			}
			fmt.Fprintf(&b, "%d%s\n", i, word)
		}
		return b.String()
	}
	long := strings.Repeat("a", 1000)
	for name, test := range map[string]struct {
		a, b, want string
		more       bool
	}{
		"one line":   {"a\nb\nc\n", "a\nx\nc\n", "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n", false},
		"from empty": {"", "a\n", "@@ -0,0 +1 @@\n+a\n", false},
		"added at the end": {
			number(0, 5), number(0, 6),
			"@@ -3,3 +3,4 @@\n 2\n 3\n 4\n+5\n", false,
		},
		"two hunks": {
			number(0, 30), number(0, 30, 3, 25),
			"@@ -1,7 +1,7 @@\n 0\n 1\n 2\n-3\n+3 changed\n 4\n 5\n 6\n" +
				"@@ -23,7 +23,7 @@\n 22\n 23\n 24\n-25\n+25 changed\n 26\n 27\n 28\n", false,
		},
		"no line feed": {"a\nb", "a\nb\n", "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n", false},
		"long line": {
			long + "b" + long, long + "c" + long,
			"@@ -1 +1 @@\n-…" + strings.Repeat("a", 100) + "b" + strings.Repeat("a", 199) + "…\n\\ No newline at end of file\n" +
				"+…" + strings.Repeat("a", 100) + "c" + strings.Repeat("a", 199) + "…\n\\ No newline at end of file\n", false,
		},
		"moved": {
			"a\nb\nc\nd\n", "c\nd\na\nb\n",
			"@@ -1,4 +1,4 @@\n-a\n-b\n c\n d\n+a\n+b\n", false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, more := unifiedDiff([]byte(test.a), []byte(test.b))
			if diff := cmp.Diff(test.want, string(got)); diff != "" || more != test.more {
				t.Errorf("more is %t, (-want +got):\n%s", more, diff)
			}
		})
	}
}

// TestLargeDiff: nothing in common, and much of it.
func TestLargeDiff(t *testing.T) {
	var a, b strings.Builder
	for i := range 200_000 {
		fmt.Fprintf(&a, "%d\n", i)
		fmt.Fprintf(&b, "%d\n", i*7919%200_000)
	}
	diff, more := unifiedDiff([]byte(a.String()), []byte(b.String()))
	if !more || len(diff) == 0 || len(diff) > 2*diffBytes {
		t.Errorf("%d bytes, more is %t", len(diff), more)
	}
}

// TestArchives: one thing that differs in an archive is one difference.
func TestArchives(t *testing.T) {
	archive := func(change func(h *tar.Header), body string) string {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, name := range []string{"a", "b"} {
			h := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(body)), ModTime: testTime}
			if name == "b" {
				change(h)
			}
			check(t, w.WriteHeader(h))
			_, err := w.Write([]byte(body))
			check(t, err)
		}
		check(t, w.Close())
		return b.String()
	}
	zipped := func(mtime time.Time, body string, method uint16) string {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		f, err := w.CreateHeader(&zip.FileHeader{Name: "a.txt", Modified: mtime, Method: method})
		check(t, err)
		_, err = f.Write([]byte(body))
		check(t, err)
		check(t, w.Close())
		return b.String()
	}
	same := func(*tar.Header) {}
	for name, test := range map[string]struct {
		a, b string
		want []string
	}{
		"tar mtime": {
			archive(same, "x\n"), archive(func(h *tar.Header) { h.ModTime = testTime.Add(time.Hour) }, "x\n"),
			[]string{"part content > b > mtime: 2024-05-01T00:00:00Z | 2024-05-01T01:00:00Z"},
		},
		"tar in gzip, mode": {
			gzipped(t, gzip.Header{}, 6, archive(same, "x\n")),
			gzipped(t, gzip.Header{}, 6, archive(func(h *tar.Header) { h.Mode = 0o755 }, "x\n")),
			[]string{"part content > content > b > mode: 0644 | 0755"},
		},
		"tar content": {
			archive(same, "x\n"), archive(same, "y\n"),
			[]string{`part content > a: "x\n" | "y\n"`, `part content > b: "x\n" | "y\n"`},
		},
		"zip mtime": {
			zipped(testTime, "x\n", zip.Deflate), zipped(testTime.Add(time.Hour), "x\n", zip.Deflate),
			[]string{
				"part content > a.txt > mtime: 2024-05-01T00:00:00 | 2024-05-01T01:00:00",
				"part content > a.txt > UT mtime: 2024-05-01T00:00:00Z | 2024-05-01T01:00:00Z",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := leaves(compareContents(t, "x", test.a, test.b), false)
			for i, l := range got {
				l, _, _ = strings.Cut(strings.Replace(l, "layer 1 > x > ", "", 1), " at ")
				got[i] = l
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
