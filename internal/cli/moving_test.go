package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/release/releasetest"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
)

// in returns what the parts of a path are below a folder of the test's own.
func in(t *testing.T, dir string, parts ...string) string {
	t.Helper()
	return filepath.Join(append([]string{dir}, parts...)...)
}

// want runs tailsbuild and wants an exit code, and text in what it says.
func want(t *testing.T, code int, text string, args ...string) string {
	t.Helper()
	got, stdout, stderr := run(args...)
	if got != code || !strings.Contains(stdout+stderr, text) {
		t.Fatalf("tailsbuild %s: exit %d, want %d and %q\n%s%s", strings.Join(args, " "), got, code, text, stdout, stderr)
	}
	return stdout
}

func absent(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if _, err := os.Lstat(path); !os.IsNotExist(err) {
			t.Errorf("%s is there: %v", path, err)
		}
	}
}

// TestPullFolder: a whole release, verified before it is there.
func TestPullFolder(t *testing.T) {
	p := publish(t)
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	dir := t.TempDir()
	out := want(t, exitOK, p.tag+" is in "+in(t, dir, "a"), "pull", p.tag, "--key", p.key, "--output", in(t, dir, "a"))
	if !strings.Contains(out, "is verified\n") || strings.Contains(out, "only copied") {
		t.Errorf("it says:\n%s", out)
	}
	want(t, exitOK, "is verified", "verify", in(t, dir, "a"), "--key", p.key)
	policy := policyOf(t, p.repo, p.key)
	want(t, exitOK, "is trusted", "pull", p.tag, "--policy", policy, "--output", in(t, dir, "deep", "b"))
	want(t, exitOK, `"verified":true`, "pull", p.digest, "--policy", policy, "--output", in(t, dir, "c"), "--format", "json")

	for name, c := range map[string]struct {
		code int
		args []string
	}{
		"other key":   {exitRefused, []string{p.tag, "--key", p.other}},
		"unsigned":    {exitRefused, []string{p.unsigned, "--key", p.key}},
		"other's":     {exitRefused, []string{p.tag, "--policy", policyOf(t, p.repo, p.other)}},
		"not there":   {exitOther, []string{p.repo + ":none", "--key", p.key}},
		"no registry": {exitUsage, []string{"mqtt:1", "--key", p.key}},
		"with engine": {exitUsage, []string{p.tag, "--key", p.key, "--engine", "podman"}},
		"no such key": {exitOther, []string{p.tag, "--key", "none.pub"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			want(t, c.code, "", append([]string{"pull", "--output", in(t, dir, "x")}, c.args...)...)
			absent(t, in(t, dir, "x"))
			if c.code == exitRefused {
				absent(t, in(t, dir, ".x.partial"))
			}
		})
	}
	for _, flag := range []string{"--skip-inputs", "--proxy=socks5h://127.0.0.1:9050"} {
		want(t, exitUsage, "is for --output", "pull", p.tag, "--key", p.key, flag)
	}
	// Something else in its place is left.
	check := in(t, dir, "thesis")
	if err := os.MkdirAll(in(t, check, "chapter"), 0o755); err != nil {
		t.Fatal(err)
	}
	want(t, exitOther, "is not an OCI image layout", "pull", p.tag, "--key", p.key, "--output", check)
}

// TestPullOtherAnswer: what is verified is what is pulled, although the tag becomes
// another image in between.
func TestPullOtherAnswer(t *testing.T) {
	p := publish(t)
	asked := 0
	p.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/manifests/2.7.9-r1") {
			if asked++; asked > 1 {
				r.URL.Path = strings.Replace(r.URL.Path, "2.7.9-r1", "unsigned", 1)
			}
		}
		return false
	}
	dir := in(t, t.TempDir(), "mqtt")
	_, sum, _ := strings.Cut(p.digest, "@")
	want(t, exitOK, sum, "pull", p.tag, "--key", p.key, "--output", dir)
	if asked != 1 {
		t.Errorf("the tag was asked for %d times", asked)
	}
	want(t, exitOK, sum, "verify", dir, "--key", p.key)
}

// TestCopy: between registries and folders, any way, and never as if it were verified.
func TestCopy(t *testing.T) {
	p, other := publish(t), publish(t)
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	dir := t.TempDir()
	there := strings.Replace(other.tag, "/tails/", "/mirror/", 1)
	want(t, exitOK, "only copied, not verified", "copy", p.tag, there)
	want(t, exitOK, "is verified", "verify", there, "--key", p.key)
	want(t, exitOK, "only copied", "copy", there, in(t, dir, "a"))
	want(t, exitOK, "only copied", "copy", in(t, dir, "a"), in(t, dir, "b"))
	want(t, exitOK, "is verified", "verify", in(t, dir, "b"), "--key", p.key)
	// Also what nobody signed.
	want(t, exitOK, "only copied", "copy", p.unsigned, in(t, dir, "unsigned"))
	// Over another release, as build does.
	want(t, exitOK, "only copied", "copy", p.unsigned, in(t, dir, "b"))
	want(t, exitRefused, "is not signed", "verify", in(t, dir, "b"), "--key", p.key)
	// A tag that was another's says so.
	out := want(t, exitOK, "only copied", "copy", p.unsigned, there)
	if _, sum, _ := strings.Cut(p.digest, "@"); !strings.Contains(out, "was        "+sum) {
		t.Errorf("it says:\n%s", out)
	}
	want(t, exitUsage, "is the folder to copy from", "copy", in(t, dir, "a"), in(t, dir, "a")+"/")
	want(t, exitUsage, "it has no tag", "copy", p.tag, p.digest)
	want(t, exitUsage, "--platform is for references", "copy", in(t, dir, "a"), there, "--platform", "linux/amd64")
	want(t, exitOther, "no such file", "copy", in(t, dir, "none"), there)
	want(t, exitUsage, "not a proxy", "copy", p.tag, there, "--proxy", "socks4://127.0.0.1:1")
}

// TestPushName: a recipe's name is a folder of releases.
func TestPushName(t *testing.T) {
	p := publish(t)
	t.Chdir(filepath.Dir(p.dir))
	if err := os.MkdirAll("dist", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS("dist/sftp", os.DirFS(p.dir)); err != nil {
		t.Fatal(err)
	}
	to := strings.Replace(p.tag, "/tails/", "/named/", 1)
	want(t, exitOK, to+" is sha256:", "push", "sftp", to)
	want(t, exitOK, to+" is sha256:", "push", "mqtt", to) // a release in the current folder
	want(t, exitOK, to+" is sha256:", "push", "sftp", to, "--releases", "./dist")
	want(t, exitOther, "dist/none", "push", "none", to)
	want(t, exitOther, "elsewhere/sftp", "push", "sftp", to, "--releases", "elsewhere")
	want(t, exitOK, `"sent":0`, "push", "sftp", to, "--format", "json")
}

// trustRoot writes what looks like a published trust root: nobody verifies a copy.
func trustRoot(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, signed string) string {
		b := []byte(`{"signatures":[{"keyid":"x","sig":"00"}],"signed":` + signed + `}`)
		if err := os.WriteFile(in(t, dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
		meta := must[[]byte](t)(json.Marshal(map[string]any{
			"version": 1, "length": len(b), "hashes": map[string]string{"sha256": digest.FromBytes(b).Encoded()},
		}))
		return string(meta)
	}
	const common = `"spec_version":"1.0.31","version":1,"expires":"2099-01-01T00:00:00Z"`
	write("1.root.json", `{"_type":"root",`+common+`,"consistent_snapshot":true,"keys":{},"roles":{}}`)
	targets := write("1.targets.json", `{"_type":"targets",`+common+`,"targets":{}}`)
	snapshot := write("1.snapshot.json", `{"_type":"snapshot",`+common+`,"meta":{"targets.json":`+targets+`}}`)
	write("timestamp.json", `{"_type":"timestamp",`+common+`,"meta":{"snapshot.json":`+snapshot+`}}`)
	return dir
}

// TestAirGap: releases and a trust root in one file, and out of it again.
func TestAirGap(t *testing.T) {
	p := publish(t)
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	dir, root := t.TempDir(), trustRoot(t)
	second := in(t, dir, "second")
	if _, err := releasetest.Release(context.Background(), second, "another", nil); err != nil {
		t.Fatal(err)
	}
	file := in(t, dir, "releases.tar")
	out := want(t, exitOK, "has 2 releases, only copied, not verified", "export", p.tag, second, file, "--trust", root)
	if !strings.Contains(out, "trust root sha256:") {
		t.Errorf("it says:\n%s", out)
	}
	absent(t, in(t, dir, ".releases.tar.parts"))
	// The same, from elsewhere and in another order, is the same file.
	again := in(t, dir, "again.tar")
	want(t, exitOK, digest.FromBytes(must[[]byte](t)(os.ReadFile(file))).String(), "export", second, p.dir, again, "--trust", root)
	if !bytes.Equal(must[[]byte](t)(os.ReadFile(file)), must[[]byte](t)(os.ReadFile(again))) {
		t.Error("exported again, it is another file")
	}
	want(t, exitOther, "nothing was overwritten", "export", p.dir, file)
	want(t, exitUsage, "is there twice", "export", p.dir, p.tag, in(t, dir, "twice.tar"))
	want(t, exitRefused, "timestamp.json is missing", "export", p.dir, in(t, dir, "x.tar"), "--trust", dir)
	absent(t, in(t, dir, "twice.tar"), in(t, dir, "x.tar"))

	to := in(t, dir, "in")
	out = want(t, exitOK, "2 releases, only copied, not verified", "import", file, to)
	entries := must[[]os.DirEntry](t)(os.ReadDir(to))
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if len(names) != 3 || !strings.HasPrefix(names[0], "mqtt-2.7.9-r1-") || !strings.HasPrefix(names[1], "mqtt-2.7.9-r1-") || names[2] != "trust" {
		t.Fatalf("there are %q\n%s", names, out)
	}
	var verified int
	for _, name := range names[:2] {
		if code, _, _ := run("verify", in(t, to, name), "--key", p.key); code == exitOK {
			verified++
		}
	}
	if verified != 1 {
		t.Errorf("%d are verified", verified)
	}
	got := must[[]trust.File](t)(trust.Collect(context.Background(), must[trust.Source](t)(trust.At(in(t, to, "trust"), trust.HTTPOptions{}))))
	wanted := must[[]trust.File](t)(trust.Collect(context.Background(), trust.Folder(root)))
	if len(got) != 4 || len(got) != len(wanted) || !bytes.Equal(got[3].Body, wanted[3].Body) {
		t.Errorf("the trust root has %d files", len(got))
	}
	// Imported again it is the same; another release isn't overwritten.
	want(t, exitOK, "2 releases", "import", file, to)
	single := in(t, dir, "single.tar")
	want(t, exitOK, "1 release", "export", p.dir, single)
	want(t, exitOK, in(t, dir, "one", "mqtt-2.7.9-r1"), "import", single, in(t, dir, "one"))
	other := in(t, dir, "other.tar")
	want(t, exitOK, "1 release", "export", second, other)
	want(t, exitOther, "is not overwritten", "import", other, in(t, dir, "one"))
	want(t, exitOK, "is verified", "verify", in(t, dir, "one", "mqtt-2.7.9-r1"), "--key", p.key)

	// Into a registry.
	prefix := strings.TrimSuffix(p.repo, "/tails/mqtt") + "/imported"
	want(t, exitOK, prefix+"/mqtt:2.7.9-r1", "import", single, prefix)
	want(t, exitOK, "is verified", "verify", prefix+"/mqtt:2.7.9-r1", "--key", p.key)
}

// TestImportRefused: a file that was torn or changed leaves nothing.
func TestImportRefused(t *testing.T) {
	p := publish(t)
	dir := t.TempDir()
	file := in(t, dir, "mqtt.tar")
	want(t, exitOK, "", "export", p.dir, file)
	good := must[[]byte](t)(os.ReadFile(file))
	flip := func(n int) []byte {
		b := bytes.Clone(good)
		b[n] ^= 1
		return b
	}
	for name, b := range map[string][]byte{
		"torn":            good[:len(good)/2],
		"without its end": good[:len(good)-1024],
		"appended":        append(bytes.Clone(good), "more"...),
		"a blob's bit":    flip(bytes.Index(good, []byte(`"predicateType"`)) + 3),
		"the name":        flip(bytes.Index(good, []byte("mqtt:2.7.9-r1")) + 5),
		"no tar":          []byte("hello"),
		"empty":           nil,
		"a folder's tar":  bytes.Replace(good, []byte("oci-layout\x00"), []byte("./oci-layo\x00"), 1),
	} {
		t.Run(name, func(t *testing.T) {
			bad, to := in(t, t.TempDir(), "bad.tar"), in(t, dir, "to")
			if err := os.WriteFile(bad, b, 0o644); err != nil {
				t.Fatal(err)
			}
			want(t, exitRefused, "bad.tar", "import", bad, to)
			want(t, exitRefused, "bad.tar", "import", bad, p.repo[:strings.Index(p.repo, "/")]+"/x")
			absent(t, to)
		})
	}
	want(t, exitOther, "no such file", "import", in(t, dir, "none.tar"))
	want(t, exitRefused, "not a regular file", "import", dir)
	if code, _, _ := run("verify", strings.Replace(p.tag, "/tails/", "/x/", 1), "--key", p.key); code != exitOther {
		t.Errorf("something of that is in the registry: %d", code)
	}
}

// TestFolderNames: whatever releases are called, their folders are below the one that
// was named, and no two are the same.
func TestFolderNames(t *testing.T) {
	p := publish(t)
	dir := t.TempDir()
	l := must[*oci.Layout](t)(oci.OpenLayout(p.dir))
	defer l.Close()
	index := must[[]ocispec.Descriptor](t)(l.Images())
	for name, folder := range map[string]string{
		"mqtt:2.7.9-r1": "mqtt-2.7.9-r1", "../../etc:1": "image-", "": "image-", "a/b:1": "image-", "mqtt": "image-", ".:.": "image-",
	} {
		file, to := in(t, t.TempDir(), "x.tar"), in(t, dir, digest.FromString(name).Encoded()[:8])
		image := index[0]
		image.Annotations = map[string]string{ocispec.AnnotationRefName: name}
		var blobs []ocispec.Descriptor
		m, _, err := l.ReadManifest(image)
		if err != nil {
			t.Fatal(err)
		}
		blobs = append(append(append(blobs, image), m.Config), m.Layers...)
		f := must[*os.File](t)(os.Create(file))
		if err := oci.WriteArchive(f, []ocispec.Descriptor{image}, blobs, l.Blob); err != nil {
			t.Fatal(err)
		}
		f.Close()
		want(t, exitOK, "", "import", file, to)
		entries := must[[]os.DirEntry](t)(os.ReadDir(to))
		if len(entries) != 1 || !strings.HasPrefix(entries[0].Name(), folder) {
			t.Errorf("%q: there are %v", name, entries)
		}
		absent(t, in(t, dir, "etc"), in(t, filepath.Dir(dir), "etc"))
	}
}
