package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

func TestSince(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for s, want := range map[string]time.Time{
		"": {}, "7d": now.AddDate(0, 0, -7), "90m": now.Add(-90 * time.Minute),
		"2026-11-01": time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), "2026-11-01T08:00:00Z": time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC),
	} {
		if got, err := sinceTime(s, now); err != nil || !got.Equal(want) {
			t.Errorf("%q is %s, %v", s, got, err)
		}
	}
	for _, s := range []string{"yesterday", "-1h", "0s", "-7d", "d", "99999999d"} {
		if got, err := sinceTime(s, now); err == nil {
			t.Errorf("%q is %s", s, got)
		}
	}
}

func TestCatalogue(t *testing.T) {
	sum := "sha256:" + strings.Repeat("0", 64)
	got, err := parseCatalogue("list", []byte("# ours\n\n  a/b:1 \r\nc "+sum+"\n{\"target\": \"d e\", \"expect\": \""+sum+"\"}\n{\"target\":\"f\"}"))
	if err != nil || len(got) != 4 || got[0].Target != "a/b:1" || got[1].Expect.String() != sum || got[2].Target != "d e" || got[3].Expect != "" {
		t.Errorf("%+v, %v", got, err)
	}
	for src, want := range map[string]string{
		"a\na":                         `list:2: "a" is on line 1 already`,
		"a b c":                        "list:1: more than",
		"a sha256:00":                  "is no digest",
		"a sha512:" + sum[7:]:          "is no digest",
		`{"target":"a","target":"b"}`:  "duplicate key",
		`{"target":"a","more":"b"}`:    `"more" is neither`,
		`{"target":1}`:                 "list:1:",
		`{"expect":"` + sum + `"}`:     "no release",
		`{"target":"a"`:                "list:1:",
		strings.Repeat("a\n", 3) + "#": "already",
	} {
		if got, err := parseCatalogue("list", []byte(src)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v, want %q", src, got, err, want)
		}
	}
}

func FuzzCatalogue(f *testing.F) {
	f.Add([]byte("a sha256:" + strings.Repeat("0", 64) + "\n{\"target\":\"b\"}\n# c\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := parseCatalogue("list", b)
		if err != nil {
			return
		}
		// What was read can be written as JSON, and is read as the same.
		var again bytes.Buffer
		for _, c := range all {
			fields := map[string]string{"target": c.Target}
			if c.Expect != "" {
				fields["expect"] = string(c.Expect)
			}
			line, err := json.Marshal(fields)
			if err != nil {
				t.Fatal(err)
			}
			again.Write(append(line, '\n'))
		}
		back, err := parseCatalogue("list", again.Bytes())
		if err != nil || len(back) != len(all) {
			t.Fatalf("%q: %v", again.Bytes(), err)
		}
		for i := range all {
			if back[i] != all[i] {
				t.Fatalf("%+v, want %+v", back[i], all[i])
			}
		}
	})
}

// TestAuditAll: several audits, none of which needs a builder here. What the network
// is to blame for is tried again, all else is gone on past, and what has an outcome
// isn't done again.
func TestAuditAll(t *testing.T) {
	dir, public, _ := sealedFor(t, "content", lock.Output{Compatibility: 7, BuildKit: "v0.99.0", BuildKitCompatibility: 30, Compression: "gzip"})
	old := retryPause
	retryPause = time.Millisecond
	defer func() { retryPause = old }()
	var down, asked atomic.Int32
	handler := registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Method == http.MethodGet && down.Add(-1) >= 0 {
			w.WriteHeader(http.StatusTeapot) // the client alone tries others again
			return
		}
		handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	ref := strings.TrimPrefix(server.URL, "http://") + "/tails/mqtt:2.7.9-r1"
	push(t, dir, ref)
	list := dir + "\n" + ref + "\nnowhere\nnowhere/else\n"
	if err := os.WriteFile("list", []byte(list), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"audit", "--all", "list", "--key", public, "--work", "work", "--progress", "quiet", "--jobs", "2", "--retries", "2"}
	down.Store(1)
	code, stdout, stderr := run(args...)
	if code != exitToolchain || !strings.Contains(stdout, "TOOLCHAIN-MISMATCH  "+ref+"  tailsbuild's output version is 7 in the release") ||
		!strings.Contains(stdout, "TOOLCHAIN-MISMATCH  "+dir+"  ") || !strings.Contains(stdout, "FAILED              nowhere  ") ||
		!strings.Contains(stdout, ": 2 toolchain-mismatch, 2 failed\n") {
		t.Errorf("exit code %d\n%s\n%s", code, stdout, stderr)
	}
	if n := strings.Count(stderr, "it is tried again"); n != 5 { // the registry once, two others twice
		t.Errorf("%d retries:\n%s", n, stderr)
	}
	// The next one has only what had no outcome, and what is another image now. What it
	// leaves out is as it was.
	code, stdout, stderr = run(append(args, "--since", "1h", "--retries", "0")...)
	if code != exitToolchain || !strings.Contains(stdout, "TOOLCHAIN-MISMATCH  "+ref+"  tailsbuild's output version is 7 in the release") ||
		!strings.Contains(stdout, "otherwise; as audited at 20") ||
		!strings.Contains(stdout, ": 2 toolchain-mismatch, 2 failed; 2 audited before, and skipped\n") ||
		!strings.Contains(stderr, "error: not all releases are reproduced: 2 toolchain-mismatch, 2 failed; 2 audited") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	other, _, _ := sealedFor(t, "other", lock.CurrentOutput())
	push(t, other, ref)
	t.Chdir(filepath.Dir(public))
	before := asked.Load()
	code, stdout, _ = run(append(args, "--since", "1h", "--retries", "0", "--format", "json")...)
	if code != exitRefused || !strings.Contains(stdout, `"outcome":"refused","code":4`) || !strings.Contains(stdout, `"skipped":true`) || !strings.Contains(stdout, `"audits":{"releases":4,"outcomes":{"failed":2,"refused":1,"toolchain-mismatch":1},"skipped":1`) {
		t.Errorf("exit code %d, %d requests\n%s", code, asked.Load()-before, stdout)
	}
	// A torn line is that of a machine that stopped.
	state := filepath.Join("audit", "audits.jsonl")
	b := must[[]byte](t)(os.ReadFile(state))
	if lines := bytes.Count(b, []byte("\n")); lines != 4+2+3 {
		t.Errorf("%d lines:\n%s", lines, b)
	}
	if err := os.WriteFile(state, b[:len(b)-10], 0o644); err != nil {
		t.Fatal(err)
	}
	if code, stdout, stderr = run(append(args, "--since", "1h", "--retries", "0")...); code != exitRefused {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if err := os.WriteFile(state, []byte("{}{\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr = run(append(args, "--since", "1h")...); code != exitOther || !strings.Contains(stderr, "audits.jsonl:1") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}

// TestAuditAllAsked: what was asked otherwise is another audit.
func TestAuditAllAsked(t *testing.T) {
	dir, public, own := sealedFor(t, "content", lock.CurrentOutput())
	if err := os.WriteFile("list", []byte(dir+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	plain := []string{"audit", "--all", "list", "--since", "1h", "--key", public, "--work", "work", "--progress", "quiet"}
	signed := slices.Clip(append(slices.Clip(plain), "--own-key", own, "--builder-id", "https://rebuild.example/v1"))
	for _, test := range []struct {
		name    string
		args    []string
		skipped bool
	}{
		{"the first", plain, false},
		{"the same", plain, true},
		{"signed", signed, false},
		{"signed again", signed, true},
		{"by another", append(slices.Clip(signed[:len(signed)-1]), "https://other.example/v1"), false},
		{"published", append(signed, "--publish", "statements"), false},
		{"published again", append(signed, "--publish", "statements"), true},
		{"published elsewhere", append(signed, "--publish", "elsewhere"), false},
		{"whatever the toolchain", append(slices.Clip(plain), "--other-toolchain"), false},
		{"the first again", plain, true},
	} {
		code, stdout, stderr := run(test.args...)
		if code != exitToolchain || strings.Contains(stdout, "audited before") != test.skipped {
			t.Errorf("%s: exit code %d\n%s%s", test.name, code, stdout, stderr)
		}
	}
	if files, _ := filepath.Glob("*/sha256-*/index.json"); len(files) != 2 {
		t.Errorf("statements: %q", files)
	}
}

// TestAuditAllAnswered: what a registry answered is not asked again.
func TestAuditAllAnswered(t *testing.T) {
	_, public, _ := sealedFor(t, "content", lock.CurrentOutput())
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) }))
		defer server.Close()
		if err := os.WriteFile("list", []byte(strings.TrimPrefix(server.URL, "http://")+"/tails/mqtt:2.7.9-r1\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, since := range []string{"", "1h"} {
			code, stdout, stderr := run("audit", "--all", "list", "--since", since, "--key", public, "--work", "work", "--progress", "quiet")
			if code != exitOther || !strings.Contains(stdout, ": 1 failed\n") || strings.Contains(stderr, "again") {
				t.Errorf("%d: exit code %d\n%s%s", status, code, stdout, stderr)
			}
		}
	}
}

func TestAuditAllUsage(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "catalogue")
	if err := os.WriteFile(empty, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ args, want string }{
		{"audit", "no release is named"},
		{"audit x --all y", "both --all and a release"},
		{"audit x --since 1h", "--since and --state are for --all"},
		{"audit --all x --since yesterday", "is no time"},
		{"audit --all x --expect sha256:" + strings.Repeat("0", 64), "for one release"},
		{"audit --all trust-root:x", "go together"},
		{"audit --all x --registry y", "go together"},
		{"audit --all trust-root:x --registry y --key z", "no place"},
		{"audit --all x --retries 11", "from 0 to 10"},
		{"audit --all " + empty + " --key z", "lists no release"},
		{"audit --all x --progress tty", "one audit at a time"},
	} {
		if code, _, stderr := run(strings.Fields(test.args)...); code != exitUsage || !strings.Contains(stderr, test.want) {
			t.Errorf("%s: exit code %d, %s", test.args, code, stderr)
		}
	}
}
