package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestWritePairs writes all pairs to a folder, to look at them: it is skipped unless
// one is named.
func TestWritePairs(t *testing.T) {
	dir := os.Getenv("BENCH_PAIRS")
	if dir == "" {
		t.Skip("BENCH_PAIRS names no folder")
	}
	p := &pairs{dir: filepath.Join(dir, "files")}
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := p.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, d := range pairDefinitions {
		to := filepath.Join(dir, pairFile(d.name))
		if err := os.MkdirAll(to, 0o755); err != nil {
			t.Fatal(err)
		}
		size, err := p.write(t.Context(), d, to)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes", d.name, size)
	}
}
