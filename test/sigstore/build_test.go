package sigstore

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBuild: tailsbuild build, with two real builds, signs as a job of GitLab's, and
// makes no release when the authority doesn't take the job's token.
func TestBuild(t *testing.T) {
	mirror := must[string](t)(filepath.Abs("../../../shared/mirror/alpine"))
	if _, err := os.Stat(mirror); err != nil || os.Getuid() != 0 {
		if os.Getenv("TAILSBUILD_REQUIRE_ALL") != "" || os.Getenv("CI") != "" {
			t.Fatal("there is no mirror of Alpine's, or no root")
		}
		t.Skip("needs root, and a mirror of Alpine's")
	}
	s := setup(t)
	dir := t.TempDir()
	check(t, os.MkdirAll(filepath.Join(dir, "recipes", "base"), 0o755))
	for name, content := range map[string]string{
		"tailsbuild.hcl":  "mirror \"https://dl-cdn.alpinelinux.org/alpine\" {\n  locations = [\"https://dl-cdn.alpinelinux.org/alpine\"]\n}\n",
		"base/recipe.hcl": "base \"base\" {\n  version = \"3.19.4\"\n  epoch   = 1725621600\n  summary = \"A base\"\n  rootfs {\n    url = \"https://dl-cdn.alpinelinux.org/alpine/v3.19/releases/${arch}/alpine-minirootfs-${self.version}-${arch}.tar.gz\"\n  }\n}\n",
	} {
		check(t, os.WriteFile(filepath.Join(dir, "recipes", name), []byte(content), 0o644))
	}
	run := func(code int, token string, args ...string) string {
		t.Helper()
		out, got, err := s.command([]string{"SIGSTORE_ID_TOKEN=" + token}, "tailsbuild",
			append(args, "--recipes", filepath.Join(dir, "recipes"), "--store", filepath.Join(dir, "store"), "--mirror", mirror)...)
		if got != code {
			t.Fatalf("exit %d, want %d: %v", got, code, err)
		}
		return out
	}
	build := []string{"build", "base", "--signing-config", s.config, "--trusted-root", s.root, "--progress", "quiet", "--output"}
	run(0, "", "lock", "base")

	refused := filepath.Join(dir, "refused")
	out := run(4, s.issuer.token(t, map[string]any{"aud": "others"}), append(build, refused)...)
	if !strings.Contains(out, "tailsbuild: hint: there is no release; the token has to be") {
		t.Error(out)
	}
	if _, err := os.Stat(filepath.Join(refused, "base")); err == nil {
		t.Error("there is a release all the same")
	}

	dist := filepath.Join(dir, "dist")
	out = run(0, s.issuer.token(t, nil), append(build, dist)...)
	for _, want := range []string{
		"signed     as " + subject, "known to   " + s.issuer.url, "seen by    a transparency log and a timestamp authority",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	policy := s.policy(t, signerWith(s.identity(subject, "release")), "trusted_root.json")
	s.tailsbuild(t, 0, "verify", filepath.Join(dist, "base"), "--policy", policy, "--reference", "registry.example/tails/base:3.19.4-r0")
}
