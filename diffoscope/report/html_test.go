package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
)

// TestShow writes pages to look at into the folder $SHOW.
func TestShow(t *testing.T) {
	dir := os.Getenv("SHOW")
	if dir == "" {
		dir = t.TempDir()
	}
	for name, c := range map[string]*diffoscope.Comparison{"six": six(), "many": many(20_000)} {
		page := writeHTML(t, c, options())
		if len(page) > maxPage {
			t.Errorf("%s has %d bytes", name, len(page))
		}
		check(t, os.WriteFile(filepath.Join(dir, name+".html"), page, 0o644))
	}
}

func options() Options {
	return Options{Title: "mqtt 2.0.21", Facts: []Fact{
		{"hostname", "alder", "birch"},
		{"snapshotter", "overlayfs", "native"},
		{"started", "2026-11-28T22:00:00Z", "2026-11-28T22:00:01Z"},
	}}
}

func writeHTML(tb testing.TB, c *diffoscope.Comparison, o Options) []byte {
	tb.Helper()
	var b bytes.Buffer
	check(tb, WriteHTML(&b, c, o))
	return b.Bytes()
}

// What a name, a value or a diff may hold that is something else in HTML, CSS,
// JavaScript or a URL.
var nasty = []string{
	`<script>alert(1)</script>`, `</style><script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`,
	`javascript:alert(1)`, `{{.CSP}}`, `</summary></details></main>`, `<!--`, `]]>`, `-->`, `<base href=//x>`, "a\x00b\x1b[2J\u202e\u2066", "\xff\xfe",
	`&lt;script&gt;`, `<svg/onload=alert(1)>`, `<meta http-equiv=refresh content=0>`, "`${alert(1)}`", `\u003cscript\u003e`,
}

// hostile returns a comparison that has s wherever something comes from an image.
func hostile(s string) *diffoscope.Comparison {
	why := &cause.Cause{Name: cause.Name(s), Confidence: cause.Confidence(s), Detail: s, A: s, B: s + "b", Mend: s}
	value := func() *diffoscope.Value { return &diffoscope.Value{Text: s} }
	text := &diffoscope.Difference{
		Kind: diffoscope.KindContent, Name: s, Line: 1, A: value(), B: value(), Cause: why, Format: s,
		Diff: []byte("@@ -1 +1 @@ " + s + "\n-" + s + "\n+" + s + "b\n\\ " + s + "\n" + s),
	}
	lines := &diffoscope.Difference{Kind: diffoscope.KindContent, Name: s, Line: 1, A: value(), B: value()}
	lines.A.Excerpt, lines.B.Excerpt = []byte(s), []byte(s+"b")
	binary := &diffoscope.Difference{Kind: diffoscope.KindUnexplained, Name: s, A: value(), B: value()}
	binary.A.Excerpt, binary.B.Excerpt = []byte(s), []byte(s+"b")
	field := &diffoscope.Difference{Kind: diffoscope.KindHeader, Name: s, A: value(), Offset: -1}
	d := under(diffoscope.KindEntry, s, s, text, lines, binary, field, under(diffoscope.KindPart, s, s, field))
	return &diffoscope.Comparison{
		Differences: []*diffoscope.Difference{under(diffoscope.KindLayer, s, s, d, field, text)},
		Counts:      []diffoscope.Count{{Kind: diffoscope.Kind(s), Field: s, N: 9}},
		Causes:      []diffoscope.Cause{{Cause: *why, N: 3, Places: [][]string{{s, s, s}}, Source: s}},
		Skipped:     []string{s},
	}
}

// TestNothingRuns: whatever the images hold, a page has the elements and attributes
// that we wrote, refers to nothing outside, and its policy lets one script run and one
// style apply, which are those in it.
func TestNothingRuns(t *testing.T) {
	plain := tags(t, writeHTML(t, hostile("plain"), Options{Title: "plain", Facts: []Fact{{"plain", "plain", "plainb"}}}))
	for _, s := range nasty {
		page := writeHTML(t, hostile(s), Options{Title: s, Facts: []Fact{{s, s, s + "b"}}})
		got := tags(t, page)
		for tag := range got {
			if !plain[tag] && tag != "span class" {
				t.Errorf("%q adds <%s>", s, tag)
			}
		}
		if bytes.Contains(page, []byte("\u202e")) || bytes.Contains(page, []byte{0x1b}) || bytes.Contains(page, []byte{0}) {
			t.Errorf("%q is in the page as it is", s)
		}
	}
}

// tags returns each element with the names of its attributes, having checked what
// they may be.
func tags(t *testing.T, page []byte) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	z := html.NewTokenizer(bytes.NewReader(page))
	policy, raw := "", map[string]string{}
	for last := ""; ; {
		kind := z.Next()
		if kind == html.ErrorToken {
			if z.Err() != io.EOF {
				t.Fatal(z.Err())
			}
			break
		}
		token := z.Token()
		switch kind {
		case html.StartTagToken:
			last = token.Data
			name := token.Data
			for _, a := range token.Attr {
				name += " " + a.Key
				if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "src" || a.Key == "href" && !strings.HasPrefix(a.Val, "#") {
					t.Fatalf("<%s %s=%q>", token.Data, a.Key, a.Val)
				}
				if token.Data == "meta" && strings.HasPrefix(a.Val, "default-src") {
					policy = a.Val
				}
			}
			all[name] = true
			if (name == "script" || name == "style") && raw[name] != "" {
				t.Fatalf("two of <%s>", name)
			}
		case html.TextToken:
			if last == "script" || last == "style" {
				raw[last] += token.Data
			}
		case html.EndTagToken:
			last = ""
		case html.CommentToken:
			t.Errorf("comment %q", token.Data)
		}
	}
	for _, name := range []string{"script", "style"} {
		sum := sha256.Sum256([]byte(raw[name]))
		if !strings.Contains(policy, name+"-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") {
			t.Errorf("policy %q, for the %s another", policy, name)
		}
	}
	return all
}

// TestAccessible: landmarks, one h1, headings that skip no level, a skip link that
// leads somewhere, and labels.
func TestAccessible(t *testing.T) {
	doc, err := html.Parse(bytes.NewReader(writeHTML(t, six(), options())))
	check(t, err)
	var levels []string
	ids, count := map[string]int{}, map[string]int{}
	var refs []string
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		count[n.Data]++
		if len(n.Data) == 2 && n.Data[0] == 'h' && n.Data != "hr" {
			levels = append(levels, n.Data)
		}
		for _, a := range n.Attr {
			switch a.Key {
			case "id":
				ids[a.Val]++
			case "href":
				refs = append(refs, strings.TrimPrefix(a.Val, "#"))
			case "aria-labelledby", "aria-describedby", "for":
				refs = append(refs, a.Val)
			}
		}
		if n.Data == "th" && !slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "scope" }) {
			t.Error("a th without a scope")
		}
	}
	for _, tag := range []string{"header", "nav", "main", "footer", "h1", "title"} {
		if count[tag] != 1 {
			t.Errorf("%d of <%s>", count[tag], tag)
		}
	}
	for i, l := range levels {
		if i > 0 && l[1] > levels[i-1][1]+1 {
			t.Errorf("%s follows %s", l, levels[i-1])
		}
	}
	for _, ref := range refs {
		if ids[ref] != 1 {
			t.Errorf("%q is referred to and there %d times", ref, ids[ref])
		}
	}
}

// TestPageHasLimits: a page stays about as large as it may be, and says what it
// leaves out.
func TestPageHasLimits(t *testing.T) {
	c := six()
	long := strings.Repeat("<&\"'>", 100)
	e := c.Differences[1].Children[0]
	e.Children = nil
	for range 100 {
		e.Children = append(e.Children, leaf(diffoscope.KindHeader, long, long, long+"b", nil))
	}
	c.Differences[1].Children = slices.Repeat([]*diffoscope.Difference{e}, 1000)
	page := writeHTML(t, c, Options{})
	if len(page) < maxPage || len(page) > 2*maxPage || !bytes.Contains(page, []byte("more differences not shown")) {
		t.Errorf("%d bytes", len(page))
	}
	deep := leaf(diffoscope.KindHeader, "x", "1", "2", nil)
	for range 10_000 {
		deep = under(diffoscope.KindPart, "x", "", deep)
	}
	c.Differences = []*diffoscope.Difference{deep}
	if page = writeHTML(t, c, Options{}); len(page) > 1<<20 {
		t.Errorf("%d bytes for what is nested", len(page))
	}
}
