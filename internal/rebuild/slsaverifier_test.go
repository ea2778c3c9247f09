package rebuild_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/programtest"
	"gitlab.com/tailsbuild/tailsbuild/internal/rebuild"
)

// slsaVerifier returns the slsa-verifier that the module slsa pins, as it is.
func slsaVerifier(t *testing.T) string {
	t.Helper()
	binary, err := programtest.Program{
		Folder: "../../slsa", Module: "github.com/slsa-framework/slsa-verifier/v2", Package: "cli/slsa-verifier",
	}.Build(ctx)
	orSkip(t, err)
	return binary
}

// orSkip skips the test for an error, or fails it where nothing may be skipped.
func orSkip(t *testing.T, err error) {
	t.Helper()
	if err != nil && os.Getenv("TAILSBUILD_REQUIRE_ALL") == "" && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	check(t, err)
}

// envelope writes the DSSE envelope of a summary's bundle, which is what
// slsa-verifier reads, and returns the file.
func envelope(t *testing.T, all []rebuild.Statement) string {
	t.Helper()
	summary := all[len(all)-1]
	if summary.PredicateType != evidence.SummaryType {
		t.Fatalf("the last statement is %s", summary.PredicateType)
	}
	var bundle struct{ DSSEEnvelope json.RawMessage }
	check(t, json.Unmarshal(summary.Bundle, &bundle))
	file := filepath.Join(t.TempDir(), "envelope.json")
	check(t, os.WriteFile(file, bundle.DSSEEnvelope, 0o600))
	return file
}

// TestSLSAVerifier has slsa-verifier check what a rebuilder says.
func TestSLSAVerifier(t *testing.T) {
	binary := slsaVerifier(t)
	_, image, all := stated(t)
	resource := must[*evidence.Summary](t)(evidence.ParseSummary(all[1].Body)).Resource
	bad := must[[]rebuild.Statement](t)(compared(t, "other", now).State(ctx, key(t, auditor), who, nil))
	pub, otherPub := filepath.Join(t.TempDir(), "own.pub"), filepath.Join(t.TempDir(), "other.pub")
	check(t, os.WriteFile(pub, key(t, auditor).Public().PEM(), 0o600))
	check(t, os.WriteFile(otherPub, key(t, other).Public().PEM(), 0o600))
	args := map[string]string{
		"--attestation-path": envelope(t, all),
		"--public-key-path":  pub,
		"--subject-digest":   image.Digest.String(),
		"--verifier-id":      who.Builder,
		"--resource-uri":     resource.String(),
		"--verified-level":   evidence.LevelRebuilt,
	}
	for name, test := range map[string]struct{ flag, value, wrong string }{
		"as it is":       {},
		"another key":    {"--public-key-path", otherPub, "no valid signature"},
		"another image":  {"--subject-digest", "sha256:" + strings.Repeat("0", 64), "expected digest not found"},
		"another id":     {"--verifier-id", "https://other.example/v1", "verifier ID mismatch"},
		"another name":   {"--resource-uri", "pkg:oci/other", "resource URI mismatch"},
		"another level":  {"--verified-level", "SLSA_BUILD_LEVEL_3", "expected SLSA level not found"},
		"not reproduced": {"--attestation-path", envelope(t, bad), "verification result is not Passed"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(ctx, binary, "verify-vsa")
			for flag, value := range args {
				if flag == test.flag {
					value = test.value
				}
				cmd.Args = append(cmd.Args, flag, value)
			}
			out, err := cmd.CombinedOutput()
			if passed := err == nil && strings.Contains(string(out), "PASSED"); passed != (test.flag == "") || !strings.Contains(string(out), test.wrong) {
				t.Errorf("slsa-verifier: %v\n%s", err, out)
			}
		})
	}
}

// TestSLSAVerifierProvenance has the slsa-verifier that knows tailsbuild's builders
// check the provenance of a rebuild, in its bundle.
func TestSLSAVerifierProvenance(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "slsa-verifier")
	orSkip(t, programtest.Build(ctx, binary, "../../slsa", ".", nil))
	_, image, all := stated(t)
	bundle, pub, otherPub := filepath.Join(dir, "bundle"), filepath.Join(dir, "own.pub"), filepath.Join(dir, "other.pub")
	check(t, os.WriteFile(bundle, all[0].Bundle, 0o600))
	check(t, os.WriteFile(pub, key(t, auditor).Public().PEM(), 0o600))
	check(t, os.WriteFile(otherPub, key(t, other).Public().PEM(), 0o600))
	source := "https://example.org/rootfs.tar.gz"
	for name, test := range map[string]struct{ key, builder, image, source, want string }{
		"as it is":        {pub, who.Builder, image.Digest.String(), source, "PASSED"},
		"another key":     {otherPub, who.Builder, image.Digest.String(), source, "no valid signature"},
		"another builder": {pub, evidence.BuilderPrefix + "a", image.Digest.String(), source, "builderID does not match"},
		"another image":   {pub, who.Builder, "sha256:" + strings.Repeat("0", 64), source, "artifact hash does not match"},
		"another source":  {pub, who.Builder, image.Digest.String(), source + "x", "source used to generate the binary does not match"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(ctx, binary, "verify-image", "registry.example/tails/mqtt@"+test.image, "--provenance-path", bundle,
				"--public-key-path", test.key, "--builder-id", test.builder, "--source-uri", test.source,
				"--build-workflow-input", "published="+image.Digest.String(), "--build-workflow-input", "lock="+now.Made.Lock.String())
			out, err := cmd.CombinedOutput()
			if (err == nil) != (test.want == "PASSED") || !strings.Contains(string(out), test.want) {
				t.Errorf("slsa-verifier: %v\n%s", err, out)
			}
		})
	}
}
