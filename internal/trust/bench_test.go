package trust_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust/trusttest"
)

// many returns a trust root with a hundred names, each with its own role and key,
// and with ten releases of each.
func many(b *testing.B) (*trusttest.Repo, *machine, []trust.Ref) {
	b.Helper()
	r := trusttest.New(b, now)
	var refs []trust.Ref
	for i := range 100 {
		name := fmt.Sprintf("service-%d", i)
		r.Delegate(name, name+"/*")
		for j := range 10 {
			ref := trust.Ref{Name: name, Version: "1.2", Release: j}
			r.Add(name, ref, int64(j+1), fmt.Sprint(i, j))
			if j == 9 {
				refs = append(refs, ref)
			}
		}
	}
	r.Publish()
	return r, newMachine(b, r), refs
}

// BenchmarkFirst is a machine's first look: nothing is in its cache.
func BenchmarkFirst(b *testing.B) {
	r, m, refs := many(b)
	root := b.TempDir()
	i := 0
	for b.Loop() {
		m.cache = filepath.Join(root, fmt.Sprint(i))
		i++
		find(b, m.mustOpen(trust.Folder(r.Dir)), refs[0])
	}
}

func BenchmarkFindOne(b *testing.B) {
	r, m, refs := many(b)
	for name, source := range map[string]trust.Source{"folder": trust.Folder(r.Dir), "offline": nil} {
		find(b, m.mustOpen(trust.Folder(r.Dir)), refs[0])
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				find(b, m.mustOpen(source), refs[0])
			}
		})
	}
}

// BenchmarkFindHundred looks up one release of each of a hundred names.
func BenchmarkFindHundred(b *testing.B) {
	r, m, refs := many(b)
	for _, ref := range refs {
		find(b, m.mustOpen(trust.Folder(r.Dir)), ref)
	}
	for b.Loop() {
		v := m.mustOpen(nil)
		for _, ref := range refs {
			find(b, v, ref)
		}
	}
}

// BenchmarkFindDigest looks up images, of which nothing but the digest is known, in
// one view: the first has all roles read.
func BenchmarkFindDigest(b *testing.B) {
	r, m, refs := many(b)
	v := m.mustOpen(trust.Folder(r.Dir))
	var digests []digest.Digest
	for _, ref := range refs {
		digests = append(digests, find(b, v, ref).Digest)
	}
	for _, n := range []int{1, len(digests)} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				v := m.mustOpen(nil)
				for _, d := range digests[:n] {
					if _, err := v.FindDigest(context.Background(), d); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
