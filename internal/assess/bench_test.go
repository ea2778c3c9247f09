package assess_test

import (
	"testing"

	"gitlab.com/tailsbuild/tailsbuild/internal/verdict"
)

// BenchmarkRelease assesses a small release with six bundles, under a trust root
// that is open already.
func BenchmarkRelease(b *testing.B) {
	w := newWorld(b, strict)
	m := makeRelease(b, "1.0", key(b, 0), none)
	w.list(m, 1, nil)
	a := w.assessor()
	for b.Loop() {
		s, err := a.Release(ctx, m.dir, "mqtt:1.0-r0")
		if err != nil || s.Verdict.Kind != verdict.Trusted {
			b.Fatal(s, err)
		}
	}
}

// BenchmarkFirst is one release with all that a process needs for the first.
func BenchmarkFirst(b *testing.B) {
	w := newWorld(b, strict)
	m := makeRelease(b, "1.0", key(b, 0), none)
	w.list(m, 1, nil)
	for b.Loop() {
		if s := w.assess(m.dir, "mqtt:1.0-r0"); s.Verdict.Kind != verdict.Trusted {
			b.Fatal(s)
		}
	}
}
