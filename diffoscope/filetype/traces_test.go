package filetype

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestTraces(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []string
	}{
		{"\x00/home/me/src/main.c\x00", []string{"/home/me/src/"}},
		{"at /opt/lib/x.so or so", []string{"/opt/lib/x.so"}},
		{"errorgo/home/me/x", []string{"/home/me/x"}},
		{"see https://example.org/a/b, and cmd/go/internal", nil},
		{"built Nov 28 2026 22:18:52 by", []string{"22:18:52", "Nov 28 2026"}},
		{"__DATE__ Jan  2 2026", []string{"Jan  2 2026"}},
		{"2026-11-28T22:18:52Z", []string{"2026-11-28T22:18:52"}},
		{"root@buildhost and A@AAA x@y", []string{"root@buildhost"}},
		{"6ba7b810-9dad-11d1-80b4-00c04fd430c8", []string{"6ba7b810-9dad-11d1-80b4-00c04fd430c8"}},
		{"commit 1487b4b69366a6243bf608ec525891fcfd17db6d!", []string{"1487b4b69366a6243bf608ec525891fcfd17db6d"}},
		{"deadbeef 12:34 /x @ 2026-1", nil},
		{strings.Repeat("x", 3*maxRun) + " /opt/a/b", []string{"/opt/a/b"}},
	} {
		for _, r := range []func(string) (map[string]struct{}, error){
			func(s string) (map[string]struct{}, error) { return findTraces(strings.NewReader(s)) },
			func(s string) (map[string]struct{}, error) {
				return findTraces(iotest.OneByteReader(strings.NewReader(s)))
			},
		} {
			got, err := r(c.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, slices.Sorted(maps.Keys(got))); diff != "" {
				t.Errorf("%.100q: %s", c.in, diff)
			}
		}
	}
}

// TestStrings: strings are found wherever they begin, whatever is around them.
func TestStrings(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		data := make([]byte, r.IntN(80))
		for i := range data {
			data[i] = byte(r.IntN(256))
			if r.IntN(8) > 0 {
				data[i] = ' ' + byte(r.IntN(95))
			}
		}
		copy(data[r.IntN(len(data)+1):], "/a/b/c")
		var got, want []string
		for s := range tracesIn(data) {
			got = append(got, string(s))
		}
		for _, s := range strings.FieldsFunc(latin1(data), func(r rune) bool { return r < ' ' || r > '~' }) {
			if len(s) >= minRun {
				tracesOf([]byte(s), func(s []byte) bool {
					want = append(want, string(s))
					return true
				})
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q: %s", data, diff)
		}
	}
}

// latin1 returns a rune for each byte.
func latin1(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		s.WriteRune(rune(c))
	}
	return s.String()
}
