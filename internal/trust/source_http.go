package trust

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/internal/proxy"
)

const (
	userAgent    = "tailsbuild/1"
	maxRedirects = 5
)

// HTTPOptions say how an HTTP source connects.
type HTTPOptions struct {
	// Roots are the authorities that the server's certificate is checked with, nil
	// for the system's.
	Roots *x509.CertPool
	// Proxy is what it is asked through; the default is what the environment names,
	// see [proxy.Find].
	Proxy string
}

type httpSource struct {
	base   *url.URL
	client *http.Client
}

// HTTP returns the source of the files below the URL base: https, or http on this
// machine alone.
//
// Requests go through the proxy that opts or the environment names. One that isn't
// understood is a *[proxy.Error]: nothing is asked around it.
func HTTP(base string, opts HTTPOptions) (Source, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, &FormatError{What: "trust root's address", Problem: fmt.Sprintf("%q is not a plain URL", base)}
	}
	if reason := refuseURL(u); reason != "" {
		return nil, &FormatError{What: "trust root's address", Problem: fmt.Sprintf("%q: %s", base, reason)}
	}
	find, err := proxy.Find(opts.Proxy)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: 30 * time.Second}
	return &httpSource{u, &http.Client{
		CheckRedirect: checkRedirect,
		Transport: &http.Transport{
			Proxy:                  func(r *http.Request) (*url.URL, error) { return find(r.URL) },
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: opts.Roots},
			TLSHandshakeTimeout:    30 * time.Second,
			ResponseHeaderTimeout:  30 * time.Second,
			IdleConnTimeout:        10 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
			DisableCompression:     true,
			ForceAttemptHTTP2:      true,
		},
	}}, nil
}

func checkRedirect(req *http.Request, via []*http.Request) error {
	reason := refuseURL(req.URL)
	switch {
	case len(via) > maxRedirects:
		reason = "too many redirections"
	case via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https":
		reason = "it leaves HTTPS"
	}
	if reason != "" {
		return &RedirectError{To: req.URL.Redacted(), Reason: reason}
	}
	return nil
}

// refuseURL returns why u is not asked, or "".
func refuseURL(u *url.URL) string {
	switch u.Scheme {
	case "https":
		return ""
	case "http":
		if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsLoopback() || u.Hostname() == "localhost" {
			return ""
		}
		return "plain http is for this machine alone, write https"
	}
	return "neither https nor http"
}

func (s *httpSource) String() string { return s.base.String() }
func (s *httpSource) Remote() bool   { return true }

func (s *httpSource) Read(ctx context.Context, file string, limit int64) ([]byte, error) {
	fail := func(err error) ([]byte, error) { return nil, &SourceError{s.String(), err} }
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base.JoinPath(file).String(), nil)
	if err != nil {
		return fail(err)
	}
	req.Header.Set("User-Agent", userAgent)
	resp, err := s.client.Do(req)
	if err != nil {
		return fail(err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return nil, &MissingError{File: file, Location: s.String()}
	case resp.StatusCode != http.StatusOK:
		return fail(&StatusError{resp.StatusCode})
	case resp.ContentLength > limit:
		return nil, &LimitError{What: file, Limit: limit}
	}
	b, err := readLimited(resp.Body, file, limit)
	var tooLarge *LimitError
	if err != nil && !errors.As(err, &tooLarge) {
		return fail(err)
	}
	return b, err
}
