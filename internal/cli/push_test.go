package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitlab.com/tailsbuild/tailsbuild/internal/release/releasetest"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// TestPush: a release goes to a registry and is verified from there. (What podman
// says of the signed name is in test/interop.)
func TestPush(t *testing.T) {
	p := publish(t)
	t.Setenv(passwordVariable, "")
	dir := t.TempDir()
	private, public, err := sign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	keyFile := filepath.Join(dir, "new.key")
	for path, b := range map[string][]byte{keyFile: private, publicPath(keyFile): public} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rel := filepath.Join(dir, "mqtt")
	if _, err := releasetest.Release(context.Background(), rel, "new", must[*sign.Key](t)(sign.OpenKey(private, nil))); err != nil {
		t.Fatal(err)
	}
	ref := strings.Replace(p.tag, "/tails/", "/new/", 1)
	code, stdout, stderr := run("push", rel, ref, "--key", keyFile)
	if code != exitOK || !strings.HasPrefix(stdout, ref+" is sha256:") || !strings.Contains(stdout, ", signed as that\n") {
		t.Errorf("%d, %s%s", code, stdout, stderr)
	}
	if code, _, stderr := run("verify", ref, "--key", publicPath(keyFile)); code != exitOK {
		t.Errorf("%d, %s", code, stderr)
	}
	none := strings.Replace(p.tag, "/tails/", "/none/", 1)
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"another key's":  {[]string{p.dir, none, "--key", keyFile}, exitRefused, "no signature of the image by this key"},
		"unsigned":       {[]string{p.dir + "-unsigned", none, "--key", keyFile}, exitRefused, "is not signed"},
		"another name":   {[]string{rel, none + "0", "--key", keyFile}, exitUsage, "doesn't end in /mqtt:2.7.9-r1"},
		"no tag":         {[]string{rel, strings.Replace(p.digest, "/tails/", "/none/", 1)}, exitUsage, "it has no tag"},
		"no release":     {[]string{dir, none}, exitOther, "no such file"},
		"no such key":    {[]string{rel, none, "--key", "none.key"}, exitOther, "none.key"},
		"one argument":   {[]string{rel}, exitUsage, "accepts 2 arg(s)"},
		"public for key": {[]string{rel, none, "--key", p.key}, exitUsage, "PEM block"},
	} {
		code, stdout, stderr := run(append([]string{"push"}, c.args...)...)
		if code != c.code || stdout != "" || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: %d, %s%s", name, code, stdout, stderr)
		}
	}
	// Nothing of that is in the registry.
	if code, _, stderr := run("verify", none, "--key", publicPath(keyFile)); code != exitOther || !strings.Contains(stderr, "404") {
		t.Errorf("%d, %s", code, stderr)
	}
}
