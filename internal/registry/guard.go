package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/internal/proxy"
)

const (
	userAgent   = "tailsbuild/1"
	idleTimeout = 30 * time.Second
	// maxAnswer is how much of an answer is read that is neither a document nor a
	// blob: of a login, of an error.
	maxAnswer    = 64 << 10
	maxRedirects = 5
	// maxConnections is how many connections to a host are kept open, and maxIdle to all.
	maxConnections = 8
	maxIdle        = 64
	// A registry that was sent a blob may read all of it before it answers: it gets
	// answerTimes as long as for anything else.
	answerTimes = 10
)

// errIdle is why a transfer that stood still was given up.
var errIdle = errors.New("no data for too long")

// Connections keep those of several Opens, of one registry or many, to be used again.
// The first Open says through which proxy they go. They may be used concurrently.
type Connections struct {
	once sync.Once
	open *http.Transport
	err  error
}

func (c *Connections) transport(opts Options) (*http.Transport, error) {
	c.once.Do(func() { c.open, c.err = newTransport(opts) })
	return c.open, c.err
}

// Close ends those that nobody uses.
func (c *Connections) Close() {
	if c.open != nil {
		c.open.CloseIdleConnections()
	}
}

// A guard sends every request, the login's included. It goes only where it is
// encrypted, or to this machine if the registry is there, and gives up when no
// data comes.
type guard struct {
	inner http.RoundTripper
	plain bool // the registry is on this machine
	idle  time.Duration
	own   *Connections // nil when they are somebody else's
}

func newGuard(host string, opts Options) (*guard, error) {
	g := &guard{plain: loopback(host), idle: opts.idle}
	connections := opts.Connections
	if connections == nil {
		g.own = &Connections{}
		connections = g.own
	}
	var err error
	g.inner, err = connections.transport(opts)
	if err != nil {
		return nil, err
	}
	return g, nil
}

func newTransport(opts Options) (*http.Transport, error) {
	find, err := proxy.Find(opts.Proxy)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: 15 * time.Second}
	return &http.Transport{
		Proxy:                  func(r *http.Request) (*url.URL, error) { return find(r.URL) },
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: opts.roots},
		TLSHandshakeTimeout:    15 * time.Second,
		IdleConnTimeout:        opts.idle,
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    maxConnections,
		MaxResponseHeaderBytes: maxAnswer,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
	}, nil
}

func (g *guard) close() {
	if g.own != nil {
		g.own.Close()
	}
}

// RoundTrip sends req as http.RoundTripper says.
func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := g.check(req.URL); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	timer := time.AfterFunc(g.idle, func() { cancel(errIdle) })
	req = req.Clone(ctx)
	req.Header.Set("User-Agent", userAgent)
	if req.Body != nil && req.Body != http.NoBody {
		req.Body = &sentBody{req.Body, timer, g.idle}
	}
	resp, err := g.inner.RoundTrip(req)
	if err != nil {
		timer.Stop()
		if errors.Is(context.Cause(ctx), errIdle) {
			err = errIdle
		}
		cancel(nil)
		return nil, err
	}
	body := &guardedBody{body: resp.Body, left: -1, idle: g.idle, timer: timer, ctx: ctx, cancel: cancel}
	whole := resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusPartialContent
	if !whole || req.URL.Path == "/v2/" {
		body.left = maxAnswer
	}
	resp.Body = body
	return resp, nil
}

// check refuses what anybody on the way could read or change.
func (g *guard) check(u *url.URL) error {
	switch {
	case u.Scheme == "https":
		return nil
	case u.Scheme != "http":
		return &InsecureError{URL: u.Redacted(), Reason: "it leaves HTTPS"}
	case !g.plain || !loopback(u.Host):
		return &InsecureError{URL: u.Redacted(), Reason: "plain HTTP is only for registries on this machine"}
	}
	return nil
}

// loopback reports whether host, with or without a port, is this machine.
func loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// checkRedirect bounds redirections. Where they may lead is for the guard.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return &InsecureError{URL: req.URL.Redacted(), Reason: "too many redirections"}
	}
	return nil
}

// A sentBody keeps a request alive for as long as it is being sent.
type sentBody struct {
	io.ReadCloser
	timer *time.Timer
	idle  time.Duration
}

func (b *sentBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.timer.Reset(answerTimes * b.idle)
	} else {
		b.timer.Reset(b.idle)
	}
	return n, err
}

// A guardedBody ends when no data comes, or after left bytes unless left is -1.
type guardedBody struct {
	body   io.ReadCloser
	left   int
	idle   time.Duration
	timer  *time.Timer
	ctx    context.Context
	cancel context.CancelCauseFunc
}

func (b *guardedBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	if b.left > 0 && len(p) > b.left {
		p = p[:b.left]
	}
	n, err := b.body.Read(p)
	if n > 0 {
		b.timer.Reset(b.idle)
	}
	if b.left > 0 {
		b.left -= n
	}
	if err != nil && err != io.EOF && errors.Is(context.Cause(b.ctx), errIdle) {
		err = errIdle
	}
	return n, err
}

func (b *guardedBody) Close() error {
	b.timer.Stop()
	b.cancel(nil)
	return b.body.Close()
}
