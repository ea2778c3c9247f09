package inputs

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

func gzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func tarred(t *testing.T) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	if err := w.WriteHeader(&tar.Header{Name: "a", Size: 1, Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("a")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

const minirootfs = "v3.19/releases/x86_64/alpine-minirootfs-3.19.4-x86_64.tar.gz"

// The real minirootfs, once from the folder and once over HTTP.
func TestMinirootfs(t *testing.T) {
	mirror := alpine(t)
	const upstream = "https://dl-cdn.alpinelinux.org/alpine/"
	want := lock.Input{
		Kind: lock.KindRootfs, Name: "alpine-3.19", Arch: "x86_64", URL: upstream + minirootfs,
		// Of the file whose sha512 Alpine publishes beside it.
		SHA256: "a2a87004e87720cbb0372c08b7de9b80748afdfd7fd72d2eab2ec0b074b92211",
	}
	f := newFetcher(t)
	f.Offline = true
	f.Mirrors = []Mirror{{Upstream: upstream, Locations: []string{mirror, upstream}}}
	got, err := f.Resolve(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(filepath.Join(mirror, minirootfs))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	gz, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	unpacked, err := io.ReadAll(gz)
	if err != nil {
		t.Fatal(err)
	}
	if got.DiffID != sumOf(unpacked) || got.SHA256 != want.SHA256 {
		t.Errorf("sha256 %s, diff_id %s; want %s, %s", got.SHA256, got.DiffID, want.SHA256, sumOf(unpacked))
	}
	wantClean(t, f)

	other := newFetcher(t)
	url := serve(t, http.FileServer(http.Dir(mirror)).ServeHTTP)
	other.Mirrors = []Mirror{{Upstream: upstream, Locations: []string{url}}}
	if err := other.Fetch(t.Context(), []lock.Input{got}); err != nil {
		t.Fatal(err)
	}
	if again, err := other.Resolve(t.Context(), want); err != nil || again.DiffID != got.DiffID {
		t.Errorf("resolved again from the store: %v, %v", again, err)
	}
}

func TestPinnedRootfs(t *testing.T) {
	f := newFetcher(t)
	f.Extra = []string{folder(t, "rootfs.tar.gz", gzipped(t, tarred(t)))}
	_, err := f.Resolve(t.Context(), lock.Input{
		Kind: lock.KindRootfs, Name: "b", Arch: "x86_64", URL: "https://example.invalid/rootfs.tar.gz", SHA256: sumOf(content),
	})
	wantError[*MismatchError](t, err)
	wantNotStored(t, f)
}

func TestRootfsFormat(t *testing.T) {
	archive := tarred(t)
	bad := map[string][]byte{
		"not gzip":        archive,
		"not tar":         gzipped(t, bytes.Repeat([]byte("x"), 4096)),
		"empty":           {},
		"truncated":       gzipped(t, archive)[:40],
		"truncated tar":   gzipped(t, archive[:512]),
		"second member":   append(gzipped(t, archive), gzipped(t, nil)...),
		"garbage":         append(gzipped(t, archive), 0),
		"data after tar":  gzipped(t, append(bytes.Clone(archive), 'x')),
		"second archive":  gzipped(t, append(bytes.Clone(archive), archive...)),
		"broken checksum": func() []byte { b := gzipped(t, archive); b[len(b)-8] ^= 1; return b }(),
		"up":              gzipped(t, entry(t, tar.Header{Name: "./../x"})),
		"absolute":        gzipped(t, entry(t, tar.Header{Name: "/etc/x"})),
		"link up":         gzipped(t, entry(t, tar.Header{Name: "x", Typeflag: tar.TypeLink, Linkname: "../etc/shadow"})),
	}
	for name, file := range bad {
		t.Run(name, func(t *testing.T) {
			f := newFetcher(t)
			f.Extra = []string{folder(t, "r", file)}
			in, err := f.Resolve(t.Context(), lock.Input{Kind: lock.KindRootfs, Name: "r", Arch: "x86_64", URL: "https://example.com/r"})
			wantError[*FormatError](t, err)
			if in.SHA256 != "" {
				t.Errorf("resolved to %v", in)
			}
			wantNotStored(t, f)
			wantClean(t, f)
		})
	}
}

// entry returns a tar archive with one entry.
func entry(t *testing.T, h tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := errors.Join(w.WriteHeader(&h), w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestLimitReader(t *testing.T) {
	_, err := io.Copy(io.Discard, &limitReader{r: bytes.NewReader(content), left: int64(len(content)) - 1, what: "x"})
	wantError[*LimitError](t, err)
	n, err := io.Copy(io.Discard, &limitReader{r: bytes.NewReader(content), left: int64(len(content)), what: "x"})
	if err != nil || n != int64(len(content)) {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func FuzzDiffID(f *testing.F) {
	var empty bytes.Buffer
	w := gzip.NewWriter(&empty)
	w.Write(make([]byte, 1024))
	w.Close()
	f.Add(empty.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := diffID(t.Context(), bytes.NewReader(b), "r"); (err == nil) != validSHA256(got) {
			t.Errorf("%q, %v", got, err)
		}
	})
}
