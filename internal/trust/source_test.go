package trust_test

import (
	"context"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/proxy"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
)

func serve(t testing.TB, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func httpSource(t testing.TB, url string) trust.Source {
	t.Helper()
	s, err := trust.HTTP(url, trust.HTTPOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// writeLayout writes the files of dir as an OCI artifact.
func writeLayout(t testing.TB, dir string, change func(*ocispec.Manifest)) string {
	t.Helper()
	out := t.TempDir()
	blobs := filepath.Join(out, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		t.Fatal(err)
	}
	blob := func(mediaType string, b []byte) ocispec.Descriptor {
		d := digest.FromBytes(b)
		put(t, blobs, d.Encoded(), b)
		return ocispec.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(b))}
	}
	encode := func(v any) []byte {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	m := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, ArtifactType: trust.ArtifactType, Config: blob(ocispec.MediaTypeEmptyJSON, []byte("{}"))}
	m.SchemaVersion = 2
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		layer := blob(trust.MetadataMediaType, b)
		layer.Annotations = map[string]string{ocispec.AnnotationTitle: e.Name()}
		m.Layers = append(m.Layers, layer)
	}
	if change != nil {
		change(&m)
	}
	index := ocispec.Index{Manifests: []ocispec.Descriptor{blob(ocispec.MediaTypeImageManifest, encode(m))}}
	index.SchemaVersion = 2
	put(t, out, "index.json", encode(index))
	put(t, out, "oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	return out
}

// TestSources: the same trust root from everywhere, rotated and rolled back.
func TestSources(t *testing.T) {
	for name, from := range map[string]func(dir string) trust.Source{
		"folder": trust.Folder,
		"layout": func(dir string) trust.Source { return trust.Layout(writeLayout(t, dir, nil)) },
		"http": func(dir string) trust.Source {
			return httpSource(t, serve(t, http.StripPrefix("/trust", http.FileServer(http.Dir(dir))))+"/trust")
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, m := setup(t)
			old := r.Copy()
			find(t, m.mustOpen(from(r.Dir)), mqtt)
			r.Root.Signed.Version = 2
			r.Rotate("snapshot")
			r.PublishRoot(r.RootKeys[:2]...)
			r.Add("mqtt", next, 2, "manifest 2")
			r.Bump()
			r.Publish()
			find(t, m.mustOpen(from(r.Dir)), next)
			_, err := m.open(from(old))
			refused[*trust.RollbackError](t, err)
			if err := os.Remove(filepath.Join(r.Dir, "2.snapshot.json")); err != nil {
				t.Fatal(err)
			}
			_, err = newMachine(t, r).open(from(r.Dir))
			refused[*trust.MissingError](t, err)
		})
	}
}

func TestLayoutRefused(t *testing.T) {
	r, m := setup(t)
	for name, change := range map[string]func(*ocispec.Manifest){
		"another artifact": func(m *ocispec.Manifest) { m.ArtifactType = "application/x" },
		"one name twice":   func(m *ocispec.Manifest) { m.Layers = append(m.Layers, m.Layers[0]) },
		"no layers":        func(m *ocispec.Manifest) { m.Layers = nil },
		"lying size":       func(m *ocispec.Manifest) { m.Layers[len(m.Layers)-1].Size-- },
		"huge layer":       func(m *ocispec.Manifest) { m.Layers[len(m.Layers)-1].Size = 1 << 40 },
	} {
		if _, err := m.open(trust.Layout(writeLayout(t, r.Dir, change))); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	dir := writeLayout(t, r.Dir, nil)
	b := r.File("timestamp.json")
	b[len(b)-3] ^= 1
	put(t, filepath.Join(dir, "blobs", "sha256"), digest.FromBytes(r.File("timestamp.json")).Encoded(), b)
	_, err := m.open(trust.Layout(dir))
	refused[*trust.SourceError](t, err)
}

func TestFolderRefused(t *testing.T) {
	r, m := setup(t)
	path := filepath.Join(r.Dir, "timestamp.json")
	for name, change := range map[string]func() error{
		"FIFO":     func() error { return syscall.Mkfifo(path, 0o600) },
		"folder":   func() error { return os.Mkdir(path, 0o700) },
		"link out": func() error { return os.Symlink("/dev/zero", path) },
		"link to FIFO": func() error {
			return errors.Join(syscall.Mkfifo(path+".fifo", 0o600), os.Symlink("timestamp.json.fifo", path))
		},
		"huge": func() error { return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<40)) },
	} {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		if err := change(); err != nil {
			t.Fatal(err)
		}
		_, err := m.open(trust.Folder(r.Dir))
		var source *trust.SourceError
		var limit *trust.LimitError
		if !errors.As(err, &source) && !errors.As(err, &limit) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestEndless: servers that stream forever cost bounded bytes and time.
func TestEndless(t *testing.T) {
	r, m := setup(t)
	var sent atomic.Int64
	endless := func(w http.ResponseWriter) {
		for range 1 << 16 {
			n, err := w.Write(make([]byte, 4096))
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}
	for _, file := range []string{"timestamp.json", "2.root.json", "1.snapshot.json", "1.targets.json"} {
		sent.Store(0)
		url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if strings.HasSuffix(req.URL.Path, file) {
				endless(w)
				return
			}
			http.FileServer(http.Dir(r.Dir)).ServeHTTP(w, req)
		}))
		_, err := m.open(httpSource(t, url))
		var limit *trust.LimitError
		var changed *trust.ChangedError
		if !errors.As(err, &limit) && !errors.As(err, &changed) {
			t.Errorf("%s: got %v", file, err)
		}
		if n := sent.Load(); n > 16<<20 { // what fits into the sockets' buffers
			t.Errorf("%s: %d bytes sent", file, n)
		}
	}

	slow := func(first int) string {
		return serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if strings.HasSuffix(req.URL.Path, "root.json") {
				http.NotFound(w, req)
				return
			}
			w.Write(make([]byte, first))
			w.(http.Flusher).Flush()
			for req.Context().Err() == nil {
				time.Sleep(10 * time.Millisecond)
				w.Write([]byte(" "))
				w.(http.Flusher).Flush()
			}
		}))
	}
	start := time.Now()
	_, err := trust.Open(context.Background(), trust.Options{
		Root: m.pinned, Cache: m.cache, Source: httpSource(t, slow(100)), Now: now, Timeout: 300 * time.Millisecond,
	})
	if e := refused[*trust.LimitError](t, err); e.What != "time" {
		t.Errorf("%v", err)
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("took %s", d)
	}
}

func TestHTTPRefused(t *testing.T) {
	r, m := setup(t)
	for _, url := range []string{
		"http://example.org/trust", "ftp://127.0.0.1/", "file:///etc", "/etc", "", "https://", "https://user:pass@example.org/",
		"https://example.org/?q", "http://127.0.0.1.example.org/", "http://[::2]/", "http://10.0.0.1/",
	} {
		_, err := trust.HTTP(url, trust.HTTPOptions{})
		refused[*trust.FormatError](t, err)
	}
	files := http.FileServer(http.Dir(r.Dir))
	for name, h := range map[string]http.HandlerFunc{
		"server error":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"gone":           func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(410) },
		"forbidden root": func(w http.ResponseWriter, q *http.Request) { w.WriteHeader(403) },
		"to plain http": func(w http.ResponseWriter, q *http.Request) {
			http.Redirect(w, q, "http://example.org"+q.URL.Path, http.StatusFound)
		},
		"in circles": func(w http.ResponseWriter, q *http.Request) { http.Redirect(w, q, q.URL.Path, http.StatusFound) },
		"cut off": func(w http.ResponseWriter, q *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.Write([]byte("{"))
		},
		"page instead of a file": func(w http.ResponseWriter, q *http.Request) { w.Write([]byte("<html>log in</html>")) },
	} {
		if _, err := m.open(httpSource(t, serve(t, h))); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	find(t, m.mustOpen(httpSource(t, serve(t, files))), mqtt)

	secure := httptest.NewTLSServer(http.RedirectHandler(serve(t, files), http.StatusFound))
	defer secure.Close()
	_, err := m.open(httpSource(t, secure.URL)) // by nobody we know
	refused[*trust.SourceError](t, err)
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	source, err := trust.HTTP(secure.URL, trust.HTTPOptions{Roots: roots})
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.open(source)
	if e := refused[*trust.RedirectError](t, err); e.Reason != "it leaves HTTPS" {
		t.Errorf("%v", e)
	}
}

// TestTor: with socks5h the proxy is given the host's name, and nothing is asked
// around it.
func TestTor(t *testing.T) {
	r, m := setup(t)
	server := httptest.NewTLSServer(http.FileServer(http.Dir(r.Dir)))
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	names := make(chan string, 100)
	tor := socks(t, server.Listener.Addr().String(), names)
	open := func(all string) error {
		t.Helper()
		t.Setenv("ALL_PROXY", all)
		source, err := trust.HTTP("https://example.com/", trust.HTTPOptions{Roots: roots})
		if err != nil {
			return err
		}
		v, err := m.open(source)
		if err == nil {
			find(t, v, mqtt)
		}
		return err
	}
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "all_proxy"} {
		t.Setenv(name, "")
	}
	if err := open("socks5h://" + tor); err != nil {
		t.Fatal(err)
	}
	if name := <-names; name != "example.com:443" {
		t.Errorf("the proxy was asked for %q", name)
	}
	// A proxy that is down is an error, not a way around.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	refused[*trust.SourceError](t, open("socks5h://"+l.Addr().String()))
	for _, bad := range []string{"socks4a://127.0.0.1:9050", "socks5h://", "socks5h:127.0.0.1:9050", "://"} {
		refused[*proxy.Error](t, open(bad))
	}
}

// socks serves SOCKS 5 on 127.0.0.1: it connects everything to target, and says
// which names it was asked for.
func socks(t testing.TB, target string, names chan<- string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go socksConn(c, target, names)
		}
	}()
	return l.Addr().String()
}

func socksConn(c net.Conn, target string, names chan<- string) {
	defer c.Close()
	b := make([]byte, 262)
	read := func(n int) []byte {
		if _, err := io.ReadFull(c, b[:n]); err != nil {
			return make([]byte, 262)
		}
		return b[:n]
	}
	read(int(read(2)[1])) // methods
	c.Write([]byte{5, 0})
	head := read(4)
	if head[3] != 3 { // not a name
		names <- "an address"
		return
	}
	name := string(read(int(read(1)[0])))
	port := binary.BigEndian.Uint16(read(2))
	names <- net.JoinHostPort(name, map[uint16]string{443: "443"}[port])
	out, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer out.Close()
	c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	go io.Copy(out, c)
	io.Copy(c, out)
}
