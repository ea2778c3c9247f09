package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/release/releasetest"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// sealedFor returns a release of an image with content, with a toolchain record, the key that verifies it, and
// one to sign audits with, for which there is a passphrase.
func sealedFor(t *testing.T, content string, output lock.Output) (dir, public, own string) {
	t.Helper()
	base := t.TempDir()
	dir, public, own = filepath.Join(base, "mqtt"), filepath.Join(base, "tails.pub"), filepath.Join(base, "own.key")
	key := must[*sign.Key](t)(releasetest.Key())
	must[*release.Release](t)(releasetest.Sealed(context.Background(), dir, content, key, output))
	private, _, err := sign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	for path, b := range map[string][]byte{public: key.Public().PEM(), own: private} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv(passwordVariable, "")
	t.Chdir(base)
	return dir, public, own
}

// TestAuditToolchain: what differs is said before anything is built.
func TestAuditToolchain(t *testing.T) {
	output := lock.CurrentOutput()
	output.Compatibility, output.BuildKit = 7, "v0.99.0"
	dir, public, own := sealedFor(t, "content", output)
	code, stdout, stderr := run("audit", dir, "--key", public, "--work", "work", "--progress", "quiet",
		"--own-key", own, "--builder-id", "https://rebuild.example/v1", "--publish", "statements")
	const why = "tailsbuild's output version is 7 in the release and 1 here, so that one plan gives other bytes; " +
		"BuildKit is v0.99.0 in the release and v0.34.2 here, which may write layers and configs otherwise"
	if code != exitToolchain || !strings.Contains(stdout, " is TOOLCHAIN-MISMATCH\n") || !strings.Contains(stdout, "  reason     "+why+"\n") ||
		!strings.Contains(stdout, "  toolchain  output 7, BuildKit v0.99.0 ") || !strings.Contains(stderr, "--other-toolchain") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if files, _ := filepath.Glob("statements/sha256-*/index.json"); len(files) != 1 {
		t.Errorf("statements: %q", files)
	}
	// All the same: but these recipes are none that this tailsbuild can read.
	code, stdout, stderr = run("audit", dir, "--key", public, "--work", "work", "--progress", "quiet", "--other-toolchain")
	if code != exitToolchain || !strings.Contains(stdout, "  here       "+why+"\n") || !strings.Contains(stdout, "  reason     recipes/") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

// TestAuditUnreadable: a recipe that was built, and that this tailsbuild can't read,
// is for another tailsbuild.
func TestAuditUnreadable(t *testing.T) {
	dir, public, _ := sealedFor(t, "content", lock.CurrentOutput())
	code, stdout, stderr := run("audit", dir, "--key", public, "--work", "work", "--progress", "quiet")
	if code != exitToolchain || !strings.Contains(stdout, " is TOOLCHAIN-MISMATCH\n") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

// TestOwnOutput: a lock for another toolchain record is planned for this one's only
// where that is asked for.
func TestOwnOutput(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../recipes")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "dhcp", lock.FileName)
	b := must[[]byte](t)(os.ReadFile(path))
	b = bytes.Replace(b, []byte("compatibility          = 1"), []byte("compatibility          = 7"), 1)
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	p := must[*project](t)(newApp(nil, io.Discard, io.Discard).openProject(recipeFlags{dir: dir}))
	lk := must[*lock.File](t)(p.readLock("dhcp"))
	if l, err := p.loadFor("dhcp", "x86_64", lk); err == nil {
		t.Errorf("planned for %+v", l.plan.Output())
	}
	p.ownOutput = true
	l := must[*loaded](t)(p.loadFor("dhcp", "x86_64", lk))
	if l.plan.Output() != lock.CurrentOutput() || l.lock.Output.Compatibility != 7 {
		t.Errorf("planned for %+v of %+v", l.plan.Output(), l.lock.Output)
	}
}

// TestAuditPage: what comes from outside is text in the page, and nothing else.
func TestAuditPage(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src="https://evil.example/x">`
	o := &audited{
		Target: evil, Name: evil, Image: digest.FromString("x"), Outcome: evidence.Different, Reason: evil,
		Source: &sourced{Dir: evil, Differs: []string{evil}}, Signer: evil, Variation: map[string]string{evil: evil}, Log: []string{evil},
		comparison: evil,
	}
	dir := t.TempDir()
	if err := o.write(dir); err != nil {
		t.Fatal(err)
	}
	page := string(must[[]byte](t)(os.ReadFile(filepath.Join(dir, "report.html"))))
	for _, bad := range []string{"<script", "<img", `src="`, "javascript:"} {
		if strings.Contains(page, bad) {
			t.Errorf("%s in\n%s", bad, page)
		}
	}
	if !strings.Contains(page, "&lt;script&gt;") || !strings.Contains(page, "default-src &#39;none&#39;") && !strings.Contains(page, "default-src 'none'") {
		t.Error(page)
	}
}

// TestReportSchema: the schema has every field of the report, and no other.
func TestReportSchema(t *testing.T) {
	var schema struct {
		Properties map[string]any `json:"properties"`
	}
	b := must[[]byte](t)(os.ReadFile("../../docs/schemas/audit/report-v1.json"))
	if err := json.Unmarshal(b, &schema); err != nil {
		t.Fatal(err)
	}
	want := []string{"version"}
	for _, of := range []reflect.Type{reflect.TypeFor[audited](), reflect.TypeFor[extent]()} {
		for field := range of.Fields() {
			if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
				want = append(want, name)
			}
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(schema.Properties))); diff != "" {
		t.Errorf("-report +schema:\n%s", diff)
	}
}

// TestReplaceReport: a report replaces a report, and nothing else.
func TestReplaceReport(t *testing.T) {
	dir := t.TempDir()
	report := filepath.Join(dir, "report")
	fresh := func(content string) string {
		temp := must[string](t)(os.MkdirTemp(dir, ".audit-"))
		if err := os.WriteFile(filepath.Join(temp, reportFile), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return temp
	}
	for _, content := range []string{"one", "two"} {
		if err := replaceReport(fresh(content), report); err != nil {
			t.Fatal(err)
		}
		if got := must[[]byte](t)(os.ReadFile(filepath.Join(report, reportFile))); string(got) != content {
			t.Errorf("%s, want %s", got, content)
		}
	}
	if entries := must[[]os.DirEntry](t)(os.ReadDir(dir)); len(entries) != 1 {
		t.Errorf("%v", entries)
	}
	mine := filepath.Join(dir, "mine")
	if err := os.Mkdir(mine, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(mine, "notes"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := replaceReport(fresh("three"), mine); err == nil {
		t.Error("replaced somebody's folder")
	}
}
