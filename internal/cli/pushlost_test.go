package cli

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

// TestPushLost: a registry that says yes, and keeps no manifest, or not the tag, is to
// blame, and not the name.
func TestPushLost(t *testing.T) {
	dir, _, _ := sealedFor(t, "content", lock.CurrentOutput())
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	for lost, what := range map[string]string{"/manifests/sha256:": "what was sent", "/manifests/2.7.9-r1": "tag 2.7.9-r1"} {
		t.Run(what, func(t *testing.T) {
			handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPut && strings.Contains(r.URL.Path, lost) {
					w.WriteHeader(http.StatusCreated)
					return
				}
				handler.ServeHTTP(w, r)
			}))
			defer server.Close()
			ref := strings.TrimPrefix(server.URL, "http://") + "/tails/mqtt:2.7.9-r1"
			code, stdout, stderr := run("push", dir, ref, "--progress", "quiet")
			if code != exitOther || stdout != "" || !strings.Contains(stderr, what+": written, and not there") || !strings.Contains(stderr, "hint: the registry lost") {
				t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
			}
		})
	}
}
