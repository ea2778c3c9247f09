package registry

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/proxy"
)

// encrypted makes the registry one that answers HTTPS only.
func encrypted(t testing.TB) (*fake, Options) {
	f := newFake(t)
	f.Server.Close()
	f.Server = httptest.NewUnstartedServer(f)
	f.Config.ErrorLog = log.New(io.Discard, "", 0)
	f.StartTLS()
	t.Cleanup(f.Close)
	opts := options()
	opts.roots = x509.NewCertPool()
	opts.roots.AddCert(f.Certificate())
	f.URL = strings.TrimPrefix(f.URL, "https://")
	return f, opts
}

// login puts a password for the registry into the user's configuration.
func login(t *testing.T, host string) (header string) {
	t.Helper()
	basic := base64.StdEncoding.EncodeToString([]byte("alice:secret"))
	b := must[[]byte](t)(json.Marshal(map[string]any{"auths": map[string]any{host: map[string]string{"auth": basic}}}))
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "config.json"), b, 0o600))
	t.Setenv("DOCKER_CONFIG", dir)
	return "Basic " + basic
}

func TestPassword(t *testing.T) {
	f, opts := encrypted(t)
	image := f.image("layer")
	want := login(t, f.URL)
	blob := "/blobs/" + digest.FromString("layer").String()

	// The blob is on another host, which gets no password.
	elsewhere := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := r.Header.Get("Authorization"); h != "" {
			t.Errorf("the other host was sent %q", h)
		}
		_, _ = w.Write([]byte("layer"))
	}))
	elsewhere.StartTLS()
	t.Cleanup(elsewhere.Close)
	opts.roots.AddCert(elsewhere.Certificate())

	to := elsewhere.URL
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.Header.Get("User-Agent") != userAgent:
			t.Errorf("user agent is %q", r.Header.Get("User-Agent"))
		case r.Header.Get("Authorization") != want:
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
			return true
		case strings.HasSuffix(r.URL.Path, blob):
			http.Redirect(w, r, to+"/blob", http.StatusTemporaryRedirect)
			return true
		}
		return false
	}
	g, err := f.fetch(":1-r0", opts)
	check(t, err)
	if g.Image.Digest != image.Digest {
		t.Errorf("got %s", g.Image.Digest)
	}
	// Nor does it lead away from encryption, back to the registry or round and round.
	for _, leads := range []string{"http://" + f.URL + "/v2", "http://registry.example", "ftp://registry.example", "file:///etc"} {
		to = leads
		var insecure *InsecureError
		_, err := f.fetch(":1-r0", opts)
		if leads == "http://"+f.URL+"/v2" {
			// The registry itself is asked over HTTPS all the same.
			if err == nil {
				t.Errorf("%s: accepted", leads)
			}
			continue
		}
		if !errors.As(err, &insecure) {
			t.Errorf("%s: %v", leads, err)
		}
	}
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/v2/" {
			http.Redirect(w, r, r.URL.Path+"x", http.StatusFound)
		}
		return r.URL.Path != "/v2/"
	}
	var insecure *InsecureError
	if _, err := f.fetch(":1-r0", opts); !errors.As(err, &insecure) {
		t.Errorf("round and round: %v", err)
	}
	// A wrong password is a status.
	login(t, "registry.example")
	f.before = func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusUnauthorized); return true }
	var status *StatusError
	if _, err := f.fetch(":1-r0", opts); !errors.As(err, &status) || status.Code != http.StatusUnauthorized {
		t.Errorf("got %v", err)
	}
}

func TestToken(t *testing.T) {
	f, opts := encrypted(t)
	f.image("layer")
	want, realm := login(t, f.URL), ""
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.URL.Path == "/token":
			if r.Header.Get("Authorization") != want || r.URL.Query().Get("scope") != "repository:tails/mqtt:pull" {
				t.Errorf("the token was asked for with %q, %s", r.Header.Get("Authorization"), r.URL.RawQuery)
			}
			fmt.Fprint(w, `{"token":"t0k3n"}`)
		case r.Header.Get("Authorization") != "Bearer t0k3n":
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm=%q,service="registry"`, realm))
			w.WriteHeader(http.StatusUnauthorized)
		default:
			return false
		}
		return true
	}
	realm = "https://" + f.URL + "/token"
	_, err := f.fetch(":1-r0", opts)
	check(t, err)

	// The password isn't sent wherever the registry says.
	for _, r := range []string{"http://" + f.URL + "/token", "http://registry.example/token", "https://169.254.169.254/token", "file:///etc/passwd"} {
		realm = r
		if _, err := f.fetch(":1-r0", opts); err == nil {
			t.Errorf("realm %s: accepted", r)
		}
	}
}

func TestEncryption(t *testing.T) {
	for host, plain := range map[string]bool{
		"127.0.0.1:5000": true, "[::1]:5000": true, "localhost:5000": true, "localhost": true,
		"registry.example": false, "10.0.0.1:5000": false, "192.168.1.1": false, "registry.local": false,
		"localhost.example": false, "127.0.0.1.example": false,
	} {
		g := must[*guard](t)(newGuard(host, Options{}.withDefaults()))
		if err := g.check(&url.URL{Scheme: "http", Host: host}); (err == nil) != plain {
			t.Errorf("http to %s: %v", host, err)
		}
		if err := g.check(&url.URL{Scheme: "https", Host: host}); err != nil {
			t.Errorf("https to %s: %v", host, err)
		}
		if err := g.check(&url.URL{Scheme: "http", Host: "other.example"}); err == nil {
			t.Errorf("http from %s to another host", host)
		}
	}
}

// socks is a SOCKS5 proxy (RFC 1928) that takes names, as Tor does, and leads all
// of them to one address.
func socks(t *testing.T, to string, names *atomic.Value) string {
	t.Helper()
	l := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				head := make([]byte, 2)
				if _, err := io.ReadFull(c, head); err != nil {
					return
				}
				_, _ = io.CopyN(io.Discard, c, int64(head[1]))
				_, _ = c.Write([]byte{5, 0})
				req := make([]byte, 5) // version, connect, reserved, kind, length
				if _, err := io.ReadFull(c, req); err != nil || req[3] != 3 {
					return
				}
				rest := make([]byte, int(req[4])+2)
				if _, err := io.ReadFull(c, rest); err != nil {
					return
				}
				names.Store(string(rest[:req[4]]))
				up, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer up.Close()
				_, _ = c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
				go func() { _, _ = io.Copy(up, c) }()
				_, _ = io.Copy(c, up)
			}()
		}
	}()
	return l.Addr().String()
}

// TestProxy: everything goes through the proxy, names included: example.com, for
// which the test's certificate is, isn't looked up.
func TestProxy(t *testing.T) {
	f, opts := encrypted(t)
	f.image("layer")
	var names atomic.Value
	address := socks(t, f.URL, &names)
	ref := must[Reference](t)(ParseReference("example.com/tails/mqtt:1-r0"))
	for _, variable := range []string{"ALL_PROXY", "all_proxy", "HTTPS_PROXY"} {
		t.Run(variable, func(t *testing.T) {
			names.Store("")
			t.Setenv(variable, "socks5h://"+address)
			_, err := Fetch(ctx, ref, "", t.TempDir()+"/release", opts)
			check(t, err)
			if names.Load() != "example.com" {
				t.Errorf("the proxy was asked for %q", names.Load())
			}
		})
	}
	t.Setenv("ALL_PROXY", "socks5h://"+address)
	unknown := opts
	unknown.roots = nil
	var transfer *TransferError
	if _, err := Fetch(ctx, ref, "", t.TempDir()+"/release", unknown); !errors.As(err, &transfer) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate by nobody: %v", err)
	}
	t.Setenv("ALL_PROXY", "socks4://"+address)
	var wrong *proxy.Error
	if _, err := Fetch(ctx, ref, "", t.TempDir()+"/release", opts); !errors.As(err, &wrong) {
		t.Errorf("got %v", err)
	}
	t.Setenv("ALL_PROXY", "socks5h://127.0.0.1:1")
	if _, err := Fetch(ctx, ref, "", t.TempDir()+"/release", opts); !errors.As(err, &transfer) {
		t.Errorf("got %v", err)
	}
}

// raw is a manifest as it is.
type raw answer

func (r raw) RawManifest() ([]byte, error)        { return r.body, nil }
func (r raw) MediaType() (types.MediaType, error) { return types.MediaType(r.mediaType), nil }

// TestRealRegistry reads from go-containerregistry's registry what its client put
// there, with the referrers API and with the tag that stands in for it.
func TestRealRegistry(t *testing.T) {
	for kind, opts := range map[string][]registry.Option{"API": {registry.WithReferrersSupport(true)}, "tag": nil} {
		t.Run(kind, func(t *testing.T) {
			s := httptest.NewServer(registry.New(append(opts, registry.Logger(log.New(io.Discard, "", 0)))...))
			t.Cleanup(s.Close)
			host := strings.TrimPrefix(s.URL, "http://")
			repo := must[name.Repository](t)(name.NewRepository(host + "/tails/mqtt"))
			f := newFake(t)
			image := f.image("layer")
			for _, content := range f.blobs {
				check(t, remote.WriteLayer(repo, static.NewLayer(content, types.OCILayer)))
			}
			check(t, remote.Put(repo.Tag("1-r0"), raw(f.manifests["1-r0"])))
			for _, content := range []string{"one", "two", "three"} {
				bundle := f.bundle(image, content)
				check(t, remote.WriteLayer(repo, static.NewLayer([]byte(content), types.OCILayer)))
				check(t, remote.WriteLayer(repo, static.NewLayer([]byte("{}"), types.OCILayer)))
				check(t, remote.Put(repo.Digest(bundle.Digest.String()), raw(f.manifests[bundle.Digest.String()])))
			}
			dir := t.TempDir() + "/release"
			got, err := Fetch(ctx, must[Reference](t)(ParseReference(host+"/tails/mqtt:1-r0")), "", dir, options())
			check(t, err)
			if got.Artifacts != 3 || got.Image.Digest != image.Digest || len(got.Problems) != 0 {
				t.Errorf("got %+v", got)
			}
		})
	}
}
