// Package sigstore sends requests to the services of sigstore that a signing
// configuration names: within limits, through the user's proxy, and to no other.
package sigstore

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"gitlab.com/tailsbuild/tailsbuild/internal/proxy"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

const (
	userAgent = "tailsbuild/1"
	// maxMessage is how many bytes of a refusal are read, and maxShown how many
	// letters of it are shown.
	maxMessage = 64 << 10
	maxShown   = 300
)

// Options change how services are asked.
type Options struct {
	// Roots are the authorities that a server's certificate is checked with, nil
	// for the system's.
	Roots *x509.CertPool
	// Timeout is for each attempt, 30 seconds when it is 0, and Pause the time
	// between two, 1 second then.
	Timeout, Pause time.Duration
}

// attempts is how often a service is asked that is too busy or can't be reached.
// Otherwise a request may have had its effect, and is not sent again.
const attempts = 3

type client struct {
	http           *http.Client
	timeout, pause time.Duration
}

// New returns what sends requests. The environment says through which proxy, as
// [proxy.Find] has it; a *[proxy.Error] says that it can't be understood. A service
// that answers with a redirection has failed: what it is sent is meant for it alone.
func New(opts Options) (sign.Post, error) {
	find, err := proxy.Find("")
	if err != nil {
		return nil, err
	}
	if opts.Timeout == 0 {
		opts.Timeout = 30 * time.Second
	}
	if opts.Pause == 0 {
		opts.Pause = time.Second
	}
	dialer := &net.Dialer{Timeout: opts.Timeout}
	c := &client{timeout: opts.Timeout, pause: opts.Pause, http: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  func(r *http.Request) (*url.URL, error) { return find(r.URL) },
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: opts.Roots},
			TLSHandshakeTimeout:    opts.Timeout,
			IdleConnTimeout:        10 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
			DisableCompression:     true,
			ForceAttemptHTTP2:      true,
		},
	}}
	return c.post, nil
}

func (c *client) post(ctx context.Context, r sign.Request) ([]byte, error) {
	for i := 1; ; i++ {
		answer, err := c.once(ctx, r)
		if i == attempts || !again(err) {
			return answer, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Duration(i) * c.pause):
		}
	}
}

// again reports whether a request can't have had an effect yet, and may have one
// later.
func again(err error) bool {
	var status *sign.StatusError
	if errors.As(err, &status) {
		return slices.Contains([]int{
			http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
		}, status.Code)
	}
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

func (c *client) once(ctx context.Context, r sign.Request) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Content-Type", r.Type)
	if r.Token != "" {
		req.Header.Set("Authorization", "Bearer "+r.Token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		var wrapped *url.Error // which says the URL again
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated {
		return nil, &sign.StatusError{Code: resp.StatusCode, Message: message(resp.Body)}
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, r.Limit+1))
	if err != nil {
		return nil, fmt.Errorf("its answer: %w", err)
	}
	if int64(len(answer)) > r.Limit {
		return nil, &sign.LimitError{What: "its answer", Size: int64(len(answer)), Limit: r.Limit}
	}
	return answer, nil
}

// message returns what a service says of why it refuses, as much as fits into a
// line: the member message of a JSON object, or else all.
func message(body io.Reader) string {
	text, err := io.ReadAll(io.LimitReader(body, maxMessage))
	if err != nil {
		return ""
	}
	var object struct {
		Message string `json:"message"`
	}
	if err := json.Unmarshal(text, &object); err != nil || object.Message == "" {
		object.Message = string(text)
	}
	letters := []rune(strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, object.Message)))
	if len(letters) > maxShown {
		letters = append(letters[:maxShown], '…')
	}
	return string(letters)
}
