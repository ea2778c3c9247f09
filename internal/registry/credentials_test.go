package registry

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// helper puts a program that keeps passwords into PATH, which knows that of host, and
// has docker's configuration name it. It returns what the program was asked.
func helper(t *testing.T, host string, config map[string]any) (asked func() []string) {
	t.Helper()
	dir := t.TempDir()
	log := filepath.Join(dir, "asked")
	script := `#!/bin/sh
read -r server
echo "$1 $server" >>` + log + `
[ "$1 $server" = "get ` + host + `" ] || { echo "credentials not found in native keychain"; exit 1; }
echo '{"ServerURL":"` + host + `","Username":"alice","Secret":"from the helper"}'
`
	check(t, os.WriteFile(filepath.Join(dir, "docker-credential-fake"), []byte(script), 0o755))
	check(t, os.WriteFile(filepath.Join(dir, "config.json"), must[[]byte](t)(json.Marshal(config)), 0o600))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("DOCKER_CONFIG", dir)
	return func() []string {
		b, err := os.ReadFile(log)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(b)), "\n")
	}
}

// locked wants a header with each request.
func locked(t *testing.T, f *fake, header string) {
	t.Helper()
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		got := r.Header.Get("Authorization")
		if got != "" && got != header {
			t.Errorf("%s was sent %q", r.URL, got)
		}
		if got == header {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}
}

// TestCredentialHelper: docker's programs that keep passwords are asked about the
// registry that is talked to, and nothing else.
func TestCredentialHelper(t *testing.T) {
	header := "Basic " + base64.StdEncoding.EncodeToString([]byte("alice:from the helper"))
	for name, config := range map[string]func(host string) map[string]any{
		"of the registry": func(host string) map[string]any {
			return map[string]any{"credHelpers": map[string]string{host: "fake", "other.example": "none"}}
		},
		"of all": func(string) map[string]any { return map[string]any{"credsStore": "fake"} },
	} {
		t.Run(name, func(t *testing.T) {
			f, opts := encrypted(t)
			f.image("layer")
			asked := helper(t, f.URL, config(f.URL))
			locked(t, f, header)
			_, err := f.fetch(":1-r0", opts)
			check(t, err)
			got := asked()
			elsewhere := func(line string) bool { return line != "get "+f.URL && line != "get "+f.URL+"/tails/mqtt" }
			if !slices.Contains(got, "get "+f.URL) || slices.ContainsFunc(got, elsewhere) {
				t.Errorf("the helper was asked %q", got)
			}
			// Another registry gets none of it.
			other, opts := encrypted(t)
			other.image("layer")
			other.before = func(_ http.ResponseWriter, r *http.Request) bool {
				if h := r.Header.Get("Authorization"); h != "" {
					t.Errorf("another registry was sent %q", h)
				}
				return false
			}
			_, err = other.fetch(":1-r0", opts)
			check(t, err)
		})
	}
	// A helper that isn't there is an error, not a login as nobody.
	f, opts := encrypted(t)
	f.image("layer")
	helper(t, f.URL, map[string]any{"credHelpers": map[string]string{f.URL: "missing"}})
	f.before = func(http.ResponseWriter, *http.Request) bool { t.Error("it was asked all the same"); return false }
	var transfer *TransferError
	if _, err := f.fetch(":1-r0", opts); !errors.As(err, &transfer) || !strings.Contains(err.Error(), "docker-credential-missing") {
		t.Errorf("got %v", err)
	}
}

// TestPushScope: a token to write is asked for to write, and for the repositories that
// blobs are taken from to read.
func TestPushScope(t *testing.T) {
	f, opts := encrypted(t)
	login(t, f.URL)
	var scopes []string
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.URL.Path == "/token":
			scopes = r.URL.Query()["scope"]
			fmt.Fprint(w, `{"token":"t0k3n"}`)
		case r.Header.Get("Authorization") != "Bearer t0k3n":
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="https://%s/token",service="registry"`, f.URL))
			w.WriteHeader(http.StatusUnauthorized)
		default:
			return false
		}
		return true
	}
	r := must[*Repository](t)(OpenRepository(ctx, f.ref(":1"), true, []string{"tails/base"}, opts))
	r.Close()
	if want := []string{"repository:tails/mqtt:push,pull", "repository:tails/base:pull"}; !slices.Equal(scopes, want) {
		t.Errorf("scopes are %q, want %q", scopes, want)
	}
}

// TestUploadElsewhere: a registry may have blobs sent to another host, which gets no
// password, and nothing at all where that isn't encrypted.
func TestUploadElsewhere(t *testing.T) {
	var got sync.Map
	elsewhere := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := r.Header.Get("Authorization"); h != "" {
			t.Errorf("the other host was sent %q", h)
		}
		b, _ := io.ReadAll(r.Body)
		got.Store(r.Method, len(b))
		w.Header().Set("Location", r.URL.String())
		w.WriteHeader(map[string]int{http.MethodPatch: http.StatusAccepted, http.MethodPut: http.StatusCreated}[r.Method])
	}))
	elsewhere.StartTLS()
	t.Cleanup(elsewhere.Close)
	f, opts := encrypted(t)
	opts.roots.AddCert(elsewhere.Certificate())
	header := login(t, f.URL)
	locked(t, f, header)
	first, to := f.before, elsewhere.URL
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if first(w, r) {
			return true
		}
		if r.Method != http.MethodPost {
			return false
		}
		w.Header().Set("Location", to+"/upload")
		w.WriteHeader(http.StatusAccepted)
		return true
	}
	r := must[*Repository](t)(OpenRepository(ctx, f.ref(":1"), true, nil, opts))
	t.Cleanup(r.Close)
	content := noise(2 << 20)
	desc := ocispec.Descriptor{MediaType: "x/y", Digest: digest.FromBytes(content), Size: int64(len(content))}
	_, err := r.Put(ctx, desc, nil, reading(content, new(atomic.Int32)), nil)
	check(t, err)
	if n, _ := got.Load(http.MethodPatch); n != len(content) {
		t.Errorf("%v bytes were sent", n)
	}
	for _, bad := range []string{"http://registry.example", "http://" + f.URL, "ftp://registry.example", "file:///tmp", "://"} {
		to = bad
		if _, err := r.Put(ctx, desc, nil, reading(content, new(atomic.Int32)), nil); err == nil && bad != "http://"+f.URL {
			t.Errorf("%s: sent", bad)
		}
	}
}

// TestExplicitProxy: a proxy that is named is used for reading and writing, whatever
// the environment says.
func TestExplicitProxy(t *testing.T) {
	f, opts := encrypted(t)
	f.image("layer")
	s := &sessions{bytes: map[string][]byte{}}
	f.before = s.serve
	var names atomic.Value
	names.Store("")
	opts.Proxy = "socks5h://" + socks(t, f.URL, &names)
	t.Setenv("NO_PROXY", "example.com")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	ref := must[Reference](t)(ParseReference("example.com/tails/mqtt:1-r0"))
	_, err := Fetch(ctx, ref, "", t.TempDir()+"/release", opts)
	check(t, err)
	if names.Load() != "example.com" {
		t.Errorf("the proxy was asked for %q", names.Load())
	}
	names.Store("")
	r := must[*Repository](t)(OpenRepository(ctx, ref, true, nil, opts))
	defer r.Close()
	content := noise(2 << 20)
	desc := ocispec.Descriptor{MediaType: "x/y", Digest: digest.FromBytes(content), Size: int64(len(content))}
	_, err = r.Put(ctx, desc, nil, reading(content, new(atomic.Int32)), nil)
	check(t, err)
	if names.Load() != "example.com" {
		t.Errorf("the proxy was asked for %q", names.Load())
	}
	opts.Proxy = "socks5h://127.0.0.1:1"
	var transfer *TransferError
	if _, err := Fetch(ctx, ref, "", t.TempDir()+"/other", opts); !errors.As(err, &transfer) {
		t.Errorf("around a proxy that is down: %v", err)
	}
}
