package cli

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/release/releasetest"
)

// TestAuditWords: what is missing is named, and what an auditor can do about it.
func TestAuditWords(t *testing.T) {
	dir, public, own := sealedFor(t, "content", lock.CurrentOutput())
	must[*release.Release](t)(releasetest.Release(context.Background(), dir+"-unsigned", "content", nil))
	signed := " --own-key " + own + " --builder-id https://rebuild.example/v1"
	for _, test := range []struct {
		args, passphrase string
		code             int
		want             []string
	}{
		{dir + signed, "wrong", exitUsage, []string{"wrong passphrase", "hint: see what TAILSBUILD_PASSWORD or"}},
		{dir + "-unsigned", "", exitRefused, []string{"is not signed", "hint: what nobody signed can't be audited"}},
	} {
		t.Setenv(passwordVariable, test.passphrase)
		code, stdout, stderr := run(strings.Fields("audit " + test.args + " --key " + public + " --work work --progress quiet")...)
		for _, part := range test.want {
			if code != test.code || !strings.Contains(stderr, part) || stdout != "" {
				t.Errorf("%s: exit code %d, no %q\n%s%s", test.args, code, part, stdout, stderr)
			}
		}
	}
	// By a policy, nobody is asked to accept it either.
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	code, _, stderr := run("audit", dir+"-unsigned", "--policy", policyOf(t, "**", public), "--reference", "mqtt", "--work", "work", "--progress", "quiet")
	if code != exitRefused || strings.Contains(stderr, "--accept") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}

// TestReveal: which commitment isn't there is said, and of several audits it is none.
func TestReveal(t *testing.T) {
	dir := t.TempDir()
	inputs := digest.FromString("inputs")
	for _, reveal := range []string{dir, filepath.Join(dir, "nowhere")} {
		u := &auditor{flags: auditFlags{reveal: reveal}}
		s, err := u.reveal(inputs)
		if o := outcomeOf(err); s != nil || o.code != exitUsage || !strings.Contains(o.hint, "audit commit") || !strings.Contains(err.Error(), inputs.String()) || !strings.Contains(err.Error(), "there is no "+reveal) {
			t.Errorf("%v, %v, %+v", s, err, o)
		}
	}
	u := &auditor{flags: auditFlags{reveal: dir, many: manyFlags{all: "list"}}}
	if s, err := u.reveal(inputs); s != nil || err != nil {
		t.Errorf("%v, %v", s, err)
	}
}

// TestOurOwn: that a release in a registry has sealed inputs is nothing to warn of.
func TestOurOwn(t *testing.T) {
	p := publish(t)
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	dir, public, _ := sealedFor(t, "content", lock.CurrentOutput())
	host, _, _ := strings.Cut(p.tag, "/")
	ref := host + "/sealed/mqtt:2.7.9-r1"
	want(t, exitOK, "", "push", dir, ref)
	for _, args := range []string{"verify --key PUB", "verify --policy POLICY", "pull --key PUB --output a", "pull --policy POLICY --output b", "inspect", "inspect --key PUB"} {
		args = strings.NewReplacer("PUB", public, "POLICY", policyOf(t, "**", public)).Replace(args)
		code, stdout, stderr := run(append(strings.Fields(args), ref)...)
		if code != exitOK || strings.Contains(stdout+stderr, "ignored") {
			t.Errorf("%s: exit code %d\n%s%s", args, code, stdout, stderr)
		}
	}
}

// TestNoSuchHelp: there is no help for what there isn't.
func TestNoSuchHelp(t *testing.T) {
	for args, code := range map[string]int{"nosuch --help": exitUsage, "key nosuch -h": exitUsage, "audit --help": exitOK, "audit x --help": exitOK, "key --help": exitOK, "--help": exitOK} {
		got, stdout, stderr := run(strings.Fields(args)...)
		if got != code || (stdout == "") != (code != exitOK) {
			t.Errorf("%s: exit code %d\n%s%s", args, got, stdout, stderr)
		}
	}
	want(t, exitUsage, "it has a scheme", "push", "x", "http://127.0.0.1:5000/x:1")
}
