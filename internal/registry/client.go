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
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

const (
	// A request is made at most maxTries times, with a pause that doubles. What a
	// registry asks for is waited for up to maxPause.
	maxTries   = 4
	firstPause = 500 * time.Millisecond
	maxPause   = 10 * time.Second
	// maxManifest bounds manifests and lists of them, which have to be in memory.
	maxManifest = 1 << 20
)

// A client reads one repository (distribution-spec v1.1).
type client struct {
	repo  name.Repository
	guard *guard
	http  *http.Client
	pause time.Duration
}

// newClient logs in as the user's docker or podman configuration says.
func newClient(ctx context.Context, repo name.Repository, opts Options) (*client, error) {
	c := &client{repo: repo, guard: newGuard(repo.RegistryStr(), opts.roots, opts.idle), pause: opts.pause}
	auth, err := resolve(ctx, repo)
	if err != nil {
		return nil, &TransferError{URL: repo.RegistryStr(), Err: err}
	}
	err = c.retry(ctx, func() error {
		t, err := transport.NewWithContext(ctx, repo.Registry, auth, c.guard, []string{repo.Scope(transport.PullScope)})
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
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return &TransferError{URL: address, Err: err}
		}
		if accept != "" {
			req.Header.Set("Accept", accept)
		}
		resp, err := c.http.Do(req)
		if err != nil {
			return typed(address, err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return &StatusError{URL: address, Code: resp.StatusCode, after: retryAfter(resp.Header)}
		}
		return use(resp.Header, &transferReader{address, resp.Body})
	})
}

// retry calls try until it succeeds or is not worth another try.
func (c *client) retry(ctx context.Context, try func() error) error {
	pause := c.pause
	for n := 1; ; n++ {
		err := try()
		if err == nil || n == maxTries || ctx.Err() != nil || !temporary(err) {
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
	body    io.Reader
}

func (r *transferReader) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
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

// blob adds the blob that desc names to the layout.
func (c *client) blob(ctx context.Context, w *oci.Writer, desc ocispec.Descriptor) error {
	return c.get(ctx, c.url("blobs", desc.Digest.String()), "", func(_ http.Header, body io.Reader) error {
		return w.Add(desc, body)
	})
}
