package cli

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTrustConfirm: a machine without a terminal signs what somebody has looked
// at, by its digest, and nothing else.
func TestTrustConfirm(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv(passwordVariable, "")
	runs := func(want int, args ...string) (stdout, stderr string) {
		t.Helper()
		code, stdout, stderr := run(args...)
		if code != want {
			t.Fatalf("%q: exit code %d, want %d\n%s%s", args, code, want, stdout, stderr)
		}
		return stdout, stderr
	}
	for _, name := range []string{"a", "ci"} {
		runs(0, "key", "new", "--out", name)
	}
	runs(0, "trust", "init", "--threshold", "1", "--root-key", "a.pub", "--snapshot-key", "ci.pub", "--timestamp-key", "ci.pub")
	digests := func() map[string]string {
		t.Helper()
		found := map[string]string{}
		for _, role := range []string{"root", "targets"} {
			out, _ := runs(4, "trust", "sign", role, "--key", "a.key", "--format", "json")
			for lines := bufio.NewScanner(strings.NewReader(out)); lines.Scan(); {
				var line struct {
					Review struct{ Role, Digest string }
				}
				if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
					t.Fatal(err)
				}
				if line.Review.Role != "" {
					found[line.Review.Role] = line.Review.Digest
				}
			}
		}
		if len(found) != 2 || len(found["root"]) != 64 {
			t.Fatalf("digests %v", found)
		}
		return found
	}
	seen := digests()
	for name, confirm := range map[string]string{
		"another file's": seen["targets"][:16],
		"too short":      seen["root"][:15],
		"nothing":        "",
		"too long":       seen["root"] + "0",
	} {
		if _, stderr := runs(4, "trust", "sign", "root", "--key", "a.key", "--confirm", confirm); !strings.Contains(stderr, "not signed") {
			t.Errorf("%s: %s", name, stderr)
		}
	}
	// What was looked at has changed meanwhile.
	runs(0, "trust", "expire", "root", "--expires", "500d")
	runs(4, "trust", "sign", "root", "--key", "a.key", "--confirm", seen["root"])
	if _, err := os.Stat(filepath.Join("trust", "metadata")); err == nil {
		t.Fatal("something is published")
	}
	seen = digests()
	out, _ := runs(0, "trust", "sign", "--all", "--key", "a.key", "--confirm", seen["root"][:16], "--confirm", seen["targets"])
	if !strings.Contains(out, "published 1.root.json\npublished 1.targets.json\n") {
		t.Errorf("published:\n%s", out)
	}
}

func TestParseExpiry(t *testing.T) {
	for _, s := range []string{"soon", "0d", "-1d", "1w", "1.5h", "100000d", "2027-13-01", "2027-01-01T00:00"} {
		if at, err := parseExpiry(s); err == nil {
			t.Errorf("%q is %s", s, at)
		}
	}
	for s, want := range map[string]time.Time{
		"":                          {},
		"2027-11-22":                time.Date(2027, 11, 22, 0, 0, 0, 0, time.UTC),
		"2027-11-22T12:00:00+01:00": time.Date(2027, 11, 22, 11, 0, 0, 0, time.UTC),
	} {
		if at, err := parseExpiry(s); err != nil || !at.Equal(want) {
			t.Errorf("%q is %s, %v", s, at, err)
		}
	}
	at, err := parseExpiry("36h")
	if left := time.Until(at); err != nil || left > 36*time.Hour || left < 35*time.Hour {
		t.Errorf("36h is %s, %v", at, err)
	}
}
