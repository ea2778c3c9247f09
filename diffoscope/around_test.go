package diffoscope

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
)

// TestAround: what is around identical images makes them no different, and what differs
// there is said.
func TestAround(t *testing.T) {
	const (
		index  = "index.json, which is around the images and not part of them, differs"
		marker = "oci-layout, which is around the images and not part of them, differs"
		around = "the tar around the images, which is not part of them, differs: "
	)
	folder := func(change func(dir string)) string {
		dir := newTestImage().write(t)
		if change != nil {
			change(dir)
		}
		times(t, dir)
		return dir
	}
	replace := func(name, was, is string) func(string) {
		return func(dir string) {
			b, err := os.ReadFile(filepath.Join(dir, name))
			check(t, err)
			check(t, os.WriteFile(filepath.Join(dir, name), bytes.Replace(b, []byte(was), []byte(is), 1), 0o644))
		}
	}
	add := func(name, body string) func(string) {
		return func(dir string) { check(t, os.WriteFile(filepath.Join(dir, name), []byte(body), 0o644)) }
	}
	pipe := func(dir string) { check(t, unix.Mkfifo(filepath.Join(dir, "pipe"), 0o644)) }
	annotated := folder(replace("index.json", `"size":`, `"annotations":{"a":"b"},"size":`))
	changed := func(path, was, is string) string {
		b, err := os.ReadFile(path)
		check(t, err)
		return writeFile(t, append(bytes.Replace(b, []byte(was), []byte(is), 1), "x"...), "")
	}
	plain := tarOf(t, folder(nil), "")
	docker := dockerSave(t, newTestImage(), "")
	for name, test := range map[string]struct {
		a, b string
		want []string // beginnings
	}{
		"nothing":           {folder(nil), folder(nil), nil},
		"annotations":       {folder(nil), annotated, []string{index}},
		"marker":            {folder(nil), folder(replace("oci-layout", "{", `{"x":1,`)), []string{marker}},
		"blob":              {folder(nil), folder(add("blobs/sha256/"+strings.Repeat("0", 64), "x")), []string{"blobs that are not part of the images differ: 1, the first "}},
		"file":              {folder(add("x", "1")), folder(add("x", "2")), []string{"files that are not part of the images differ: 1, the first \"x\""}},
		"the same file":     {folder(add("x", "1")), folder(add("x", "1")), nil},
		"pipes":             {folder(pipe), folder(pipe), []string{"files that are not part of the images, and can't be read: 1, "}},
		"tar":               {plain, tarOf(t, folder(nil), ""), nil},
		"appended":          {plain, changed(plain, "", ""), []string{around}},
		"compressed":        {plain, tarOf(t, folder(nil), "gzip"), []string{around}},
		"annotated tar":     {plain, tarOf(t, annotated, ""), []string{around, index}},
		"folder and tar":    {folder(nil), plain, []string{"the images are stored as an OCI layout in a folder in A, as an OCI layout in a tar in B"}},
		"docker":            {docker, dockerSave(t, newTestImage(), ""), nil},
		"docker's tags":     {docker, changed(docker, `"a:b"`, `"c:d"`), []string{around, "manifest.json, which is around the images and not part of them, differs"}},
		"docker compressed": {docker, dockerSave(t, newTestImage(), "gzip"), []string{around}},
	} {
		c := compareAny(t, test.a, test.b)
		if !c.Identical() || c.AroundDiffers() != (len(test.want) > 0 && name != "pipes") {
			t.Errorf("%s: identical %t, around %t: %q", name, c.Identical(), c.AroundDiffers(), leaves(c, false))
		}
		if !slices.EqualFunc(c.Skipped, test.want, strings.HasPrefix) {
			t.Errorf("%s: got %q, want %q", name, c.Skipped, test.want)
		}
		var b bytes.Buffer
		check(t, WriteText(&b, c))
		if got := b.String(); strings.HasPrefix(got, "identical images: sha256:") != c.AroundDiffers() || len(test.want) > 0 && !strings.Contains(got, "  "+test.want[0]) {
			t.Errorf("%s: %s", name, got)
		}
	}
	fetched := openAny(t, annotated)
	fetched.SetFetched("registry.example.org/x")
	c, err := CompareAny(t.Context(), openAny(t, folder(nil)), fetched, cause.Builds{})
	check(t, err)
	if c.AroundDiffers() || c.B().Path != "registry.example.org/x" {
		t.Errorf("fetched: %q", c.Skipped)
	}
}
