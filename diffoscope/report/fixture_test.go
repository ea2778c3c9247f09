package report

import (
	"fmt"
	"strings"
	"testing"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
)

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func leaf(kind diffoscope.Kind, name, a, b string, c *cause.Cause) *diffoscope.Difference {
	return &diffoscope.Difference{
		Kind: kind, Name: name, Offset: -1, Cause: c,
		A: &diffoscope.Value{Text: a}, B: &diffoscope.Value{Text: b},
	}
}

func under(kind diffoscope.Kind, name, format string, children ...*diffoscope.Difference) *diffoscope.Difference {
	return &diffoscope.Difference{Kind: kind, Name: name, Offset: -1, Format: format, Children: children}
}

func six() *diffoscope.Comparison {
	ts := &cause.Cause{Name: cause.Timestamp, Confidence: cause.Certain, Detail: "built 98 s apart", A: "2024-05-01T00:00:00Z", B: "2024-05-01T00:01:38Z", Mend: "gzip -n"}
	host := &cause.Cause{Name: cause.Hostname, Confidence: cause.Certain, Detail: "the two builders' names", A: "host=alder", B: "host=birch", Mend: "leave out the name of the machine"}
	path := &cause.Cause{Name: cause.BuildPath, Confidence: cause.Likely, A: "/build/a/src/main.go", B: "/build/bb/src/main.go", Mend: "go build -trimpath"}
	unknown := &cause.Cause{Name: cause.Unknown}
	text := leaf(diffoscope.KindContent, "content", "", "", host)
	text.Diff = []byte("@@ -1,4 +1,5 @@\n # made by configure\n-host=alder\n-date=2024-05-01 00:00:00\n+host=birch\n+date=2024-05-01 00:01:38\n+\ttab and \x1b[31mred\u202eabc\n same\n@@ -40,2 +41,1 @@\n-gone é\n last\n")
	text.Line, text.Offset = 2, 24
	text.A.Size, text.B.Size = 300, 330
	text.A.Digest, text.B.Digest = "sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb", "sha256:3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"
	bin := leaf(diffoscope.KindUnexplained, ".rodata", "", "", unknown)
	bin.Offset = 48
	bin.A.Excerpt, bin.B.Excerpt = []byte(strings.Repeat("\x01", 16)+"0123456789abcdefXYZ"), []byte(strings.Repeat("\x01", 16)+"0123406789abcdefXYzt")
	bin.A.ExcerptAt, bin.B.ExcerptAt = 32, 32
	bin.A.Size, bin.B.Size = 49, 50
	lines := leaf(diffoscope.KindContent, "content", "", "", path)
	lines.Line, lines.Offset = 12, 245
	lines.A.Excerpt, lines.B.Excerpt = []byte("dir=/build/a/src\nok\n"), []byte("dir=/build/bb/src\nok\n")
	only := &diffoscope.Difference{Kind: diffoscope.KindEntry, Name: "tmp/leftover", Offset: -1, B: &diffoscope.Value{Text: `symlink to "a\x1b[31m"`}, Cause: unknown}
	c := &diffoscope.Comparison{
		Differences: []*diffoscope.Difference{
			under(diffoscope.KindConfig, "config", "", leaf(diffoscope.KindMember, "created", `"2024-05-01T00:00:00Z"`, `"2024-05-01T00:01:38Z"`, ts)),
			under(diffoscope.KindLayer, "layer 1", "",
				under(diffoscope.KindEntry, "etc/build-info.txt", "", leaf(diffoscope.KindHeader, "mtime", ts.A, ts.B, ts), text),
				under(diffoscope.KindEntry, "usr/bin/service", "elf", leaf(diffoscope.KindPart, "build.-trimpath", "true", "false", path), under(diffoscope.KindPart, "build info", "go", leaf(diffoscope.KindPart, "path", path.A, path.B, path)), bin),
				under(diffoscope.KindEntry, "usr/share/doc/x.gz", "gzip", leaf(diffoscope.KindPart, "mtime", ts.A, ts.B, ts)),
				under(diffoscope.KindEntry, "usr/share/<script>alert(1)</script>", "", leaf(diffoscope.KindHeader, "mode", "0644", "4755", unknown), lines),
				only,
			),
		},
		Counts:  []diffoscope.Count{{Kind: diffoscope.KindHeader, Field: "mtime", N: 9}},
		Skipped: []string{"layer 1: usr/big: larger than 4 GiB"},
	}
	c.Causes = []diffoscope.Cause{
		{Cause: *ts, N: 3, Places: [][]string{{"config", "created"}, {"layer 1", "etc/build-info.txt", "mtime"}, {"layer 1", "usr/share/doc/x.gz", "mtime"}}, Source: "recipes/mqtt/recipe.hcl:12"},
		{Cause: *path, N: 3, Places: [][]string{{"layer 1", "usr/bin/service", "build.-trimpath"}}, Source: "recipes/mqtt/recipe.hcl:17"},
		{Cause: *host, N: 1, Places: [][]string{{"layer 1", "etc/build-info.txt", "content"}}},
		{Cause: *unknown, N: 2, Places: [][]string{{"layer 1", "usr/bin/service", ".rodata"}, {"layer 1", "tmp/leftover"}}},
	}
	return c
}

func many(n int) *diffoscope.Comparison {
	c := six()
	layer := under(diffoscope.KindLayer, "layer 2", "")
	for i := range n {
		e := under(diffoscope.KindEntry, fmt.Sprintf("usr/lib/python3.11/site-packages/p%d/m%d.py", i/100, i), "", leaf(diffoscope.KindHeader, "mtime", "2024-05-01T00:00:00Z", fmt.Sprintf("2024-05-01T00:01:%02dZ", i%60), c.Differences[0].Children[0].Cause))
		if i%50 == 0 {
			d := *c.Differences[1].Children[0].Children[1]
			e.Children = append(e.Children, &d)
		}
		layer.Children = append(layer.Children, e)
	}
	c.Differences = append(c.Differences, layer)
	c.Causes[0].N += n
	c.Counts[0].N += n
	return c
}
