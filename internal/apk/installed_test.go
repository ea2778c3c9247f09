package apk

import (
	"errors"
	"strings"
	"testing"
)

const files = "F:etc\nM:0:0:755\nR:motd\na:0:0:600\nZ:Q1SLkS9hBidUbPwwrw+XR0Whv3ww8=\nR:other\nF:var\n"

// withFiles is an entry as the database has it.
func withFiles(entry string) string { return strings.TrimSuffix(entry, "\n") + files + "\n" }

func TestParseInstalled(t *testing.T) {
	got, err := ParseInstalled("db", withFiles(fullEntry)+withFiles(entryText("bar", "1-r0")))
	if err != nil || len(got) != 2 || got[0].Origin != "foo-src" || got[1].String() != "bar-1-r0" {
		t.Fatalf("got %+v, %v", got, err)
	}
	if got, err := ParseInstalled("db", ""); err != nil || len(got) != 0 {
		t.Errorf("empty: %+v, %v", got, err)
	}
	bar := withFiles(entryText("bar", "1-r0"))
	for name, c := range map[string]struct{ text, problem string }{
		"a name twice":    {bar + withFiles(entryText("foo", "1")) + withFiles(entryText("bar", "2-r0")), "bar is there twice"},
		"a field twice":   {strings.Replace(bar, "P:bar", "P:bar\nP:baz", 1), "field P is there twice"},
		"not UTF-8":       {bar + withFiles(strings.Replace(entryText("foo", "1"), "P:", "T:\xff\nP:", 1)), "not UTF-8"},
		"files alone":     {files + "\n", "ends no package"},
		"a path as name":  {withFiles(entryText("../x", "1")), "is not the name"},
		"a virtual one":   {withFiles(entryText(".deps", "0")), "is not the name"},
		"cut within line": {bar[:len(bar)-3], "ends within a line"},
		"control":         {strings.Replace(bar, "V:1", "T:\x1b[2J\nV:1", 1), "control character"},
	} {
		var format *FormatError
		got, err := ParseInstalled("db", c.text)
		if !errors.As(err, &format) || !strings.Contains(err.Error(), c.problem) || got != nil {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
	var limit *LimitError
	if _, err := ParseInstalled("db", strings.Repeat(entryText("bar", "1"), maxInstalledPackages+1)); !errors.As(err, &limit) {
		t.Errorf("too many: %v", err)
	}
	if _, err := ParseInstalled("db", strings.Repeat("\n", MaxInstalled+1)); !errors.As(err, &limit) {
		t.Errorf("too large: %v", err)
	}
}
