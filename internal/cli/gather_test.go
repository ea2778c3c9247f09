package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/release/releasetest"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust/trusttest"
)

func TestInOrder(t *testing.T) {
	var all []int
	for i := range 100 {
		all = append(all, i)
	}
	var running, most atomic.Int64
	do := func(ctx context.Context, i int) (string, error) {
		if n := running.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer running.Add(-1)
		select {
		case <-time.After(time.Duration(i*7%5) * time.Millisecond):
		case <-ctx.Done():
		}
		if i%10 == 3 {
			return "", errors.New(fmt.Sprint(i))
		}
		return fmt.Sprint(i), nil
	}
	var got []string
	err := inOrder(t.Context(), all, do, func(_ int, s string, err error) error {
		if err != nil {
			s = err.Error()
		}
		got = append(got, s)
		return nil
	})
	if want := strings.Trim(fmt.Sprint(all), "[]"); err != nil || strings.Join(got, " ") != want {
		t.Errorf("%v: %v", err, got)
	}
	if n := most.Load(); n > int64(2*runtime.GOMAXPROCS(0)) {
		t.Errorf("%d ran at once", n)
	}

	// The first error is the last that is heard.
	enough := errors.New("enough")
	n := 0
	err = inOrder(t.Context(), all, do, func(i int, _ string, _ error) error {
		if n++; i == 10 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || n != 11 || running.Load() != 0 {
		t.Errorf("%v after %d, %d are running", err, n, running.Load())
	}
}

// TestVerifyOrder: several releases are judged in the order in which they are named,
// each as if it came alone, however many are read at once.
func TestVerifyOrder(t *testing.T) {
	dir := t.TempDir()
	key := must[*sign.Key](t)(releasetest.Key())
	now := time.Now()
	repo := trusttest.New(t, now)
	repo.Delegate("mqtt", "mqtt/*")
	var dirs []string
	for i, content := range []string{"older", "newer"} {
		out := filepath.Join(dir, content)
		r := must[*release.Release](t)(releasetest.Release(t.Context(), out, content, key))
		repo.Set("mqtt", trust.Ref{Name: "mqtt", Version: "1.0", Release: i}, r.Image.Size, r.Image.Digest, &trust.Target{
			Version: trust.TargetVersion, Platforms: map[string]digest.Digest{"linux/amd64": r.Image.Digest},
			Released: now.UTC().Truncate(time.Second), Sequence: int64(i + 1),
		})
		dirs = append(dirs, out)
	}
	repo.Publish()
	policy := filepath.Join(dir, "policy.hcl")
	src := fmt.Sprintf("trust_root \"us\" {\n  organisation = \"us\"\n  root = %q\n  sources = [%q]\n}\n", filepath.Join(repo.Dir, "1.root.json"), repo.Dir) +
		"scope \"mqtt\" {\n  trust_root = \"us\"\n  transparency_log = \"optional\"\n  timestamp = \"optional\"\n  end_of_support = \"warn\"\n  privileges {\n    highest_tier = 3\n  }\n}\n"
	if err := os.WriteFile(policy, []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	older, newer := dirs[0], dirs[1]
	for name, c := range map[string]struct {
		args []string
		want string // of each, o for older, n for newer, upper case when it is trusted
	}{
		"older first": {[]string{older, newer, older, newer}, "ONoN"},
		"newer first": {[]string{newer, older, newer, older}, "NoNo"},
		"many":        {append(append([]string{}, strings.Fields(strings.Repeat(older+" ", 20))...), newer, older), strings.Repeat("O", 20) + "No"},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"verify", "--policy", policy, "--cache", filepath.Join(t.TempDir(), "cache")}, c.args...)
			code, stdout, stderr := run(args...)
			got := ""
			for line := range strings.Lines(stdout) {
				line = strings.TrimSpace(line)
				for i, d := range dirs {
					switch line {
					case d + " is trusted":
						got += string("ON"[i])
					case d + " is refused":
						got += string("on"[i])
					}
				}
			}
			if code != exitRefused || got != c.want || !strings.Contains(stdout, "- rolled-back: ") {
				t.Errorf("exit %d, got %s, want %s\n%s%s", code, got, c.want, stdout, stderr)
			}
		})
	}
}
