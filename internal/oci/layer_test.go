package oci

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func testTar(tb testing.TB) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, hdr := range []*tar.Header{
		{Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "etc/a", Typeflag: tar.TypeReg, Size: 5, PAXRecords: map[string]string{"SCHILY.xattr.user.x": "y"}},
		{Name: "etc/b", Typeflag: tar.TypeSymlink, Linkname: "a"},
	} {
		check(tb, w.WriteHeader(hdr))
		if hdr.Size > 0 {
			_, err := io.WriteString(w, "hello")
			check(tb, err)
		}
	}
	check(tb, w.Close())
	return b.Bytes()
}

func gz(tb testing.TB, b []byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Name, w.Comment, w.Extra = "n\u00e4me", "c", []byte{1, 2, 3}
	_, err := w.Write(b)
	check(tb, err)
	check(tb, w.Close())
	return out.Bytes()
}

func zst(tb testing.TB, b []byte) []byte {
	tb.Helper()
	w, err := zstd.NewWriter(nil)
	check(tb, err)
	return w.EncodeAll(b, nil)
}

// layerLayout returns a layout that has blob as a layer.
func layerLayout(tb testing.TB, mediaType string, blob []byte) (*Layout, ocispec.Descriptor) {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "layout")
	w, err := Create(dir)
	check(tb, err)
	desc, err := w.AddBytes(mediaType, blob)
	check(tb, err)
	check(tb, w.Commit([]ocispec.Descriptor{addManifest(tb, w, nil)}))
	return openLayout(tb, dir), desc
}

// readLayer reads a whole layer and returns the names in it.
func readLayer(l *Layout, desc ocispec.Descriptor, limits LayerLimits) ([]string, *LayerReader, error) {
	r, err := l.OpenLayer(desc, limits)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	var list []string
	for {
		hdr, err := r.Next()
		if err == io.EOF {
			return list, r, nil
		}
		if err != nil {
			return list, nil, err
		}
		list = append(list, hdr.Name)
	}
}

func TestLayer(t *testing.T) {
	raw := testTar(t)
	for _, test := range []struct {
		mediaType, compression string
		blob                   []byte
	}{
		{ocispec.MediaTypeImageLayer, "", raw},
		{ocispec.MediaTypeImageLayerGzip, "gzip", gz(t, raw)},
		{ocispec.MediaTypeImageLayerZstd, "zstd", zst(t, raw)},
	} {
		l, desc := layerLayout(t, test.mediaType, test.blob)
		got, r, err := readLayer(l, desc, LayerLimits{})
		check(t, err)
		if diff := cmp.Diff([]string{"etc/", "etc/a", "etc/b"}, got); diff != "" {
			t.Errorf("%s: names (-want +got):\n%s", test.mediaType, diff)
		}
		if r.DiffID() != digest.FromBytes(raw) || r.Size() != int64(len(raw)) || r.Compression() != test.compression {
			t.Errorf("%s: diffID %s, size %d, compression %q", test.mediaType, r.DiffID(), r.Size(), r.Compression())
		}
		if got := r.Trailer(); got.Size != 1024 || len(got.Excerpt) > 0 {
			t.Errorf("%s: trailer %+v, want 1024 zeros", test.mediaType, got)
		}
		if h := r.Gzip(); h != nil && h.Size != 10+2+3+5+2 {
			t.Errorf("gzip header of %d bytes: %+v", h.Size, h)
		}
	}
}

// The bytes of headers, contents, padding and trailer are together the tar.
func TestLayerCoversEveryByte(t *testing.T) {
	raw := testTar(t)
	l, desc := layerLayout(t, ocispec.MediaTypeImageLayer, raw)
	r, err := l.OpenLayer(desc, LayerLimits{})
	check(t, err)
	defer r.Close()
	var got []byte
	for {
		if _, err = r.Next(); err != nil {
			break
		}
		got = append(got, r.Header()...)
		content, err := io.ReadAll(r)
		check(t, err)
		got = append(got, content...)
		pad, err := r.Padding()
		check(t, err)
		got = append(got, pad...)
	}
	if err != io.EOF {
		t.Fatal(err)
	}
	got = append(got, make([]byte, r.Trailer().Size)...)
	if !bytes.Equal(got, raw) {
		t.Errorf("%d bytes, want the %d of the tar", len(got), len(raw))
	}
}

func TestLayerRefused(t *testing.T) {
	raw := testTar(t)
	z := gz(t, raw)
	for name, test := range map[string]struct {
		mediaType string
		blob      []byte
		limits    LayerLimits
		want      any
	}{
		"second member":       {ocispec.MediaTypeImageLayerGzip, append(bytes.Clone(z), z...), LayerLimits{}, new(*TrailingError)},
		"trailing byte":       {ocispec.MediaTypeImageLayerGzip, append(bytes.Clone(z), 0), LayerLimits{}, new(*TrailingError)},
		"unknown media type":  {"application/x", raw, LayerLimits{}, new(*FormatError)},
		"too large":           {ocispec.MediaTypeImageLayerGzip, z, LayerLimits{Size: 1000}, new(*LimitError)},
		"too many entries":    {ocispec.MediaTypeImageLayer, raw, LayerLimits{Entries: 2}, new(*LimitError)},
		"path too long":       {ocispec.MediaTypeImageLayer, raw, LayerLimits{Path: 4}, new(*LimitError)},
		"header too long":     {ocispec.MediaTypeImageLayer, longHeader(t), LayerLimits{}, new(*LimitError)},
		"bomb":                {ocispec.MediaTypeImageLayerZstd, zst(t, append(raw[:len(raw)-1024:len(raw)-1024], make([]byte, 300<<20)...)), LayerLimits{}, new(*LimitError)},
		"sparse bomb":         {ocispec.MediaTypeImageLayer, sparse(t), LayerLimits{}, new(*LimitError)},
		"truncated tar":       {ocispec.MediaTypeImageLayerGzip, gz(t, raw[:1700]), LayerLimits{}, nil},
		"truncated gzip":      {ocispec.MediaTypeImageLayerGzip, z[:len(z)-9], LayerLimits{}, nil},
		"gzip header only":    {ocispec.MediaTypeImageLayerGzip, z[:10], LayerLimits{}, nil},
		"empty gzip":          {ocispec.MediaTypeImageLayerGzip, nil, LayerLimits{}, nil},
		"not gzip":            {ocispec.MediaTypeImageLayerGzip, raw, LayerLimits{}, nil},
		"not zstd":            {ocispec.MediaTypeImageLayerZstd, raw, LayerLimits{}, nil},
		"bytes after a frame": {ocispec.MediaTypeImageLayerZstd, append(zst(t, raw), "tail"...), LayerLimits{}, new(*FormatError)},
		"cut in a frame":      {ocispec.MediaTypeImageLayerZstd, zst(t, raw)[:40], LayerLimits{}, nil},
		"checksum":            {ocispec.MediaTypeImageLayerGzip, flip(z, len(z)-6), LayerLimits{}, nil},
	} {
		l, desc := layerLayout(t, test.mediaType, test.blob)
		_, _, err := readLayer(l, desc, test.limits)
		if err == nil || test.want != nil && !errors.As(err, test.want) {
			t.Errorf("%s: got %v, want %T", name, err, test.want)
		}
	}
}

// TestAfterFrames: several zstd frames are one stream, and what follows them is told
// apart, whatever it is, as long as the reader is lenient.
func TestAfterFrames(t *testing.T) {
	raw := testTar(t)
	skippable := append([]byte("\x53\x2a\x4d\x18\x03\x00\x00\x00"), "abc"...)
	two := append(append(zst(t, raw[:700]), skippable...), zst(t, raw[700:])...)
	for _, tail := range []string{"", "t", "tail", "\x28\xb5", "\x28\xb5\x2f\xfe and more", strings.Repeat("x", 300_000)} {
		blob := append(bytes.Clone(two), tail...)
		lr, err := OpenTar(io.NopCloser(bytes.NewReader(blob)), int64(len(blob)), "x", LayerLimits{Lenient: true})
		check(t, err)
		for err == nil {
			_, err = lr.Next()
		}
		if err != io.EOF || lr.DiffID() != digest.FromBytes(raw) {
			t.Fatalf("%.20q: %v", tail, err)
		}
		after := lr.After()
		if after.Size != int64(len(tail)) || tail != "" && after.Digest != digest.FromString(tail) {
			t.Errorf("%.20q: %+v", tail, after)
		}
		check(t, lr.Close())
	}
}

func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

func longHeader(tb testing.TB) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	check(tb, w.WriteHeader(&tar.Header{Name: "a", PAXRecords: map[string]string{"x.y": strings.Repeat("z", maxHeader)}}))
	check(tb, w.Close())
	return b.Bytes()
}

// sparse returns a tar of a few blocks whose one file is a hole of 1 TiB, in GNU's
// sparse format 0.1. archive/tar writes none, so the records are written here.
func sparse(tb testing.TB) []byte {
	tb.Helper()
	records := "22 GNU.sparse.major=0\n22 GNU.sparse.minor=1\n33 GNU.sparse.size=1099511627776\n" +
		"26 GNU.sparse.numblocks=1\n34 GNU.sparse.map=1099511627776,0\n"
	for line := range strings.Lines(records) {
		if !strings.HasPrefix(line, strconv.Itoa(len(line))) {
			tb.Fatalf("the record %q has %d bytes", line, len(line))
		}
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	check(tb, w.WriteHeader(&tar.Header{Name: "x", Size: int64(len(records)), Mode: 0o644, Format: tar.FormatUSTAR}))
	_, err := io.WriteString(w, records)
	check(tb, err)
	check(tb, w.WriteHeader(&tar.Header{Name: "hole", Mode: 0o644, Format: tar.FormatUSTAR}))
	check(tb, w.Close())
	raw := b.Bytes()
	// The first entry becomes the extended header of the second; the checksum
	// counts the bytes of the header.
	raw[156] = tar.TypeXHeader
	sum := 8 * int(' ')
	for i, c := range raw[:512] {
		if i < 148 || i >= 156 {
			sum += int(c)
		}
	}
	copy(raw[148:], fmt.Sprintf("%06o\x00 ", sum))
	return raw
}

// FuzzLayer reads any bytes as a layer: an error or the whole of it.
func FuzzLayer(f *testing.F) {
	raw := testTar(f)
	f.Add(raw, byte(0))
	f.Add(gz(f, raw), byte(1))
	f.Add(zst(f, raw), byte(2))
	f.Add(sparse(f), byte(0))
	types := []string{ocispec.MediaTypeImageLayer, ocispec.MediaTypeImageLayerGzip, ocispec.MediaTypeImageLayerZstd}
	f.Fuzz(func(t *testing.T, blob []byte, kind byte) {
		l, desc := layerLayout(t, types[int(kind)%len(types)], blob)
		limits := LayerLimits{Size: 4 << 20, Entries: 1000}
		_, r, err := readLayer(l, desc, limits)
		if err != nil {
			return
		}
		if r.Size() > limits.Size || r.Compression() == "" && r.DiffID() != desc.Digest {
			t.Fatalf("size %d, diffID %s of %s", r.Size(), r.DiffID(), desc.Digest)
		}
	})
}
