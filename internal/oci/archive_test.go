package oci

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// archived writes a layout with an image as a file.
func archived(tb testing.TB) (file string, index []ocispec.Descriptor) {
	tb.Helper()
	dir, desc := writeLayout(tb)
	l := openLayout(tb, dir)
	desc.Annotations = map[string]string{ocispec.AnnotationRefName: "mqtt:1"}
	index = []ocispec.Descriptor{desc}
	file = filepath.Join(tb.TempDir(), "layout.tar")
	check(tb, os.WriteFile(file, pack(tb, l, index), 0o644))
	return file, index
}

func pack(tb testing.TB, l *Layout, index []ocispec.Descriptor) []byte {
	tb.Helper()
	blobs, err := l.named()
	check(tb, err)
	var b bytes.Buffer
	check(tb, WriteArchive(&b, index, blobs, l.Blob))
	return b.Bytes()
}

// TestArchive: what is written is read again, and any tar and sha256sum read it, too.
func TestArchive(t *testing.T) {
	file, index := archived(t)
	l, err := OpenArchive(file)
	check(t, err)
	defer l.Close()
	images, err := l.Images()
	check(t, err)
	if len(images) != 1 || images[0].Digest != index[0].Digest || images[0].Annotations[ocispec.AnnotationRefName] != "mqtt:1" {
		t.Errorf("got %+v", images)
	}
	read := 0
	check(t, l.Check(context.Background(), func(n int) { read += n }))
	if want := int(index[0].Size) + 2 + 1024; read != want {
		t.Errorf("%d bytes were read, want %d", read, want)
	}
	again := pack(t, l, images)
	if b, err := os.ReadFile(file); err != nil || !bytes.Equal(b, again) {
		t.Errorf("written again, it is another file: %v", err)
	}
	dir := t.TempDir()
	for _, args := range [][]string{{"tar", "-xf", file}, {"sha256sum", "-c", "--strict", "--quiet", "SHA256SUMS"}} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", args[0], err, out)
		}
	}
	check(t, openLayout(t, dir).Check(context.Background(), nil))
}

// TestArchiveRefused: each byte counts, and so does each that is missing or too many.
func TestArchiveRefused(t *testing.T) {
	file, _ := archived(t)
	good, err := os.ReadFile(file)
	check(t, err)
	try := func(b []byte) error {
		path := filepath.Join(t.TempDir(), "spoilt.tar")
		check(t, os.WriteFile(path, b, 0o644))
		l, err := OpenArchive(path)
		if err != nil {
			return err
		}
		defer l.Close()
		return l.Check(context.Background(), nil)
	}
	check(t, try(good))
	for n := range good {
		b := bytes.Clone(good)
		b[n] ^= 0x10
		if err := try(b); err == nil {
			t.Fatalf("byte %d of %d was changed, and nobody noticed", n, len(good))
		}
	}
	for _, n := range []int{0, 1, 511, 512, 513, 1536, len(good) / 2, len(good) - 1536, len(good) - 1024, len(good) - 513, len(good) - 512, len(good) - 1} {
		var wrong *ArchiveError
		if err := try(good[:n]); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "cut off") {
			t.Errorf("cut off at %d: %v", n, err)
		}
	}
	for name, more := range map[string][]byte{"a byte": {0}, "blocks": make([]byte, 1024), "itself": good} {
		var wrong *ArchiveError
		if err := try(append(bytes.Clone(good), more...)); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "follow its end") {
			t.Errorf("%s more: %v", name, err)
		}
	}
}

// TestArchiveTricks: tars that other programs would take.
func TestArchiveTricks(t *testing.T) {
	file, _ := archived(t)
	type entry struct {
		tar.Header
		body string
	}
	var good []entry
	f, err := os.Open(file)
	check(t, err)
	defer f.Close()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		check(t, err)
		body, err := io.ReadAll(r)
		check(t, err)
		good = append(good, entry{*h, string(body)})
	}
	reg := func(name, body string) entry {
		return entry{tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(body)), Mode: 0o644, Format: tar.FormatUSTAR}, body}
	}
	add := func(e entry) func([]entry) []entry { return func(all []entry) []entry { return append(all, e) } }
	edit := func(change func(h *tar.Header)) func([]entry) []entry {
		return func(all []entry) []entry { change(&all[3].Header); return all }
	}
	other := strings.Repeat("0", 64)
	for name, change := range map[string]func([]entry) []entry{
		"the same":           nil,
		"path out":           add(reg("../x", "x")),
		"absolute":           add(reg("/etc/x", "x")),
		"other file":         add(reg("x", "x")),
		"blob of nothing":    add(reg("blobs/sha256/"+other, "x")),
		"folder":             add(entry{tar.Header{Typeflag: tar.TypeDir, Name: "blobs/", Mode: 0o755, Format: tar.FormatUSTAR}, ""}),
		"link":               add(entry{tar.Header{Typeflag: tar.TypeSymlink, Name: "x", Linkname: "/etc/passwd", Format: tar.FormatUSTAR}, ""}),
		"hard link":          add(entry{tar.Header{Typeflag: tar.TypeLink, Name: "x", Linkname: "index.json", Format: tar.FormatUSTAR}, ""}),
		"device":             add(entry{tar.Header{Typeflag: tar.TypeChar, Name: "x", Format: tar.FormatUSTAR}, ""}),
		"index twice":        func(all []entry) []entry { return append(all, all[1]) },
		"blob twice":         func(all []entry) []entry { return append(all, all[4]) },
		"other order":        func(all []entry) []entry { all[3], all[4] = all[4], all[3]; return all },
		"without a blob":     func(all []entry) []entry { return append(all[:3:3], all[4:]...) },
		"without the sums":   func(all []entry) []entry { return append(all[:2:2], all[3:]...) },
		"without the marker": func(all []entry) []entry { return all[1:] },
		"nothing":            func([]entry) []entry { return nil },
		"GNU":                edit(func(h *tar.Header) { h.Format = tar.FormatGNU }),
		"PAX":                edit(func(h *tar.Header) { h.Format, h.PAXRecords = tar.FormatPAX, map[string]string{"comment": "x"} }),
		"owner":              edit(func(h *tar.Header) { h.Uname = "root" }),
		"executable":         edit(func(h *tar.Header) { h.Mode = 0o755 }),
		"dot":                edit(func(h *tar.Header) { h.Name = "./" + h.Name }),
		"another index": func(all []entry) []entry {
			all[1] = reg("index.json", strings.Replace(all[1].body, "mqtt:1", "mqtt:2", 1))
			return all
		},
		"index with a space": func(all []entry) []entry { all[1] = reg("index.json", " "+all[1].body); return all },
		"other layout":       func(all []entry) []entry { all[0] = reg("oci-layout", `{"imageLayoutVersion":"1.0.1"}`); return all },
		"index without image": func(all []entry) []entry {
			all[1] = reg("index.json", `{"schemaVersion":2,"manifests":[]}`)
			return all
		},
	} {
		entries := append([]entry{}, good...)
		if change != nil {
			entries = change(entries)
		}
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, e := range entries {
			check(t, w.WriteHeader(&e.Header))
			_, err := w.Write([]byte(e.body))
			check(t, err)
		}
		check(t, w.Close())
		path := filepath.Join(t.TempDir(), "trick.tar")
		check(t, os.WriteFile(path, b.Bytes(), 0o644))
		l, err := OpenArchive(path)
		if err == nil {
			l.Close()
		}
		if (err == nil) != (change == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What is no regular file.
	var wrong *ArchiveError
	if _, err := OpenArchive(t.TempDir()); !errors.As(err, &wrong) {
		t.Errorf("a folder: %v", err)
	}
	if _, err := OpenArchive("/dev/zero"); !errors.As(err, &wrong) {
		t.Errorf("a device: %v", err)
	}
}

// TestArchiveBlobs: what is written has to be what the index asks for.
func TestArchiveBlobs(t *testing.T) {
	dir, desc := writeLayout(t)
	l := openLayout(t, dir)
	blobs, err := l.named()
	check(t, err)
	for name, open := range map[string]func(ocispec.Descriptor) (io.ReadCloser, error){
		"short": func(d ocispec.Descriptor) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("")), nil
		},
		"long": func(d ocispec.Descriptor) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(strings.Repeat("x", int(d.Size)+1))), nil
		},
		"missing": func(ocispec.Descriptor) (io.ReadCloser, error) { return nil, os.ErrNotExist },
	} {
		if err := WriteArchive(io.Discard, []ocispec.Descriptor{desc}, blobs, open); err == nil {
			t.Errorf("%s: written", name)
		}
	}
	large := ocispec.Descriptor{MediaType: "x/y", Digest: digest.FromString("large"), Size: 1 << 33}
	var limit *LimitError
	if err := WriteArchive(io.Discard, nil, []ocispec.Descriptor{large}, nil); !errors.As(err, &limit) {
		t.Errorf("got %v", err)
	}
	other := desc
	other.Size++
	var size *SizeError
	if err := WriteArchive(io.Discard, nil, []ocispec.Descriptor{desc, other}, nil); !errors.As(err, &size) {
		t.Errorf("got %v", err)
	}
}

// FuzzArchive: whatever a file has, what is read from it writes the same file.
func FuzzArchive(f *testing.F) {
	file, _ := archived(f)
	good, err := os.ReadFile(file)
	check(f, err)
	f.Add(good)
	f.Add(good[:2048])
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "fuzzed.tar")
		check(t, os.WriteFile(path, b, 0o644))
		l, err := OpenArchive(path)
		if err != nil {
			return
		}
		defer l.Close()
		if l.Check(context.Background(), nil) != nil {
			return
		}
		index, err := l.Images()
		check(t, err)
		if !bytes.Equal(pack(t, l, index), b) {
			t.Errorf("accepted, and written again it is another file of %d bytes", len(b))
		}
	})
}
