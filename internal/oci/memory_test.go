package oci

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// TestMemory: what is small is in memory, the rest in a folder that goes away, and both
// are the same layout.
func TestMemory(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	m := NewMemory()
	small, large := "small", strings.Repeat("large ", maxInMemory/6)
	var offsets []int64
	for range 2 {
		check(t, m.Fetch(describe(small), from(small, &offsets)))
		check(t, m.Fetch(describe(large), from(large, &offsets)))
	}
	if len(offsets) != 2 {
		t.Errorf("asked for %d blobs, want each once", len(offsets))
	}
	if names(t, temp) == "" {
		t.Error("what doesn't fit is in memory")
	}
	absent := describe("absent")
	check(t, m.Omit(absent))
	l, err := m.Layout([]ocispec.Descriptor{})
	check(t, err)
	check(t, l.checkMarker())
	for _, content := range []string{small, large} {
		if b, err := l.ReadBlob(describe(content), 2*maxInMemory); err != nil || string(b) != content {
			t.Errorf("%.10q: got %d bytes, %v", content, len(b), err)
		}
	}
	if _, err := l.ReadBlob(absent, 100); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a blob that was left out: %v", err)
	}
	check(t, m.Close())
	if left := names(t, temp); left != "" {
		t.Errorf("left %q", left)
	}
}

// TestMemoryResumes: what came goes on where it was cut off, and what is wrong starts
// again.
func TestMemoryResumes(t *testing.T) {
	content := strings.Repeat("content ", 1000)
	desc := describe(content)
	for name, first := range map[string]string{"same": content, "another": strings.ToUpper(content)} {
		t.Run(name, func(t *testing.T) {
			m := NewMemory()
			if err := m.Fetch(desc, cutOff(first, 4000)); !errors.Is(err, errBroken) {
				t.Fatalf("got %v", err)
			}
			var offsets []int64
			check(t, m.Fetch(desc, from(content, &offsets)))
			if offsets[0] != 4000 || len(offsets) > 1 && offsets[1] != 0 {
				t.Errorf("asked for bytes from %d on", offsets)
			}
		})
	}
}

// TestMemoryChecks: nothing but what a descriptor names gets in.
func TestMemoryChecks(t *testing.T) {
	m := NewMemory()
	desc := describe("content")
	for _, bad := range []string{"", "conten", "contents", "CONTENT", strings.Repeat("content", 1000)} {
		err := m.Add(desc, strings.NewReader(bad))
		if !isWrong(err) {
			t.Errorf("%.10q: got %v", bad, err)
		}
	}
	check(t, m.Add(desc, strings.NewReader("content")))
	larger := desc
	larger.Size++
	if err := m.Add(larger, strings.NewReader("content")); !errors.As(err, new(*SizeError)) {
		t.Errorf("another size: %v", err)
	}
	desc.Digest = "sha256:../../../etc/passwd"
	if err := m.Add(desc, strings.NewReader("")); !errors.As(err, new(*FormatError)) {
		t.Errorf("no digest: %v", err)
	}
	if err := m.Omit(desc); !errors.As(err, new(*FormatError)) {
		t.Errorf("no digest to omit: %v", err)
	}
}

// TestMemoryIsBounded: blobs that are cut off don't add up.
func TestMemoryIsBounded(t *testing.T) {
	m := NewMemory()
	for _, content := range []string{"one", "two"} {
		content = strings.Repeat(content, 1000)
		if err := m.Fetch(describe(content), cutOff(content, 100)); !errors.Is(err, errBroken) {
			t.Fatal(err)
		}
	}
	if len(m.part) != 100 || m.left != maxInMemory {
		t.Errorf("it has %d bytes of a blob, and room for %d", len(m.part), m.left)
	}
	if err := m.Fetch(describe("x"), func(int64) (io.ReadCloser, error) { return nil, os.ErrPermission }); !errors.Is(err, os.ErrPermission) {
		t.Errorf("got %v", err)
	}
}
