package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

const (
	// A request is made at most maxTries times, with a pause that doubles. What a
	// registry asks for is waited for up to maxPause.
	// What goes on where it was cut off is gone on with maxResumes times at most.
	maxTries   = 4
	maxResumes = 100
	firstPause = 500 * time.Millisecond
	maxPause   = 10 * time.Second
	// maxError is how much is read of an error that a registry explains.
	maxError = 4 << 10
	// maxManifest bounds manifests and lists of them, which have to be in memory.
	maxManifest = 1 << 20
)

// A client talks to one repository (distribution-spec v1.1).
type client struct {
	repo  name.Repository
	guard *guard
	http  *http.Client
	pause time.Duration
}

// newClient logs in as the user's docker or podman configuration says, for what
// scopes are.
func newClient(ctx context.Context, repo name.Repository, opts Options, scopes ...string) (*client, error) {
	g, err := newGuard(repo.RegistryStr(), opts)
	if err != nil {
		return nil, err
	}
	c := &client{repo: repo, guard: g, pause: opts.pause}
	auth, err := resolve(ctx, repo)
	if err != nil {
		return nil, &TransferError{URL: repo.RegistryStr(), Err: err}
	}
	err = c.retry(ctx, func() error {
		t, err := transport.NewWithContext(ctx, repo.Registry, auth, c.guard, scopes)
		if err != nil {
			return typed(repo.RegistryStr(), err)
		}
		c.http = &http.Client{Transport: t, CheckRedirect: checkRedirect}
		return nil
	})
	if err != nil {
		c.guard.close()
		return nil, err
	}
	return c, nil
}

// resolve returns the credentials for repo. A credential helper is a program that
// may never answer.
func resolve(ctx context.Context, repo name.Repository) (authn.Authenticator, error) {
	type answer struct {
		auth authn.Authenticator
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		auth, err := authn.Resolve(ctx, authn.DefaultKeychain, repo)
		got <- answer{auth, err}
	}()
	select {
	case a := <-got:
		return a.auth, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// url returns the address of something in the repository. The scheme is changed
// when the registry answered on another.
func (c *client) url(kind, ref string) string {
	return (&url.URL{
		Scheme: "https", Host: c.repo.RegistryStr(),
		Path: "/v2/" + c.repo.RepositoryStr() + "/" + kind + "/" + ref,
	}).String()
}

// get reads the body at address, which use must read to its end or give up with
// an error. It is asked for again when the answer or the transfer broke, never
// when use didn't like what came.
func (c *client) get(ctx context.Context, address, accept string, use func(http.Header, io.Reader) error) error {
	return c.retry(ctx, func() error {
		resp, err := c.do(ctx, request{method: http.MethodGet, address: address, accept: accept}, http.StatusOK)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		return use(resp.Header, resp.Body)
	})
}

// A request is what do sends.
type request struct {
	method, address string
	accept          string
	contentType     string
	ranges          string // Range of a GET, Content-Range of what is sent
	body            io.Reader
	size            int64
}

// do sends a request once. Another status than those wanted is a *[StatusError];
// errors of the body are *[TransferError].
func (c *client) do(ctx context.Context, r request, want ...int) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, r.address, r.body)
	if err != nil {
		return nil, &TransferError{URL: r.address, Err: err}
	}
	req.ContentLength = r.size
	for name, value := range map[string]string{"Accept": r.accept, "Content-Type": r.contentType} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	switch {
	case r.ranges != "" && r.body == nil:
		req.Header.Set("Range", r.ranges)
	case r.ranges != "":
		req.Header.Set("Content-Range", r.ranges)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, typed(r.address, err)
	}
	if !slices.Contains(want, resp.StatusCode) {
		// A connection can be used again when all of an answer was read.
		_, _ = io.CopyN(io.Discard, resp.Body, maxError)
		resp.Body.Close()
		return nil, &StatusError{URL: r.address, Code: resp.StatusCode, after: retryAfter(resp.Header)}
	}
	resp.Body = &transferReader{r.address, resp.Body}
	return resp, nil
}

// retry calls try until it succeeds or is not worth another try.
func (c *client) retry(ctx context.Context, try func() error) error {
	return c.resume(ctx, func() (bool, error) { return false, try() })
}

// resume is retry for what goes on where it was cut off: only tries that got no
// further count.
func (c *client) resume(ctx context.Context, try func() (further bool, err error)) error {
	pause := c.pause
	for n, all := 1, 1; ; n, all = n+1, all+1 {
		further, err := try()
		if further {
			n, pause = 1, c.pause
		}
		if err == nil || n == maxTries || all == maxResumes || ctx.Err() != nil || !temporary(err) {
			return err
		}
		wait := pause
		var status *StatusError
		if errors.As(err, &status) {
			wait = max(wait, status.after)
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(min(wait, maxPause)):
		}
		pause *= 2
	}
}

// temporary reports whether the same request may succeed later.
func temporary(err error) bool {
	var (
		status   *StatusError
		insecure *InsecureError
		transfer *TransferError
		cert     *tls.CertificateVerificationError
		dns      *net.DNSError
	)
	switch {
	case errors.As(err, &status):
		return slices.Contains([]int{
			http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
			http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
		}, status.Code)
	case errors.As(err, &insecure) || errors.As(err, &cert):
		return false
	case errors.As(err, &dns):
		return dns.IsTemporary || dns.IsTimeout
	}
	return errors.As(err, &transfer)
}

// typed makes an error of this package of what a request to address gave.
func typed(address string, err error) error {
	var insecure *InsecureError
	if errors.As(err, &insecure) {
		return insecure
	}
	var answer *transport.Error
	if errors.As(err, &answer) && answer.StatusCode != 0 {
		return &StatusError{URL: address, Code: answer.StatusCode}
	}
	// The address is said once.
	var in *url.Error
	if errors.As(err, &in) {
		err = in.Err
	}
	return &TransferError{URL: address, Err: err}
}

func retryAfter(h http.Header) time.Duration {
	n, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(min(n, int(maxPause/time.Second))) * time.Second
}

// A transferReader marks errors of the transfer, so that they are told from those
// of whoever reads.
type transferReader struct {
	address string
	io.ReadCloser
}

func (r *transferReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = &TransferError{URL: r.address, Err: err}
	}
	return n, err
}

// document returns the bytes at address, limit at most.
func (c *client) document(ctx context.Context, address, accept string, limit int64) (b []byte, h http.Header, err error) {
	err = c.get(ctx, address, accept, func(header http.Header, body io.Reader) error {
		got, err := io.ReadAll(io.LimitReader(body, limit+1))
		if err != nil {
			return err
		}
		if int64(len(got)) > limit {
			return &oci.LimitError{What: address, Size: int64(len(got)), Limit: limit}
		}
		b, h = got, header
		return nil
	})
	return b, h, err
}
