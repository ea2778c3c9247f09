package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"gitlab.com/tailsbuild/tailsbuild/internal/declared"
	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
)

func TestInspect(t *testing.T) {
	p := publish(t)
	about := []string{
		"  recipe     mqtt 2.7.9-r1 for x86_64", "  tests      1 passed: answers", "  privileges none",
		"  support    alpine-3.19 3.19.4, until 2099-11-01", "  contains   musl 1.2.4-r2, MIT",
	}
	for _, c := range []struct {
		args []string
		want []string // of stdout
		loud bool
	}{
		{[]string{p.dir}, append([]string{"says of itself, UNVERIFIED", "statement  sbom        signed with key", "which came with it"}, about...), true},
		{[]string{p.dir, "--key", p.key}, append([]string{"is verified", "as all that follows", "  statement  sbom\n"}, about...), false},
		{[]string{p.tag}, append([]string{"says of itself, UNVERIFIED"}, about...), true},
		{[]string{p.digest, "--key", p.key}, append([]string{"is verified"}, about...), false},
		{[]string{p.dir + "-unsigned"}, append([]string{"UNVERIFIED", "statement  tests       not signed\n"}, about...), true},
		{[]string{p.unsigned}, append([]string{"UNVERIFIED", "statement  tests       not signed\n"}, about...), true},
	} {
		code, stdout, stderr := run(append([]string{"inspect"}, c.args...)...)
		if code != exitOK || strings.Contains(stderr, "NOTHING of this is verified") != c.loud {
			t.Errorf("%q: exit %d, stderr %s", c.args, code, stderr)
		}
		for _, want := range c.want {
			if !strings.Contains(stdout, want) {
				t.Errorf("%q: no %q in\n%s", c.args, want, stdout)
			}
		}
	}
	for _, args := range [][]string{
		{p.dir, "--key", p.other}, {p.tag, "--key", p.other}, {p.dir + "-unsigned", "--key", p.key},
	} {
		if code, stdout, _ := run(append([]string{"inspect"}, args...)...); code != exitRefused || stdout != "" {
			t.Errorf("%q: exit %d, stdout %s", args, code, stdout)
		}
	}
	for _, args := range [][]string{
		{p.dir, "--sbom", "--statement", "sbom"}, {p.dir, "--sbom", "--format", "json"}, {p.dir, "--platform", "linux/amd64"}, {},
	} {
		if code, _, _ := run(append([]string{"inspect"}, args...)...); code != exitUsage {
			t.Errorf("%q: exit %d", args, code)
		}
	}
}

func TestInspectRaw(t *testing.T) {
	p := publish(t)
	code, doc, _ := run("inspect", p.dir, "--sbom", "--key", p.key)
	var spdx struct{ SpdxVersion, DocumentNamespace string }
	if err := json.Unmarshal([]byte(doc), &spdx); code != exitOK || err != nil || spdx.SpdxVersion != "SPDX-2.3" {
		t.Fatalf("exit %d, %v: %s", code, err, doc)
	}
	// The same from the registry, without a key, from what isn't signed.
	for _, args := range [][]string{{p.tag}, {p.digest, "--key", p.key}} {
		if _, again, _ := run(append([]string{"inspect", "--sbom"}, args...)...); again != doc {
			t.Errorf("%q: another SBOM", args)
		}
	}
	for statement, n := range map[string]int{
		"provenance": 2, "comparison": 1, "signature": 1, "declaration": 1, "tests": 1, "sbom": 1, evidence.SBOMType: 1,
	} {
		code, out, _ := run("inspect", p.dir, "--statement", statement)
		if lines := strings.Split(strings.TrimSpace(out), "\n"); code != exitOK || len(lines) != n || !json.Valid([]byte(lines[0])) {
			t.Errorf("%s: exit %d, %d lines", statement, code, len(lines))
		}
	}
	code, out, stderr := run("inspect", p.dir, "--statement", "vsa")
	if code != exitOther || out != "" || !strings.Contains(stderr, "has no statement vsa") || !strings.Contains(stderr, evidence.SBOMType) {
		t.Errorf("exit %d, stderr %s", code, stderr)
	}
	// By an unsigned release there is no signature.
	if code, _, _ := run("inspect", p.dir+"-unsigned", "--statement", "signature"); code != exitOther {
		t.Errorf("exit %d", code)
	}
}

func TestInspectJSON(t *testing.T) {
	p := publish(t)
	code, out, _ := run("inspect", p.dir, "--key", p.key, "--format", "json")
	var got struct {
		Inspection struct {
			Verified    bool
			Key         string
			Tests       []string
			Statements  []struct{ PredicateType, Signature string }
			Packages    []struct{ Name, Version, License, PURL string }
			Declaration struct{ Base struct{ EndOfSupport string } }
		}
	}
	line := out[strings.Index(out, "\n")+1:]
	if err := json.Unmarshal([]byte(line), &got); code != exitOK || err != nil {
		t.Fatalf("exit %d, %v: %s", code, err, out)
	}
	i := got.Inspection
	if !i.Verified || i.Key == "" || len(i.Tests) != 1 || len(i.Statements) != 7 || len(i.Packages) != 1 || i.Declaration.Base.EndOfSupport != "2099-11-01" {
		t.Errorf("%+v", i)
	}
	if p := i.Packages[0]; p.Name != "musl" || p.PURL != "pkg:apk/alpine/musl@1.2.4-r2?arch=x86_64" {
		t.Errorf("%+v", p)
	}
}

// TestInspectHostile: what a release says can't act on a terminal, or be taken for a
// line of ours.
func TestInspectHostile(t *testing.T) {
	const bad = "x\x1b[2J\u202e\n  signed     with key of Tails"
	i := &inspected{
		Inspection: &release.Inspection{Dir: "dist", Claimed: bad, Statements: []release.Carried{{PredicateType: bad, Key: bad, Signature: release.SignatureBad}}},
		Builders:   []string{bad}, Tests: []string{bad}, Privileges: []declared.Privilege{{Kind: bad, Name: bad, Reason: bad}},
		Declaration: &evidence.Declaration{
			Base: evidence.Base{Name: bad, Version: bad}, About: evidence.About{Summary: bad, Client: bad, Connect: bad},
			Service: declared.Service{Ports: []declared.Port{{Name: bad}}, Volumes: []declared.Volume{{Path: bad}}},
		},
		Packages: []packaged{{Name: bad, Version: bad, License: bad}}, sbom: &evidence.SBOM{},
	}
	var out bytes.Buffer
	i.text(&out)
	if strings.ContainsAny(out.String(), "\x1b\u202e") || strings.Contains(out.String(), "\n  signed ") {
		t.Error(out.String())
	}
	for _, want := range []string{"UNVERIFIED", "BAD signature", "which isn't known, and so what equals root on the host"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
