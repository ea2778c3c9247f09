package builder

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// TestSpecialModes: setuid, setgid and sticky files are as declared.
func TestSpecialModes(t *testing.T) {
	pair := built(t, service(`
  user "try" { uid = 12000 }
  file "/usr/bin/setuid" {
    content = "one"
    mode    = "4755"
    owner   = "try"
  }
  file "/opt/new/setgid" {
    content = "two"
    mode    = "2711"
  }
  file "/opt/new/sticky" {
    content = "three"
    mode    = "1600"
  }`))
	if pair.A.Image.Digest != pair.B.Image.Digest {
		t.Errorf("the builds made %s and %s", pair.A.Image.Digest, pair.B.Image.Digest)
	}
	layer := topLayer(t, pair.A)
	for name, want := range map[string]entry{
		"usr/bin/setuid": {Mode: 0o4755, UID: 12000, GID: 12000, Content: "one"},
		"opt/new/setgid": {Mode: 0o2711, Content: "two"},
		"opt/new/sticky": {Mode: 0o1600, Content: "three"},
		"opt/new":        {Mode: 0o755},
	} {
		if got := layer[name]; got != want {
			t.Errorf("%s is %+v, want %+v", name, got, want)
		}
	}
}

// TestStripZip: leading elements of a zip archive's paths are left out, as tar does.
func TestStripZip(t *testing.T) {
	needBuilders(t)
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, content := range map[string]string{"top": "0", "a-1/one": "1", "a-1/.hidden": "2", "a-1/sub/two": "3", ".b/-three": "4"} {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	dir, opts := t.TempDir(), testOptions(t)
	if err := os.WriteFile(filepath.Join(dir, "a.zip"), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	fetcher := &inputs.Fetcher{Store: opts.Store, Mirrors: []inputs.Mirror{{Upstream: "https://example.org", Locations: []string{dir}}}}
	in := resolved(t, fetcher, lock.Input{Kind: lock.KindHTTP, Name: "a", URL: "https://example.org/a.zip"})
	r := decode(t, service(`
  source "http" "a" {
    url   = "https://example.org/a.zip"
    strip = 1
  }
  build {
    run = "cd $SRC_a && find . | sort >$OUT/list && cat one sub/two ./-three >$OUT/all"
  }`))
	lk := &lock.File{Recipe: r.Name, Output: lock.CurrentOutput(), Inputs: []lock.Input{in, alpineInput}}
	plan, err := NewPlan([]*recipe.Recipe{r, decode(t, alpine)}, lk, "x86_64", nil)
	if err != nil {
		t.Fatal(err)
	}
	result, err := BuildOne(t.Context(), "a", plan, opts)
	if err != nil {
		fail(t, err)
	}
	layer := topLayer(t, result)
	if got, want := layer["list"].Content, ".\n./-three\n./.hidden\n./one\n./sub\n./sub/two\n"; got != want {
		t.Errorf("the source has %q, want %q", got, want)
	}
	if got := layer["all"].Content; got != "134" {
		t.Errorf("the files have %q, want 134", got)
	}
}
