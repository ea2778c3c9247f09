package cli

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/release/releasetest"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// TestAuditExtent: it is said which image of a release was audited, under which name,
// and which wasn't. The release has no sealed inputs, so that nothing is built.
func TestAuditExtent(t *testing.T) {
	p := publish(t)
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	t.Chdir(t.TempDir())
	key := must[*sign.Key](t)(releasetest.Key())
	if err := os.WriteFile("tails.pub", key.Public().PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	rel := must[*release.Release](t)(releasetest.Index(context.Background(), must[string](t)(filepath.Abs("mqtt")), "for both", key))
	repo, _, _ := strings.Cut(p.tag, "/")
	tag, otherwise := repo+"/two/mqtt:2.7.9-r1", repo+"/two/sftp:9.9-r0"
	want(t, exitOK, "", "push", "mqtt", tag)
	want(t, exitOK, "", "push", "mqtt", otherwise)
	want(t, exitOK, "", "copy", tag, "one", "--platform", "linux/arm64")
	index := rel.Image.Digest.String()
	const arm = "linux/arm64"
	for _, test := range []struct {
		name string
		args []string
		want extent
	}{
		{"folder", []string{"mqtt"}, extent{Platform: "linux/amd64", Index: rel.Image.Digest, NotAudited: []string{arm}}},
		{"the other", []string{"mqtt", "--platform", arm}, extent{Platform: arm, Index: rel.Image.Digest, NotAudited: []string{"linux/amd64"}}},
		{"reference", []string{tag}, extent{Platform: "linux/amd64", Index: rel.Image.Digest, NotAudited: []string{arm}}},
		{"the other there", []string{tag, "--platform", arm}, extent{Platform: arm, Index: rel.Image.Digest, NotAudited: []string{"linux/amd64"}}},
		{"another name", []string{otherwise}, extent{Platform: "linux/amd64", Index: rel.Image.Digest, NotAudited: []string{arm}, CalledOtherwise: "sftp:9.9-r0"}},
		{"another repository", []string{repo + "/two/sftp@" + index}, extent{Platform: "linux/amd64", Index: rel.Image.Digest, NotAudited: []string{arm}, CalledOtherwise: "sftp"}},
		{"alone", []string{"one"}, extent{Platform: arm, Lacks: []string{"x86_64"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			args := append(append([]string{"audit"}, test.args...), "--key", "tails.pub", "--work", "work", "--progress", "quiet")
			code, stdout, stderr := run(append(args, "--format", "json")...)
			var got struct{ Audit extent }
			if err := json.Unmarshal([]byte(strings.Split(stdout, "\n")[1]), &got); err != nil {
				t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
			}
			if diff := cmp.Diff(test.want, got.Audit); code != exitInputs || diff != "" {
				t.Errorf("exit code %d, -want +got:\n%s\n%s", code, diff, stdout)
			}
			_, stdout, stderr = run(args...)
			lines := []string{"  platform   " + test.want.Platform + "\n"}
			if len(test.want.NotAudited) > 0 {
				lines = append(lines, "  besides    "+test.want.NotAudited[0]+", NOT AUDITED", test.args[0]+" for "+test.want.Platform+" is INPUTS-MISSING\n", "  of index   "+index+"\n")
			}
			if len(test.want.Lacks) > 0 {
				lines = append(lines, "  lacks      x86_64\n")
			}
			if called := test.want.CalledOtherwise; called != "" {
				lines = append(lines, "  warning    the reference calls it "+called+", it calls itself mqtt:2.7.9-r1\n")
			}
			for _, line := range lines {
				if !strings.Contains(stdout, line) {
					t.Errorf("no %q in\n%s%s", line, stdout, stderr)
				}
			}
		})
	}
	// Each has a report of its own, and all say the same in a row and in the state.
	before := must[[]string](t)(filepath.Glob("audit/mqtt-2.7.9-r1-*"))
	if len(before) != 7 {
		t.Errorf("%d reports: %q", len(before), before)
	}
	if err := os.WriteFile("list", []byte(otherwise+" "+index+"\none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		out := want(t, exitInputs, "", "audit", "--all", "list", "--since", "1h", "--key", "tails.pub", "--work", "work", "--progress", "quiet")
		for _, line := range []string{otherwise + "  linux/amd64; not audited: linux/arm64; the reference calls it sftp:9.9-r0; ", "one  lacks x86_64; "} {
			if !strings.Contains(out, line) {
				t.Errorf("no %q in\n%s", line, out)
			}
		}
	}
	page := string(must[[]byte](t)(os.ReadFile(filepath.Join(before[0], "report.html"))))
	if !strings.Contains(page, "<h1>mqtt:2.7.9-r1 for linux/") && !strings.Contains(page, "<th scope=\"row\">lacks</th>") {
		t.Error(page)
	}
}

// TestExpected: the digest that push prints is an index's, when there are several
// images.
func TestExpected(t *testing.T) {
	const image, index = "sha256:1", "sha256:2"
	for _, test := range []struct {
		expect, index digest.Digest
		same          bool
	}{
		{"", index, true},
		{image, index, true},
		{index, index, true},
		{"sha256:3", index, false},
		{index, "", false},
	} {
		a := &oneAudit{out: &audited{Image: image, Expected: test.expect, extent: extent{Index: test.index}}}
		if got := a.expected(); (len(got) == 0) != test.same {
			t.Errorf("%q of %q: %q", test.expect, test.index, got)
		}
	}
}
