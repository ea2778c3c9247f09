package cli

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

// TestAuditFile: what is wrong with an export file is said of the file, with what to do.
func TestAuditFile(t *testing.T) {
	dir, public, _ := sealedFor(t, "content", lock.CurrentOutput())
	other, _, _ := sealedFor(t, "other", lock.CurrentOutput())
	t.Chdir(t.TempDir())
	want(t, exitOK, "only copied", "export", dir, "one.tar")
	want(t, exitOK, "only copied", "export", dir, other, "two.tar")
	whole := must[[]byte](t)(os.ReadFile("one.tar"))
	flipped := bytes.Clone(whole)
	flipped[bytes.Index(whole, []byte{0x1f, 0x8b})+20] ^= 1 // in the layer
	if err := os.WriteFile("flipped.tar", flipped, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args   string
		code   int
		stderr []string
	}{
		{"verify one.tar --key PUB", exitUsage, []string{"one.tar is a file", "hint: take what is in it out first, tailsbuild import one.tar DIR"}},
		{"verify one.tar", exitUsage, []string{"one.tar is a file"}},
		{"inspect one.tar", exitUsage, []string{"one.tar is a file"}},
		{"audit one.tar --key PUB --work work --progress quiet", exitToolchain, []string{"one.tar is TOOLCHAIN-MISMATCH"}},
		{"audit two.tar --key PUB --work work --progress quiet", exitUsage, []string{"error: two.tar has 2 releases, and one is wanted: mqtt:2.7.9-r1, mqtt:2.7.9-r1\n", "tailsbuild import two.tar DIR"}},
		{"audit flipped.tar --key PUB --work work --progress quiet", exitRefused, []string{"error: flipped.tar: blob sha256:"}},
	} {
		code, stdout, stderr := run(strings.Fields(strings.ReplaceAll(test.args, "PUB", public))...)
		for _, part := range test.stderr {
			if code != test.code || !strings.Contains(stderr, part) {
				t.Errorf("%s: exit code %d, no %q in\n%s%s", test.args, code, part, stdout, stderr)
			}
		}
		if strings.Count(stderr, "blob sha256:") > 1 {
			t.Errorf("%s: a blob is named twice:\n%s", test.args, stderr)
		}
	}
	// Of several, the usage of one is that of one.
	if err := os.WriteFile("list", []byte("two.tar\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	want(t, exitUsage, "2 releases", "audit", "--all", "list", "--since", "1h", "--key", public, "--work", "work", "--progress", "quiet")
}
