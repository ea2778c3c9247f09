package cli

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/internal/programtest"
)

// standIn is a podman that writes down how it was called.
func standIn(t *testing.T) (calls func() string) {
	t.Helper()
	dir := t.TempDir()
	log := filepath.Join(dir, "calls")
	script := "#!/bin/sh\necho \"$@\" >>" + log + "\n[ \"$1\" != image ] || echo " + strings.Repeat("0", 64) + "\n"
	if err := os.WriteFile(filepath.Join(dir, "podman"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return func() string {
		b, err := os.ReadFile(log)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return string(b)
	}
}

// policyOf writes a policy by which key signs what is in a registry.
func policyOf(t *testing.T, pattern, keyFile string) string {
	t.Helper()
	key := must[[]byte](t)(os.ReadFile(keyFile))
	file := filepath.Join(t.TempDir(), "policy.hcl")
	src := "signer \"us\" {\n  organisation = \"us\"\n  key \"2026\" {\n    public = <<-EOT\n" + string(key) + "    EOT\n  }\n}\n" +
		"scope \"" + pattern + "\" {\n  signers = [\"us\"]\n  transparency_log = \"optional\"\n  timestamp = \"optional\"\n" +
		"  end_of_support = \"refuse\"\n  privileges {\n    highest_tier = 3\n  }\n}\n"
	if err := os.WriteFile(file, []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestPullRefuses: what verify refuses never reaches the engine.
func TestPullRefuses(t *testing.T) {
	p := publish(t)
	calls := standIn(t)
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	others := policyOf(t, p.repo, p.other)
	elsewhere := policyOf(t, "registry.example/tails/mqtt", p.key)
	for name, c := range map[string]struct {
		args []string
		code int
	}{
		"other key":          {[]string{p.tag, "--key", p.other}, exitRefused},
		"unsigned":           {[]string{p.unsigned, "--key", p.key}, exitRefused},
		"unsigned by digest": {[]string{p.digest, "--key", p.other}, exitRefused},
		"not there":          {[]string{p.repo + ":none", "--key", p.key}, exitOther},
		"policy of others":   {[]string{p.tag, "--policy", others}, exitRefused},
		"no scope":           {[]string{p.tag, "--policy", elsewhere}, exitRefused},
		"no terminal":        {[]string{p.unsigned, "--policy", others, "--accept"}, exitRefused},
		"no such policy":     {[]string{p.tag, "--policy", "missing.hcl"}, exitOther},
		"no tag":             {[]string{p.repo, "--key", p.key}, exitUsage},
		"no registry":        {[]string{"mqtt:1", "--key", p.key}, exitUsage},
		"folder":             {[]string{p.dir, "--key", p.key}, exitUsage},
		"both":               {[]string{p.tag, "--key", p.key, "--policy", others}, exitUsage},
		"other engine":       {[]string{p.tag, "--key", p.key, "--engine", "skopeo"}, exitUsage},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := Main(append([]string{"pull"}, c.args...), nil, &stdout, &stderr)
			if code != c.code {
				t.Errorf("exit %d, want %d\n%s%s", code, c.code, stdout.String(), stderr.String())
			}
			if got := calls(); got != "" {
				t.Errorf("the engine was called:\n%s", got)
			}
		})
	}
}

// TestPull: what is pulled is what was verified, by digest.
func TestPull(t *testing.T) {
	p := publish(t)
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	want := "pull --quiet --tls-verify=false " + p.digest + "\nimage inspect --format {{.Id}} " + p.digest +
		"\ntag " + p.digest + " " + p.tag + "\nimage inspect --format {{.Id}} " + p.tag + "\n"
	for name, args := range map[string][]string{
		"key":    {"--key", p.key},
		"policy": {"--policy", policyOf(t, p.repo, p.key)},
	} {
		t.Run(name, func(t *testing.T) {
			calls := standIn(t)
			var stdout, stderr bytes.Buffer
			if code := Main(append([]string{"pull", p.tag}, args...), nil, &stdout, &stderr); code != 0 {
				t.Fatalf("exit %d\n%s%s", code, stdout.String(), stderr.String())
			}
			if got := calls(); got != want {
				t.Errorf("called:\n%swant:\n%s", got, want)
			}
			if !strings.HasSuffix(stdout.String(), "podman has "+p.digest+"\n  tagged     "+p.tag+"\n") {
				t.Errorf("stdout:\n%s", stdout.String())
			}
		})
	}
}

// skipInChroot skips a test, or fails where none may be, when the engine says that it
// can't unpack here: in a chroot, no mount can be changed.
func skipInChroot(t *testing.T, stderr string) {
	t.Helper()
	if !strings.Contains(stderr, "remount /, flags") {
		return
	}
	if os.Getenv("TAILSBUILD_REQUIRE_ALL") != "" {
		t.Fatalf("the engine can't unpack in a chroot:\n%s", stderr)
	}
	t.Skip("the engine can't unpack in a chroot")
}

// TestPullPodman: with the real one, into storage of its own.
func TestPullPodman(t *testing.T) {
	if _, err := exec.LookPath("podman"); err != nil || os.Geteuid() != 0 {
		if os.Getenv("TAILSBUILD_REQUIRE_ALL") != "" {
			t.Fatalf("podman, as root: %v", err)
		}
		t.Skipf("podman, as root: %v", err)
	}
	p := publish(t)
	dir := t.TempDir()
	config := filepath.Join(dir, "storage.conf")
	text := "[storage]\ndriver = \"vfs\"\ngraphroot = \"" + dir + "/graph\"\nrunroot = \"" + dir + "/run\"\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CONTAINERS_STORAGE_CONF", config)
	// Podman wants a file where docker can do without.
	if err := os.WriteFile(filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code := Main([]string{"pull", p.tag, "--key", p.key, "--engine", "podman"}, nil, &stdout, &stderr)
	skipInChroot(t, stderr.String())
	if code != 0 {
		t.Fatalf("exit %d\n%s%s", code, stdout.String(), stderr.String())
	}
	out, err := exec.Command("podman", "image", "inspect", "--format", "{{.Digest}}", p.tag).CombinedOutput()
	if err != nil || !strings.HasSuffix(p.digest, "@"+strings.TrimSpace(string(out))) {
		t.Errorf("podman has %s, want %s: %v", out, p.digest, err)
	}
}

// TestPullDocker: with the real one, whose daemon is the test's own.
func TestPullDocker(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	d, err := programtest.StartDocker(ctx, t.TempDir())
	if err != nil {
		if os.Getenv("TAILSBUILD_REQUIRE_ALL") != "" {
			t.Fatal(err)
		}
		t.Skipf("docker's daemon, as root: %v", err)
	}
	defer d.Stop()
	t.Setenv("DOCKER_HOST", d.Host)
	p := publish(t)
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	has := func() string {
		t.Helper()
		return string(must[[]byte](t)(exec.CommandContext(ctx, "docker", "image", "ls", "--digests", "--format", "{{.Repository}}:{{.Tag}} {{.Digest}}").Output()))
	}
	for name, args := range map[string][]string{
		"another key":      {p.tag, "--key", p.other},
		"unsigned":         {p.unsigned, "--key", p.key},
		"policy of others": {p.tag, "--policy", policyOf(t, p.repo, p.other)},
	} {
		if code, stdout, stderr := run(append([]string{"pull", "--engine", "docker"}, args...)...); code != exitRefused && code != exitForeign {
			t.Errorf("%s: exit %d\n%s%s", name, code, stdout, stderr)
		}
	}
	if got := has(); got != "" {
		t.Errorf("docker has what was refused:\n%s", got)
	}
	for name, args := range map[string][]string{
		"key":    {"--key", p.key},
		"policy": {"--policy", policyOf(t, p.repo, p.key)},
	} {
		code, stdout, stderr := run(append([]string{"pull", p.tag, "--engine", "docker"}, args...)...)
		skipInChroot(t, stderr)
		if code != exitOK || !strings.HasSuffix(stdout, "docker has "+p.digest+"\n  tagged     "+p.tag+"\n") {
			t.Errorf("%s: exit %d\n%s%s", name, code, stdout, stderr)
		}
	}
	_, digest, _ := strings.Cut(p.digest, "@")
	if want := p.tag + " " + digest; !strings.Contains(has(), want) {
		t.Errorf("docker has\n%swant %s", has(), want)
	}
}
