package inputs

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

const (
	userAgent    = "tailsbuild/1"
	maxRedirects = 10
	idleTimeout  = 60 * time.Second
	// A download is tried again after a pause that doubles, starting with
	// firstPause, until maxIdleTries tries in a row brought no byte.
	firstPause   = 500 * time.Millisecond
	maxIdleTries = 3
	maxTries     = 10
)

// errIdle is why a transfer that stood still was given up.
var errIdle = errors.New("no data for a minute")

func (f *Fetcher) httpClient() *http.Client {
	f.clientOnce.Do(func() { f.client = newClient() })
	return f.client
}

// newClient returns a client that bounds every wait, but not the whole transfer,
// and takes bodies as they are.
func newClient() *http.Client {
	dialer := &net.Dialer{Timeout: 15 * time.Second}
	return &http.Client{
		CheckRedirect: checkRedirect,
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    15 * time.Second,
			ResponseHeaderTimeout:  30 * time.Second,
			IdleConnTimeout:        30 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
			DisableCompression:     true,
			ForceAttemptHTTP2:      true,
		},
	}
}

func checkRedirect(req *http.Request, via []*http.Request) error {
	last := via[len(via)-1].URL
	reason := ""
	switch {
	case len(via) > maxRedirects:
		reason = "too many redirections"
	case last.Scheme == "https" && req.URL.Scheme != "https":
		reason = "it leaves HTTPS"
	case req.URL.Scheme != "https" && req.URL.Scheme != "http":
		reason = "it leaves HTTP"
	}
	if reason == "" {
		return nil
	}
	return &RedirectError{From: last.Redacted(), To: req.URL.Redacted(), Reason: reason}
}

// A download fills a file from one URL.
type download struct {
	client   *http.Client
	url      string
	want     expected
	file     *os.File
	transfer *transfer
	pause    time.Duration
	etag     string // a strong one, of an earlier response
}

// run downloads the file, again where the last try was cut off.
func (d *download) run(ctx context.Context) error {
	pause := d.pause
	if pause == 0 {
		pause = firstPause
	}
	idle := 0
	for try := 1; ; try++ {
		n, err := d.once(ctx)
		if err == nil {
			return nil
		}
		idle++
		if n > 0 {
			idle = 1
		}
		if ctx.Err() != nil || !temporary(err) || idle >= maxIdleTries || try >= maxTries {
			return err
		}
		if err := sleep(ctx, pause<<(idle-1)); err != nil {
			return err
		}
	}
}

// once makes one request and returns how many bytes it brought.
func (d *download) once(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	offset, err := d.offset()
	if err != nil || (offset > 0 && offset == d.want.size) {
		return 0, err
	}
	resp, err := d.request(ctx, offset)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if offset, err = d.accept(resp, offset); err != nil {
		return 0, err
	}
	d.transfer.from(d.url, offset)
	limit := d.want.limit() - offset
	if resp.ContentLength > limit {
		return 0, errors.Join(d.want.tooLarge(d.url), truncate(d.file))
	}
	timer := time.AfterFunc(idleTimeout, func() { cancel(errIdle) })
	defer timer.Stop()
	n, err := copyBytes(d.file, &idleReader{resp.Body, timer}, limit, d.transfer)
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, errIdle) {
		err = cause
	}
	if err == nil && n > limit {
		err = errors.Join(d.want.tooLarge(d.url), truncate(d.file))
	}
	return n, err
}

// offset returns where to go on. Bytes that were not announced by a checksum or
// a strong validator are not gone on with.
func (d *download) offset() (int64, error) {
	if d.want.sha256 == "" && d.etag == "" {
		return 0, truncate(d.file)
	}
	offset, err := d.file.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, &StoreError{Path: d.file.Name(), Err: err}
	}
	return offset, nil
}

func (d *download) request(ctx context.Context, offset int64) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url, nil)
	if err != nil {
		return nil, &FormatError{File: d.url, Problem: "not a URL"}
	}
	req.Header.Set("User-Agent", userAgent)
	if offset > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
		if d.etag != "" {
			req.Header.Set("If-Range", d.etag)
		}
	}
	return d.client.Do(req)
}

// accept decides what a response's body is and returns the offset at which it
// goes into the file.
func (d *download) accept(resp *http.Response, offset int64) (int64, error) {
	switch resp.StatusCode {
	case http.StatusOK:
		d.etag = ""
		if etag := resp.Header.Get("ETag"); strings.HasPrefix(etag, `"`) {
			d.etag = etag
		}
		return 0, truncate(d.file)
	case http.StatusPartialContent:
		var start int64
		_, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-", &start)
		if offset > 0 && err == nil && start == offset {
			return offset, nil
		}
		err = &StatusError{URL: d.url, Code: resp.StatusCode} // another range than asked for
		return 0, errors.Join(err, truncate(d.file))
	case http.StatusRequestedRangeNotSatisfiable:
		return 0, errors.Join(&StatusError{URL: d.url, Code: resp.StatusCode}, truncate(d.file))
	}
	return 0, &StatusError{URL: d.url, Code: resp.StatusCode}
}

// temporary reports whether the same request may succeed later.
func temporary(err error) bool {
	var status *StatusError
	if errors.As(err, &status) {
		switch status.Code {
		case http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable,
			http.StatusRequestTimeout, http.StatusTooManyRequests:
			return true
		}
		return status.Code >= 500
	}
	var (
		mismatch *MismatchError
		limit    *LimitError
		redirect *RedirectError
		format   *FormatError
		local    *StoreError
		cert     *tls.CertificateVerificationError
		dns      *net.DNSError
	)
	if errors.As(err, &dns) {
		return dns.IsTemporary || dns.IsTimeout
	}
	return !errors.As(err, &mismatch) && !errors.As(err, &limit) && !errors.As(err, &redirect) &&
		!errors.As(err, &format) && !errors.As(err, &local) && !errors.As(err, &cert)
}

// An idleReader puts off a timer whenever data comes.
type idleReader struct {
	r     io.Reader
	timer *time.Timer
}

func (r *idleReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if n > 0 {
		r.timer.Reset(idleTimeout)
	}
	return n, err
}
