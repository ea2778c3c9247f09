package cli

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// TestReferrersDeleted: a registry that has lost the signatures, or says so, makes a
// release unsigned and never more.
func TestReferrersDeleted(t *testing.T) {
	p := publish(t)
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	policy := policyOf(t, p.repo, p.key)
	for name, answer := range map[string]http.HandlerFunc{
		"no list": http.NotFound,
		"an empty one": func(w http.ResponseWriter, _ *http.Request) {
			sendManifest(w, ocispec.MediaTypeImageIndex, index(t, []ocispec.Descriptor{}))
		},
	} {
		p.before = func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/referrers/") && !strings.Contains(r.URL.Path, "/manifests/sha256-") {
				return false
			}
			answer(w, r)
			return true
		}
		for _, args := range [][]string{{"--policy", policy}, {"--key", p.key}} {
			code, stdout, stderr := run(append([]string{"verify", p.tag}, args...)...)
			if code != exitRefused || !strings.Contains(stdout+stderr, "is not signed") && !strings.Contains(stdout, "- not-signed: ") {
				t.Errorf("%s, %s: exit %d\n%s%s", name, args[0], code, stdout, stderr)
			}
		}
	}
	// A bundle alone that is gone is one that could say anything: it isn't left out.
	p.before = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/referrers/") {
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		return false
	}
	if code, stdout, stderr := run("verify", p.tag, "--policy", policy); code == exitOK || strings.Contains(stdout, "is trusted") {
		t.Errorf("a list that isn't shown: exit %d\n%s%s", code, stdout, stderr)
	}
}

func sendManifest(w http.ResponseWriter, mediaType string, body []byte) {
	w.Header().Set("Content-Type", mediaType)
	_, _ = w.Write(body)
}

// TestHostileRegistry: what a registry says is shown to a person without what a
// terminal would act on.
func TestHostileRegistry(t *testing.T) {
	p := publish(t)
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	policy := policyOf(t, p.repo, p.key)
	image := p.verified(t).Image
	platform := image
	platform.Platform = &ocispec.Platform{OS: evil, Architecture: evil, Variant: evil}
	typed := image
	typed.MediaType = evil
	for name, answer := range map[string]http.HandlerFunc{
		"platforms": func(w http.ResponseWriter, _ *http.Request) {
			sendManifest(w, ocispec.MediaTypeImageIndex, index(t, []ocispec.Descriptor{platform, platform}))
		},
		"media type": func(w http.ResponseWriter, _ *http.Request) {
			sendManifest(w, ocispec.MediaTypeImageIndex, index(t, []ocispec.Descriptor{typed}))
		},
		"keys": func(w http.ResponseWriter, _ *http.Request) {
			key, _ := json.Marshal(evil)
			sendManifest(w, ocispec.MediaTypeImageIndex, fmt.Appendf(nil, `{"schemaVersion":2,%s:1,%s:1}`, key, key))
		},
		"config": func(w http.ResponseWriter, _ *http.Request) {
			config := ocispec.Descriptor{MediaType: evil, Digest: digest.FromString("{}"), Size: 2}
			body, _ := json.Marshal(ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, Config: config, Layers: []ocispec.Descriptor{}})
			sendManifest(w, ocispec.MediaTypeImageManifest, body)
		},
		"header": func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = []string{"text/\u202e\u009b"}
			_, _ = w.Write([]byte("{}"))
		},
		"error": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]any{"code": evil, "message": evil}}})
		},
		"redirection": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://example.org/\u202e\u009b%1b%0aINJECTED", http.StatusFound)
		},
		"referrers": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", "<\u202e\u009b>; rel=\"other\"")
			sendManifest(w, ocispec.MediaTypeImageIndex, index(t, []ocispec.Descriptor{}))
		},
	} {
		p.before = func(w http.ResponseWriter, r *http.Request) bool {
			mine := strings.HasSuffix(r.URL.Path, "/manifests/evil") || name == "referrers" && strings.Contains(r.URL.Path, "/referrers/")
			if mine {
				answer(w, r)
			}
			return mine
		}
		ref := p.repo + ":evil"
		if name == "referrers" {
			ref = p.tag
		}
		for _, args := range [][]string{{"--policy", policy}, {"--key", p.key}, {"--key", p.key, "--platform", "linux/amd64"}, {"--key", p.key, "--format", "json"}} {
			args = append([]string{"verify", ref}, args...)
			code, stdout, stderr := run(args...)
			if code == exitOK || stdout+stderr == "" {
				t.Errorf("%s: exit %d\n%s%s", name, code, stdout, stderr)
			}
			clean(t, append(args, name), stdout, stderr)
		}
	}
}

// TestNoProgramForOthers: a program that holds keys is run when its user names a key
// of it on the command line, and by nothing that somebody else has written.
func TestNoProgramForOthers(t *testing.T) {
	p := publish(t)
	config, ran := t.TempDir(), filepath.Join(t.TempDir(), "ran")
	t.Setenv("XDG_CONFIG_HOME", config)
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	write := func(path, content string, mode fs.FileMode) string {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	program := write(filepath.Join(config, "sigstore-kms-evil"), "#!/bin/sh\necho ran >>"+ran+"\nexit 1\n", 0o755)
	write(filepath.Join(config, "tailsbuild", "keys.hcl"), fmt.Sprintf("scheme \"evil\" {\n  program = %q\n}\n", program), 0o644)
	t.Setenv("PATH", config+":"+os.Getenv("PATH"))
	const reference = "evil://key"
	if code, _, stderr := run("key", "show", reference); code == exitOK {
		t.Fatal(stderr)
	}
	if _, err := os.Stat(ran); err != nil {
		t.Fatalf("the program doesn't run where it should, so that the rest would show nothing: %v", err)
	}
	if err := os.Remove(ran); err != nil {
		t.Fatal(err)
	}

	// A release, a policy and a trust root with the reference wherever a key, or what
	// names one, can stand.
	dir := filepath.Join(t.TempDir(), "mqtt")
	if err := os.CopyFS(dir, os.DirFS(p.dir)); err != nil {
		t.Fatal(err)
	}
	v := p.verified(t)
	bundle := fmt.Sprintf(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":%q}},"dsseEnvelope":`+
		`{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"aaaa","keyid":%[1]q}]}}`, reference)
	f := newFlood(t, v.Image)
	f.list = f.bundles(t, v.Image, map[string]string{"tailsbuild.signer-key": reference, "dev.sigstore.key": reference}, []string{bundle})
	p.before = f.serve
	root := write(filepath.Join(t.TempDir(), "1.root.json"), fmt.Sprintf(`{"signatures":[{"keyid":%q,"sig":"00"}],"signed":{"_type":"root","spec_version":"1.0.31","version":1,`+
		`"expires":"2099-01-01T00:00:00Z","consistent_snapshot":true,"keys":{"00":{"keytype":"ecdsa","scheme":"ecdsa-sha2-nistp256","keyval":{"public":%[1]q},"x-tuf-on-ci-online-uri":%[1]q}},`+
		`"roles":{"root":{"keyids":["00"],"threshold":1}}}}`, reference), 0o644)
	scope := "scope \"**\" {\n  trust_root = \"x\"\n}\n"
	policy := write(filepath.Join(config, "policy.hcl"), fmt.Sprintf("trust_root \"x\" {\n  organisation = \"x\"\n  root = %q\n  sources = [%q]\n}\n", root, filepath.Dir(root))+scope, 0o644)
	signer := write(filepath.Join(config, "signer.hcl"), fmt.Sprintf("signer \"x\" {\n  organisation = \"x\"\n  key \"y\" {\n    public = %q\n  }\n}\n", reference)+
		strings.Replace(scope, "trust_root = \"x\"", "signers = [\"x\"]", 1), 0o644)
	public := write(filepath.Join(config, "x.pub"), reference, 0o644)
	for _, args := range [][]string{
		{"verify", p.tag, "--policy", policyOf(t, p.repo, p.key)},
		{"verify", p.tag, "--key", p.key},
		{"verify", p.tag, "--policy", policy},
		{"verify", dir, "--policy", policy},
		{"verify", dir, "--policy", signer},
		{"verify", dir, "--key", public},
		{"verify", dir, "--key", reference},
		{"policy", "check", signer},
		{"policy", "export", signer, "--for", "podman"},
		{"pull", p.tag, "--policy", policy},
		{"trust", "show", root},
		{"trust", "status", "--dir", filepath.Dir(root)},
	} {
		if code, stdout, _ := run(args...); code == exitOK && args[0] == "verify" {
			t.Errorf("%q: accepted\n%s", args, stdout)
		}
		if _, err := os.Stat(ran); err == nil {
			t.Fatalf("%q: the program was run", args)
		}
	}
}
