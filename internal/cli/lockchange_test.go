package cli

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

func TestLockedText(t *testing.T) {
	pkg := func(name, version string, size int64, sha256 string) lock.Input {
		return lock.Input{Kind: lock.KindPackage, Name: name, Arch: "x86_64", Version: version, Size: size, SHA256: sha256}
	}
	index := lock.Input{Kind: lock.KindIndex, Name: "main", Arch: "x86_64", URL: "https://example.org/main/x86_64/APKINDEX.tar.gz", Size: 9, SHA256: "a"}
	newer := index
	newer.Time, newer.SHA256 = 1700000000, "b"
	l := locked{Recipe: "try", Path: "recipes/try/recipe.lock.hcl", Changed: true, Digest: "sha256:0", update: true}
	l.compare(
		[]lock.Input{pkg("back", "1.10-r0", 10, "a"), pkg("bytes", "1-r0", 10, "a"), pkg("gone", "1-r0", 10, "a"), pkg("same", "1-r0", 10, "a"), index},
		[]lock.Input{pkg("back", "1.9-r0", 8, "b"), pkg("bytes", "1-r0", 10, "b"), pkg("new", "1-r0", 2500, "a"), pkg("same", "1-r0", 10, "a"), newer},
	)
	const want = `recipes/try/recipe.lock.hcl
  ~ apk "back" for x86_64 1.10-r0 → 1.9-r0 (older), 8 B (2 B less)
  ~ apk "bytes" for x86_64 1-r0, other bytes, 10 B
  - apk "gone" for x86_64 1-r0, 10 B
  + apk "new" for x86_64 1-r0, 2.5 kB
  ~ apk_index "main" for x86_64 of 1970-01-01 00:00:00 UTC → 2023-11-14 22:13:20 UTC, 9 B
  packages: 4, 2.53 kB (2.49 kB more)
  = sha256:0
`
	var b bytes.Buffer
	l.text(&b)
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(&total{Count: 4, CountBefore: 4, Size: 2528, SizeBefore: 40}, l.Packages); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{`apk "back" for x86_64 1.10-r0`, `apk "gone" for x86_64 1-r0`}, l.Remove); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
}
