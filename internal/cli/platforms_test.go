package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/release/releasetest"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// TestPlatforms: a release for several platforms goes everywhere as a whole, keeps its
// digest, and is verified as a whole or, in a registry, for one platform.
func TestPlatforms(t *testing.T) {
	p := publish(t)
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	t.Setenv(passwordVariable, "")
	dir := t.TempDir()
	private, public, err := sign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, pub := in(t, dir, "my.key"), in(t, dir, "my.pub")
	for file, content := range map[string][]byte{key: private, pub: public} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	made := must[*sign.Key](t)(sign.OpenKey(private, nil))
	built := in(t, dir, "mqtt")
	rel := must[*release.Release](t)(releasetest.Index(context.Background(), built, "for both", made))
	index, arm := rel.Image.Digest.String(), rel.Platforms[1].Image.Digest.String()
	policy := policyOf(t, "**", pub)

	// In a folder, every image.
	out := want(t, exitOK, "index      "+index, "verify", built, "--key", pub)
	if strings.Count(out, "  platform   ") != 2 {
		t.Errorf("it says:\n%s", out)
	}
	out = want(t, exitOK, "of index   "+index, "verify", built, "--policy", policy)
	if strings.Count(out, " is trusted\n") != 2 || !strings.Contains(out, arm) {
		t.Errorf("it says:\n%s", out)
	}
	want(t, exitRefused, "for linux/amd64: ", "verify", built, "--key", p.key)
	want(t, exitRefused, "2 of 2 releases are not trusted", "verify", built, "--policy", policyOf(t, "**", p.key))
	out = want(t, exitOK, "index      "+index, "inspect", built, "--key", pub)
	if strings.Count(out, " is verified\n") != 2 {
		t.Errorf("it says:\n%s", out)
	}

	// Pushed as a whole, with a name for each image and the index.
	tag := strings.Replace(p.tag, ":2.7.9-r1", "-both/mqtt:2.7.9-r1", 1)
	want(t, exitOK, index+", signed as that", "push", built, tag, "--key", key)
	repo, _, _ := strings.Cut(tag, ":2.7.9")
	for _, ref := range []string{tag, repo + "@" + index} {
		want(t, exitOK, "image      "+arm, "verify", ref, "--key", pub, "--platform", "linux/arm64")
		want(t, exitOK, "image      "+arm, "verify", ref, "--policy", policy, "--platform", "linux/arm64")
		want(t, exitUsage, "--platform", "verify", ref, "--key", pub, "--platform", "linux/riscv64")
	}

	// And taken back, in every way, with the same index and all names.
	want(t, exitOK, "is verified", "pull", tag, "--key", pub, "--output", in(t, dir, "pulled"))
	want(t, exitOK, "is trusted", "pull", repo+"@"+index, "--policy", policy, "--output", in(t, dir, "judged"))
	want(t, exitRefused, "", "pull", tag, "--key", p.key, "--output", in(t, dir, "refused"))
	absent(t, in(t, dir, "refused"), in(t, dir, ".refused.partial"))
	want(t, exitOK, "only copied", "copy", tag, in(t, dir, "copied"))
	want(t, exitOK, "only copied", "copy", in(t, dir, "copied"), strings.Replace(tag, "-both", "-again", 1))
	want(t, exitOK, "only copied", "export", strings.Replace(tag, "-both", "-again", 1), in(t, dir, "file.tar"))
	want(t, exitOK, "only copied", "import", in(t, dir, "file.tar"), in(t, dir, "imported"))
	for _, folder := range []string{"pulled", "judged", "copied", "imported/mqtt-2.7.9-r1"} {
		want(t, exitOK, "index      "+index, "verify", in(t, dir, folder), "--key", pub)
	}
	for n, folder := range map[int]string{3: "copied", 0: "imported/mqtt-2.7.9-r1"} {
		entries := must[[]byte](t)(os.ReadFile(filepath.Join(dir, folder, "index.json")))
		if got := strings.Count(string(entries), `.sig"`); got != n {
			t.Errorf("%s has the names of %d, want %d", folder, got, n)
		}
	}
	// One platform alone is a release, which lacks the other.
	want(t, exitOK, "only copied", "copy", tag, in(t, dir, "one"), "--platform", "linux/arm64")
	want(t, exitOK, "lacks      x86_64", "verify", in(t, dir, "one"), "--key", pub)
}
