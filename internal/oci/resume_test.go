package oci

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func describe(content string) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: "x/y", Digest: digest.FromString(content), Size: int64(len(content))}
}

// from opens content, after reporting where that was asked to begin.
func from(content string, offsets *[]int64) func(int64) (io.ReadCloser, error) {
	return func(offset int64) (io.ReadCloser, error) {
		*offsets = append(*offsets, offset)
		return io.NopCloser(strings.NewReader(content[offset:])), nil
	}
}

var errBroken = errors.New("broken")

// cutOff opens the first n bytes of content, and then breaks.
func cutOff(content string, n int) func(int64) (io.ReadCloser, error) {
	return func(offset int64) (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(strings.NewReader(content[offset:n]), iotest.ErrReader(errBroken))), nil
	}
}

// TestResume: what came is kept over a Writer's life, checked, and not asked for
// again.
func TestResume(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "mqtt")
	content := strings.Repeat("content ", 1000)
	whole, half := describe(content), describe(content[1:])

	w, err := Resume(dir)
	check(t, err)
	desc := addManifest(t, w, nil)
	if _, err := Resume(dir); !errors.As(err, new(*BusyError)) {
		t.Errorf("a second one at the same time: %v", err)
	}
	var offsets []int64
	check(t, w.Fetch(whole, from(content, &offsets)))
	if err := w.Fetch(half, cutOff(content[1:], 4000)); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
	check(t, w.Abort())
	if got := names(t, parent); got != ".mqtt.partial" {
		t.Fatalf("left %q", got)
	}

	w, err = Resume(dir)
	check(t, err)
	offsets = nil
	check(t, w.Fetch(whole, from(content, &offsets)))
	check(t, w.Fetch(half, from(content[1:], &offsets)))
	if len(offsets) != 1 || offsets[0] != 4000 {
		t.Errorf("asked for bytes from %d on", offsets)
	}
	// What the index doesn't ask for isn't part of it.
	stray, err := w.AddBytes("x/y", []byte("stray"))
	check(t, err)
	check(t, w.Abort())
	w, err = Resume(dir)
	check(t, err)
	if has, err := w.Has(desc); !has || err != nil {
		t.Errorf("the manifest is there: %t, %v", has, err)
	}
	m, _, err := (&Layout{folder{w.root}}).ReadManifest(desc)
	check(t, err)
	for _, d := range append(m.Layers, m.Config) {
		if has, err := w.Has(d); !has || err != nil {
			t.Errorf("%s is there: %t, %v", d.Digest, has, err)
		}
	}
	check(t, w.Commit([]ocispec.Descriptor{desc}))
	if got := names(t, parent); got != "mqtt" {
		t.Errorf("left %q", got)
	}
	for _, d := range []ocispec.Descriptor{stray, whole, half} {
		if _, err := os.Lstat(filepath.Join(dir, BlobPath(d.Digest))); !os.IsNotExist(err) {
			t.Errorf("%s: %v", d.Digest, err)
		}
	}
}

// TestResumeChecks: what is there may have become something else.
func TestResumeChecks(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mqtt")
	content := strings.Repeat("content ", 1000)
	desc := describe(content)
	blob := filepath.Join(filepath.Dir(dir), ".mqtt.partial", BlobPath(desc.Digest))
	for name, put := range map[string]func() error{
		"whole":        func() error { return os.WriteFile(blob, []byte(content), 0o644) },
		"another":      func() error { return os.WriteFile(blob, []byte(strings.ToUpper(content)), 0o644) },
		"longer":       func() error { return os.WriteFile(blob, []byte(content+"x"), 0o644) },
		"part":         func() error { return os.WriteFile(blob+partSuffix, []byte(content[:100]), 0o644) },
		"another part": func() error { return os.WriteFile(blob+partSuffix, []byte(strings.ToUpper(content[:100])), 0o644) },
		"whole part":   func() error { return os.WriteFile(blob+partSuffix, []byte(content), 0o644) },
		"longer part":  func() error { return os.WriteFile(blob+partSuffix, []byte(content+"x"), 0o644) },
		"link":         func() error { return os.Symlink("/etc/passwd", blob+partSuffix) },
		"link out":     func() error { return os.Symlink("../../../../../../../etc/passwd", blob) },
		"folder":       func() error { return os.Mkdir(blob, 0o755) },
	} {
		t.Run(name, func(t *testing.T) {
			w, err := Resume(dir)
			check(t, err)
			defer w.Discard()
			check(t, put())
			var offsets []int64
			err = w.Fetch(desc, from(content, &offsets))
			if strings.HasPrefix(name, "link") || name == "folder" {
				if err == nil {
					t.Error("it was taken")
				}
				return
			}
			check(t, err)
			if b, err := os.ReadFile(blob); err != nil || string(b) != content {
				t.Errorf("%d bytes, %v", len(b), err)
			}
			if fresh := len(offsets) == 0; fresh != strings.HasPrefix(name, "whole") {
				t.Errorf("asked for bytes from %d on", offsets)
			}
		})
	}
	if got := names(t, filepath.Dir(dir)); got != "" {
		t.Errorf("left %q", got)
	}
}

// TestResumeOthers: a folder that others could change is not gone on with.
func TestResumeOthers(t *testing.T) {
	parent := t.TempDir()
	dir, partial := filepath.Join(parent, "mqtt"), filepath.Join(parent, ".mqtt.partial")
	check(t, os.Symlink(t.TempDir(), partial))
	if _, err := Resume(dir); !errors.As(err, new(*OccupiedError)) {
		t.Errorf("a link: %v", err)
	}
	check(t, os.Remove(partial))
	check(t, os.WriteFile(partial, nil, 0o600))
	if _, err := Resume(dir); !errors.As(err, new(*OccupiedError)) {
		t.Errorf("a file: %v", err)
	}
	check(t, os.Remove(partial))
	if os.Geteuid() == 0 {
		check(t, os.Mkdir(partial, 0o777))
		check(t, os.Chown(partial, 65534, 65534))
		if _, err := Resume(dir); !errors.As(err, new(*OccupiedError)) {
			t.Errorf("somebody else's: %v", err)
		}
		check(t, os.Remove(partial))
	}
	check(t, os.WriteFile(dir, nil, 0o600))
	if _, err := Resume(dir); !errors.As(err, new(*OccupiedError)) {
		t.Errorf("a file in its place: %v", err)
	}
}

// TestFetchWrong: bytes that are not the blob's are neither used nor kept.
func TestFetchWrong(t *testing.T) {
	w, err := Create(filepath.Join(t.TempDir(), "mqtt"))
	check(t, err)
	defer w.Abort()
	content := "content"
	desc := describe(content)
	for name, got := range map[string]string{"other": "tnetnoc", "short": "cont", "long": "contents", "none": ""} {
		err := w.Fetch(desc, func(int64) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(got)), nil })
		if !isWrong(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var offsets []int64
	check(t, w.Fetch(desc, from(content, &offsets)))
	check(t, w.Fetch(desc, from(content, &offsets)))
	if len(offsets) != 1 || offsets[0] != 0 {
		t.Errorf("asked for bytes from %d on", offsets)
	}
	empty := describe("")
	check(t, w.Fetch(empty, from("", &offsets)))
}

// TestStage: a layout that can be looked at before it is in its place, and changed.
func TestStage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mqtt")
	w, err := Resume(dir)
	check(t, err)
	defer w.Abort()
	desc := addManifest(t, w, nil)
	staged, err := w.Stage([]ocispec.Descriptor{desc})
	check(t, err)
	if images, err := openLayout(t, staged).Images(); err != nil || len(images) != 1 {
		t.Errorf("%v, %v", images, err)
	}
	if _, err := os.Lstat(dir); !os.IsNotExist(err) {
		t.Errorf("got %v", err)
	}
	other := addManifest(t, w, func(m *ocispec.Manifest) { m.Annotations = map[string]string{"other": "x"} })
	check(t, w.Commit([]ocispec.Descriptor{desc, other}))
	if images, err := openLayout(t, dir).Images(); err != nil || len(images) != 2 {
		t.Errorf("%v, %v", images, err)
	}
	if _, err := w.Stage([]ocispec.Descriptor{{MediaType: "x/y", Digest: digest.FromString("x"), Size: 1}}); err == nil {
		t.Error("a layout without its blob")
	}
	var b bytes.Buffer
	if _, err := io.Copy(&b, Verified(strings.NewReader("other"), describe("content"))); !isWrong(err) {
		t.Errorf("got %v", err)
	}
}
