package filetype

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestZstd(t *testing.T) {
	need(t, "zstd")
	dir := run(t, `yes | head -c 300000 >f; zstd -q f; zstd -q --no-check --stream-size=5 -19 -c </dev/null >e.zst
zstd -qc <f >s.zst; cat s.zst f.zst >both.zst; printf '\120\052\115\030\003\000\000\000abc' >>both.zst; printf rest >>both.zst; zstd -q --ultra -22 --long=27 -c <f >l.zst`)
	f := parse(t, "f.zst", read(t, dir, "f.zst"))
	want(t, f, "content size", "300000", "checksum", "true")
	if got := content(t, f, "content"); len(got) != 300000 {
		t.Errorf("got %d bytes", len(got))
	}
	f = parse(t, "both.zst", read(t, dir, "both.zst"))
	want(t, f, "content size", "unknown", "frame/content size", "300000")
	if got := content(t, f, "content"); len(got) != 600000 {
		t.Errorf("got %d bytes", len(got))
	}
	if got := content(t, f, "skippable frame") + content(t, f, "trailer"); got != "abcrest" {
		t.Errorf("got %q", got)
	}
	limit := tooLarge(t, "l.zst", read(t, dir, "l.zst"), Limits{Memory: 1 << 20})
	if limit == nil {
		t.Error("a window of 128 MiB was no problem")
	}
}

// tooLarge returns the LimitError that reading the content has.
func tooLarge(t *testing.T, name string, data []byte, l Limits) *LimitError {
	t.Helper()
	f, err := Parse(name, bytes.NewReader(data), l)
	if err != nil {
		t.Fatal(err)
	}
	r, err := part(t, f, "content").Open()
	if err == nil {
		defer r.Close()
		_, err = io.Copy(io.Discard, r)
	}
	var limit *LimitError
	if !errors.As(err, &limit) {
		t.Errorf("%s: %v", name, err)
	}
	return limit
}

func TestXz(t *testing.T) {
	need(t, "xz")
	dir := run(t, `yes | head -c 3000000 >f; xz -k f; xz -9 -T2 --block-size=1000000 -Csha256 -c f >t.xz; xz -c --check=none --x86 --lzma2 f >x.xz
xz -0 -Ccrc32 -c </dev/null >e.xz; cat f.xz t.xz e.xz >all.xz; printf '\000\000\000\000' >>all.xz; head -c 33000000 /dev/zero | xz -9 >big.xz`)
	f := parse(t, "f.xz", read(t, dir, "f.xz"))
	want(t, f, "check", "CRC64", "dictionary size", "8388608", "filters", "lzma2", "blocks", "1")
	if got := content(t, f, "content"); len(got) != 3000000 {
		t.Errorf("got %d bytes", len(got))
	}
	f = parse(t, "t.xz", read(t, dir, "t.xz"))
	want(t, f, "check", "SHA-256", "dictionary size", "67108864", "blocks", "3", "block size", "1000000")
	if got := content(t, f, "content"); len(got) != 3000000 {
		t.Errorf("got %d bytes", len(got))
	}
	f = parse(t, "all.xz", read(t, dir, "all.xz"))
	want(t, f, "streams", "3", "blocks", "4")
	if got := content(t, f, "content"); len(got) != 6000000 {
		t.Errorf("got %d bytes", len(got))
	}
	want(t, parse(t, "x.xz", read(t, dir, "x.xz")), "filters", "x86 lzma2", "check", "none")
	tooLarge(t, "big.xz", read(t, dir, "big.xz"), Limits{})
	data := read(t, dir, "f.xz")
	data[len(data)-40] ^= 1
	r, err := part(t, parse(t, "f.xz", data), "content").Open()
	if err != nil {
		t.Fatal(err)
	}
	var format *FormatError
	if _, err := io.Copy(io.Discard, r); !errors.As(err, &format) {
		t.Errorf("got %v", err)
	}
}

func TestBzip2(t *testing.T) {
	need(t, "bzip2")
	dir := run(t, `printf hello >f; bzip2 -k5 f; bzip2 -c </dev/null >e.bz2`)
	f := parse(t, "f.bz2", read(t, dir, "f.bz2"))
	want(t, f, "level", "5")
	if got := content(t, f, "content"); got != "hello" {
		t.Errorf("got %q", got)
	}
	if got := content(t, parse(t, "e.bz2", read(t, dir, "e.bz2")), "content"); got != "" {
		t.Errorf("got %q", strings.ToUpper(got))
	}
}
