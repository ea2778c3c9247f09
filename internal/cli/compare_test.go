package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// TestCompareReferences: what a registry has is compared like what a folder has, by
// whatever it is called.
func TestCompareReferences(t *testing.T) {
	p := publish(t)
	for _, test := range []struct {
		a, b string
		code int
		want string
	}{
		{p.digest, p.dir, exitOK, "identical: sha256:"},
		{p.tag, p.digest, exitOK, " " + p.tag + "\n"},
		{p.tag, p.unsigned, exitDifferent, " " + p.unsigned + "\n"},
		{p.dir, p.repo + ":none", exitOther, ""},
		{p.dir, "localhost:1/none:1", exitOther, ""},
	} {
		code, stdout, stderr := run("compare", test.a, test.b)
		if code != test.code || !strings.Contains(stdout, test.want) {
			t.Errorf("%s %s: exit %d, want %d and %q\n%s%s", test.a, test.b, code, test.code, test.want, stdout, stderr)
		}
	}
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	run("compare", p.tag, p.unsigned)
	left, err := os.ReadDir(temp)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestCompareByDigest: what was not read is never called identical, and a manifest is
// read whatever its name says.
func TestCompareByDigest(t *testing.T) {
	p := publish(t)
	layout := must[*oci.Layout](t)(oci.OpenLayout(p.dir))
	defer layout.Close()
	images := must[[]ocispec.Descriptor](t)(layout.Images())
	m, _, err := layout.ReadManifest(images[0])
	if err != nil {
		t.Fatal(err)
	}
	damaged := func(d digest.Digest) string {
		dir := filepath.Join(t.TempDir(), "damaged")
		if err := os.CopyFS(dir, os.DirFS(p.dir)); err != nil {
			t.Fatal(err)
		}
		blob := filepath.Join(dir, "blobs", "sha256", d.Encoded())
		b := must[[]byte](t)(os.ReadFile(blob))
		b[len(b)/2] ^= 1
		if err := os.WriteFile(blob, b, 0o644); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	unread, wrong := damaged(m.Layers[0].Digest), damaged(images[0].Digest)
	tree := t.TempDir()
	for _, test := range []struct {
		a, b   string
		flags  []string
		code   int
		stdout string
	}{
		{p.dir, p.tag, nil, exitOK, "the same digest: " + images[0].Digest.String() + "\n"},
		{p.tag, p.digest, []string{"--platform", "linux/amd64"}, exitOK, "the same digest: "},
		{p.tag, p.digest, []string{"--json", "-"}, exitOK, `"identical":true`},
		{p.dir, unread, nil, exitOK, "the same digest: "},
		{p.dir, unread, []string{"--json", "-"}, exitOther, ""},
		{p.dir, wrong, nil, exitOther, ""},
		{p.dir, p.unsigned, nil, exitDifferent, "different: "},
		{tree, tree, nil, exitOK, "identical: "},
		{p.tag, p.repo + ":none", nil, exitOther, ""},
	} {
		code, stdout, stderr := run(append([]string{"compare", "--by-digest", test.a, test.b}, test.flags...)...)
		if code != test.code || !strings.Contains(stdout, test.stdout) || strings.Contains(stdout, "the same digest") != strings.HasPrefix(test.stdout, "the same digest") {
			t.Errorf("%s %s %v: exit %d, want %d and %q\n%s%s", test.a, test.b, test.flags, code, test.code, test.stdout, stdout, stderr)
		}
	}
}

func TestPager(t *testing.T) {
	dir := t.TempDir()
	shown := filepath.Join(dir, "shown")
	pager := filepath.Join(dir, "pager")
	if err := os.WriteFile(pager, []byte("#!/bin/sh\necho \"$LESS $*\"; cat\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	show := func() (string, bool) {
		f := must[*os.File](t)(os.Create(shown))
		defer f.Close()
		done, err := runPager(f, os.Stderr, "text\n")
		if done && err != nil {
			t.Fatal(err)
		}
		return string(must[[]byte](t)(os.ReadFile(shown))), done
	}
	t.Setenv("LESS", "")
	os.Unsetenv("LESS")
	for value, want := range map[string]string{pager + " -x  y": "FRX -x y\ntext\n", "cat": "", "": "", filepath.Join(dir, "none"): ""} {
		t.Setenv("PAGER", value)
		if got, done := show(); got != want || done != (want != "") {
			t.Errorf("PAGER=%q shows %q, %t, want %q", value, got, done, want)
		}
	}
	t.Setenv("PAGER", pager)
	t.Setenv("LESS", "S")
	if got, _ := show(); got != "S \ntext\n" {
		t.Errorf("with LESS, it shows %q", got)
	}
	// A pager that doesn't read is none to worry about.
	t.Setenv("PAGER", "true")
	f := must[*os.File](t)(os.Create(shown))
	defer f.Close()
	if _, err := runPager(f, os.Stderr, strings.Repeat("text\n", 1<<20)); err != nil {
		t.Error(err)
	}
}
