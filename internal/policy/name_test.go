package policy

import (
	"errors"
	"strings"
	"testing"
)

func TestImageName(t *testing.T) {
	hex := strings.Repeat("0a", 32)
	for reference, want := range map[string]string{
		"mqtt":                    "mqtt",
		"mqtt:2.7.9-r0":           "mqtt",
		"registry.example/a/mqtt": "registry.example/a/mqtt",
		"registry.example/a/mqtt:1@sha256:" + hex: "registry.example/a/mqtt",
		"registry.example:5000/mqtt":              "registry.example:5000/mqtt",
		"registry.example:5000/mqtt:1":            "registry.example:5000/mqtt",
		"REGISTRY.example:443/mqtt:1":             "registry.example/mqtt",
		"localhost/a__b/c-d--e":                   "localhost/a__b/c-d--e",
		"127.0.0.1:5000/mqtt@sha256:" + hex:       "127.0.0.1:5000/mqtt",
	} {
		if got, err := ImageName(reference); got != want || err != nil {
			t.Errorf("%q is %q, %v; want %q", reference, got, err, want)
		}
	}
	for _, bad := range []string{
		"", "/", "a/", "/a", "a//b", "A", "registry.example/A", "a:", "a:-b", "a@", "a@sha256:ab", "a@sha512:" + hex, "a@sha256:" + hex + "@sha256:" + hex,
		"a b", "a/b c", "a/\x1b[31m", "a/\u202eb", "a/../b", "a/./b", "a/.b", "a/b.", "a/b_", "a..b/c", "a/*", "https://a/b", "u@a/b", "a/ä", "a:1:2",
		"a:123456/b", "a:x/b", "[::1]:5000/a", "a/" + strings.Repeat("b", 255), "a\n", "a/b\n",
	} {
		var e *NameError
		if got, err := ImageName(bad); got != "" || !errors.As(err, &e) {
			t.Errorf("%q is %q, %v", bad, got, err)
		}
	}
}

func TestPattern(t *testing.T) {
	for pattern, names := range map[string]string{
		"mqtt":                 "mqtt",
		"*":                    "mqtt a-b",
		"**":                   "mqtt r.example/mqtt r.example/a/b/c",
		"r.example/*":          "r.example/mqtt",
		"r.example/**":         "r.example/mqtt r.example/a/b",
		"r.example/a/alpine-*": "r.example/a/alpine-3.24 r.example/a/alpine-",
		"r.example/*-a":        "r.example/b-a r.example/-a",
		"r.example/ab*ba":      "r.example/abba r.example/abxba",
		"*.example/**":         "r.example/x",
		"r.example:5000/a/*":   "r.example:5000/a/b",
		"r.example/a*/b*":      "r.example/a/b r.example/ax/by",
	} {
		p := newPattern(pattern)
		if problem := checkPattern(pattern); problem != nil {
			t.Errorf("%s: %v", pattern, problem)
		}
		for _, name := range strings.Fields("mqtt a-b r.example r.example/mqtt r.example/a/b/c r.example/a/b r.example/a/alpine-3.24 r.example/a/alpine- " +
			"r.example/b-a r.example/-a r.example/abba r.example/aba r.example/abxba r.example/x r.example:5000/a/b r.example/ax/by r.example.evil/x xr.example/mqtt/a") {
			want := strings.Contains(" "+names+" ", " "+name+" ")
			if !want {
				// Some patterns match more than they are here for.
				want = p.Match(name) && (pattern == "**" || pattern == "r.example/**" || pattern == "r.example/*" || pattern == "*.example/**" || pattern == "*" || pattern == "r.example/a*/b*")
			}
			if got := p.Match(name); got != want {
				t.Errorf("%s matches %s: %v", pattern, name, got)
			}
		}
	}
	if (Pattern{}).Match("") || (Pattern{}).Match("a") || newPattern("**").Match("") {
		t.Error("nothing is matched")
	}
	for pattern, name := range map[string]string{
		"*": "r.example/mqtt", "r.example/*": "r.example/a/b", "r.example/**": "r.example", "*.example/*": "r.example.evil/a", "**": "",
	} {
		if newPattern(pattern).Match(name) {
			t.Errorf("%s matches %s", pattern, name)
		}
	}
}

// TestCovers compares covers with matching: of all patterns and names over a small
// alphabet, p covers q exactly if no name matches q alone.
func TestCovers(t *testing.T) {
	elements := []string{"a", "b", "*", "a*", "*a", "a*a", "ab*", "ba"}
	patterns := []string{"**"}
	for _, e := range elements {
		patterns = append(patterns, e, e+"/**")
		for _, f := range elements {
			patterns = append(patterns, e+"/"+f)
		}
	}
	words := []string{"a", "b", "x", "aa", "ab", "ba", "bb", "xx", "aaa", "aba", "abx", "bab", "axa", "xax", "abab", "baba", "abxa", "xab", "xba"}
	names := append([]string{"a/a/a", "x/b/a", "aa/x/x", "ab/x/x", "ba/x/x", "axa/x/x", "xa/x/x", "ax/x/x", "b/x/x", "abx/x/x", "a/x/x", "xx/x/x"}, words...)
	for _, v := range words {
		for _, w := range words {
			names = append(names, v+"/"+w)
		}
	}
	for _, p := range patterns {
		for _, q := range patterns {
			want := true
			for _, name := range names {
				want = want && (!newPattern(q).Match(name) || newPattern(p).Match(name))
			}
			if got := newPattern(p).covers(newPattern(q)); got != want {
				t.Errorf("%s covers %s: %v", p, q, got)
			}
		}
	}
}
