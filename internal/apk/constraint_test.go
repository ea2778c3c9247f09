package apk

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseConstraint(t *testing.T) {
	for s, want := range map[string]Constraint{
		"foo":                 {Name: "foo"},
		"!foo":                {Name: "foo", Conflict: true},
		"foo=1.2-r3":          {Name: "foo", Op: Equal, Version: "1.2-r3"},
		"foo>1.2":             {Name: "foo", Op: Greater, Version: "1.2"},
		"foo>=1.2":            {Name: "foo", Op: Greater | Equal, Version: "1.2"},
		"foo<1.2":             {Name: "foo", Op: Less, Version: "1.2"},
		"!foo<=1.2":           {Name: "foo", Conflict: true, Op: Less | Equal, Version: "1.2"},
		"foo~1.2":             {Name: "foo", Op: Equal | Fuzzy, Version: "1.2"},
		"foo>~1.2":            {Name: "foo", Op: Greater | Equal | Fuzzy, Version: "1.2"},
		"foo<~1.2":            {Name: "foo", Op: Less | Equal | Fuzzy, Version: "1.2"},
		"so:libc.so.1":        {Name: "so:libc.so.1"},
		"cmd:[=9.4-r2":        {Name: "cmd:[", Op: Equal, Version: "9.4-r2"},
		"/bin/sh":             {Name: "/bin/sh"},
		"foo@edge":            {Name: "foo", Tag: "edge"},
		"foo@edge=1":          {Name: "foo", Tag: "edge", Op: Equal, Version: "1"},
		"a><" + zeroSum:       {Name: "a", Op: Less | Greater, Version: zeroSum},
		"py3.11:gtk+-3.0>0_p": {Name: "py3.11:gtk+-3.0", Op: Greater, Version: "0_p"},
	} {
		got, err := ParseConstraint(s)
		check(t, err)
		if diff := cmp.Diff(want, got); diff != "" || got.String() != s {
			t.Errorf("%q is written %q (-want +got):\n%s", s, got, diff)
		}
	}
	for s, want := range map[string]string{"foo=~1": "foo~1", "foo~=1": "foo~1", "foo=>1": "foo>=1", "foo==1": "foo=1", "foo=<1": "foo<=1"} {
		if c, err := ParseConstraint(s); err != nil || c.String() != want {
			t.Errorf("%q: %q, %v", s, c, err)
		}
	}
	for _, s := range []string{
		"", "!", "=1", "@edge", "foo@", "foo@a@b", "foo=", "foo~", "foo=foo", "foo=1.0_foo", "foo<>1.3", "foo><Q1x", "foo<=>1", "foo ", "a b",
		"foo\n", "foo\x00", "foo\x1b[2J", "foo=1.3.1-r0@edge", "foo=1=2", strings.Repeat("a", maxConstraint+1),
	} {
		_, err := ParseConstraint(s)
		wantError[*ConstraintError](t, err)
	}
}

var zeroSum = Checksum{}.String()

func TestMatches(t *testing.T) {
	zlib := &Package{
		Name: "zlib", Version: "1.3.1-r0", Provides: []string{"so:libz.so.1=1.3.1", "libz", "pc:x=5.3.0A"},
	}
	for s, want := range map[string]bool{
		"zlib": true, "zlib=1.3.1-r0": true, "zlib=1.3.1": false, "zlib~1.3": true, "zlib~1.30": false, "zlib>1.3": true, "zlib<1.3.1-r0": false,
		"!zlib<2": true, "!zlib>2": false, "foo": false,
		"so:libz.so.1": true, "so:libz.so.1=1.3.1": true, "so:libz.so.1>1.3.1": false, "so:libz.so.2": false,
		"libz": true, "libz=1": false, "libz<99": false, "pc:x": true, "pc:x>1": false,
		"zlib><" + zeroSum: true, "zlib><Q1eJ+zHwWsbDeVxbpH9kqZyxI8VPw=": false, "libz><" + zeroSum: false,
	} {
		c, err := ParseConstraint(s)
		check(t, err)
		if got := c.Matches(zlib); got != want {
			t.Errorf("%s: %v", s, got)
		}
	}
	if (Constraint{Name: "zlib", Op: Equal, Version: "x x"}).Matches(zlib) {
		t.Error("a version that is none was matched")
	}
}

// The real apk, asked for what zlib 1.3.1-r0 provides and one constraint more,
// agrees with what this package says of that constraint.
func TestConstraintsAsApk(t *testing.T) {
	apk := realApk(t)
	root := t.TempDir()
	x, err := ReadIndex("main", realIndex(t, "main"), realKeys(t))
	check(t, err)
	zlib := x.Find("zlib")[0]
	for _, dir := range []string{"etc/apk/keys", "lib/apk/db", "var/cache/apk", "tmp"} {
		check(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	for _, empty := range []string{"etc/apk/world", "lib/apk/db/installed", "lib/apk/db/triggers"} {
		check(t, os.WriteFile(filepath.Join(root, empty), nil, 0o644))
	}
	key := rootfsFiles(t, "usr/share/apk/keys/"+alpineKey)["usr/share/apk/keys/"+alpineKey]
	check(t, os.WriteFile(filepath.Join(root, "etc/apk/keys", alpineKey), key, 0o644))
	add := func(constraint string) (string, error) {
		also := "so:libz.so.1"
		if strings.Contains(constraint, also) {
			also = "zlib" // apk keeps one constraint for each name
		}
		return apk("--root", root, "--arch", "x86_64", "--no-network", "--no-cache", "--repositories-file", "/dev/null",
			"-X", filepath.Join(mirror(t), "v3.19/main"), "add", "--simulate", also, constraint)
	}
	if out, err := add("zlib"); err != nil || !strings.Contains(out, "Installing zlib (1.3.1-r0)") {
		t.Fatalf("apk add: %v\n%s", err, out)
	}
	for _, s := range []string{
		"zlib~1.3", "zlib~1.3.1", "zlib~1.3.1.5", "zlib~1.3.1_p1", "zlib~1.3.1-r0", "zlib~1.3.1-r1", "zlib~1", "zlib~1.03", "zlib~1.3.10", "zlib~2",
		"zlib>~1.2", "zlib<~1.3", "zlib<~1.2", "zlib>~1.4", "zlib=1.3.1-r0", "zlib=1.3.1-r00", "zlib=1.3.1", "zlib>1.3.1", "zlib<1.3.1", "zlib>=1.3.1-r0", "zlib<1.3.1-r0",
		"zlib=>1.3", "zlib==1.3.1-r0", "zlib~1.3.", "zlib>1.3.1_rc1", "zlib<1.3.1_p1", "zlib><" + zlib.Checksum.String(), "zlib><" + zeroSum,
		"!zlib", "!zlib=1.2", "!zlib=1.3.1-r0", "!zlib~1.3", "!zlib<1.3", "!so:libz.so.1", "!so:libz.so.1=1.3.1", "!so:libz.so.1>1.3.1",
		"so:libz.so.1=1.3.1", "so:libz.so.1~1.3", "so:libz.so.1<1.3", "so:libz.so.1=1.3.1-r0",
		"zlib=foo", "zlib~", "zlib=1.3.1-r0@edge", "foo@",
	} {
		_, refused := add(s)
		c, err := ParseConstraint(s)
		satisfied := err == nil && c.Matches(zlib) != c.Conflict
		if satisfied != (refused == nil) {
			t.Errorf("%s: %v, %v; apk: %v", s, satisfied, err, refused)
		}
	}
}
