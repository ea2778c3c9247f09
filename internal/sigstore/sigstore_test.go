package sigstore

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/internal/proxy"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// noProxy takes the machine's own proxies out of a test.
func noProxy(t *testing.T) {
	t.Helper()
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"} {
		t.Setenv(name, "")
	}
}

func newPost(t *testing.T, opts Options) sign.Post {
	t.Helper()
	opts.Pause = time.Millisecond
	post, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return post
}

// serve starts a service that counts how often it is asked.
func serve(t *testing.T, h http.HandlerFunc) (url string, asked *atomic.Int32) {
	t.Helper()
	asked = new(atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

func TestPost(t *testing.T) {
	noProxy(t)
	url, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, "%s %s %s %s %s", r.Method, r.URL.Path, r.Header.Get("Content-Type"), r.Header.Get("Authorization"), body)
	})
	post := newPost(t, Options{})
	got, err := post(context.Background(), sign.Request{URL: url + "/a", Type: "text/x", Body: []byte("body"), Token: "secret", Limit: 100})
	if err != nil || string(got) != "POST /a text/x Bearer secret body" {
		t.Errorf("%s, %v", got, err)
	}
	got, err = post(context.Background(), sign.Request{URL: url + "/a", Type: "text/x", Limit: 100})
	if err != nil || string(got) != "POST /a text/x  " {
		t.Errorf("%s, %v", got, err)
	}
}

// TestRefused: what a service says is shown, within limits, and only where nothing
// can have happened yet is it asked again.
func TestRefused(t *testing.T) {
	noProxy(t)
	long := strings.Repeat("x", maxShown)
	for name, c := range map[string]struct {
		status  int
		body    string
		message string
		asked   int32
	}{
		"a JSON error":      {400, `{"code":3,"message":"no such key","details":[]}`, "no such key", 1},
		"a text":            {403, "no\x1b[31m\nentry\n", "no [31m entry", 1},
		"nothing":           {500, "", "", 1},
		"much":              {404, strings.Repeat("x", 1<<20), long + "…", 1},
		"a conflict":        {409, "there", "there", 1},
		"accepted":          {202, "later", "later", 1},
		"no content":        {204, "", "", 1},
		"too many":          {429, "wait", "wait", attempts},
		"not yet":           {503, "wait", "wait", attempts},
		"a gateway's":       {502, "", "", attempts},
		"another gateway's": {504, "", "", attempts},
	} {
		url, asked := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		})
		_, err := newPost(t, Options{})(context.Background(), sign.Request{URL: url, Limit: 10})
		var status *sign.StatusError
		if !errors.As(err, &status) || status.Code != c.status || status.Message != c.message {
			t.Errorf("%s: %v", name, err)
		}
		if got := asked.Load(); got != c.asked {
			t.Errorf("%s: asked %d times, want %d", name, got, c.asked)
		}
	}
}

// TestAgain: a service that is busy at first is asked until it isn't.
func TestAgain(t *testing.T) {
	noProxy(t)
	var n atomic.Int32
	url, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) < attempts {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.Copy(w, r.Body)
	})
	got, err := newPost(t, Options{})(context.Background(), sign.Request{URL: url, Body: []byte("all of it"), Limit: 100})
	if err != nil || string(got) != "all of it" {
		t.Errorf("%s, %v", got, err)
	}
	// Nor is a person kept waiting who has enough of it.
	ctx, cancel := context.WithCancel(context.Background())
	busy, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	post, err := New(Options{Pause: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := post(ctx, sign.Request{URL: busy, Limit: 1}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestRedirected: what is sent goes to nobody else, least of all the token.
func TestRedirected(t *testing.T) {
	noProxy(t)
	elsewhere, asked := serve(t, func(http.ResponseWriter, *http.Request) {})
	for _, code := range []int{301, 302, 303, 307, 308} {
		url, _ := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere, code) })
		var status *sign.StatusError
		_, err := newPost(t, Options{})(context.Background(), sign.Request{URL: url, Token: "secret", Limit: 10})
		if !errors.As(err, &status) || status.Code != code {
			t.Errorf("%d: %v", code, err)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("asked %d times", n)
	}
}

// TestLimits: an answer is read as far as it may be, and not for longer.
func TestLimits(t *testing.T) {
	noProxy(t)
	endless, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(bytes.Repeat([]byte("x"), 1<<16)); err != nil {
				return
			}
		}
	})
	var limit *sign.LimitError
	if _, err := newPost(t, Options{})(context.Background(), sign.Request{URL: endless, Limit: 1 << 20}); !errors.As(err, &limit) || limit.Limit != 1<<20 {
		t.Errorf("endless: %v", err)
	}
	for name, h := range map[string]http.HandlerFunc{
		"silent": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"slow": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "x")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
	} {
		url, asked := serve(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // so that the server sees when the client is gone
			h(w, r)
		})
		start := time.Now()
		_, err := newPost(t, Options{Timeout: 100 * time.Millisecond})(context.Background(), sign.Request{URL: url, Limit: 10})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 5*time.Second || asked.Load() != 1 {
			t.Errorf("%s: %v after %s, asked %d times", name, err, time.Since(start), asked.Load())
		}
	}
}

// TestUnreachable: nobody there is an error, after some attempts.
func TestUnreachable(t *testing.T) {
	noProxy(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	var op *net.OpError
	if _, err := newPost(t, Options{})(context.Background(), sign.Request{URL: "http://" + l.Addr().String(), Limit: 1}); !errors.As(err, &op) {
		t.Error(err)
	}
	if _, err := newPost(t, Options{})(context.Background(), sign.Request{URL: "https://a b", Limit: 1}); err == nil {
		t.Error("a URL that is none")
	}
}

// TestCertificate: a server has to be who it says it is.
func TestCertificate(t *testing.T) {
	noProxy(t)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	defer s.Close()
	s.Config.ErrorLog = nil
	if _, err := newPost(t, Options{})(context.Background(), sign.Request{URL: s.URL, Limit: 10}); err == nil {
		t.Error("an unknown authority was believed")
	}
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	if got, err := newPost(t, Options{Roots: roots})(context.Background(), sign.Request{URL: s.URL, Limit: 10}); err != nil || string(got) != "ok" {
		t.Errorf("%s, %v", got, err)
	}
}

// TestProxy: a proxy that is down, or isn't understood, is no reason to go without.
func TestProxy(t *testing.T) {
	noProxy(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	t.Setenv("ALL_PROXY", "socks5h://"+l.Addr().String())
	_, err = newPost(t, Options{})(context.Background(), sign.Request{URL: "https://log.example", Limit: 1})
	if err == nil || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("around the proxy: %v", err)
	}
	t.Setenv("ALL_PROXY", "socks4://127.0.0.1:1")
	var wrong *proxy.Error
	if _, err := New(Options{}); !errors.As(err, &wrong) {
		t.Error(err)
	}
}
