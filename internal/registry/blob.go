package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// blob adds the blob that desc names to the layout. got, which may be nil, is told
// how much of it is there.
func (c *client) blob(ctx context.Context, w store, desc ocispec.Descriptor, got func(n int64)) error {
	return c.resume(ctx, func() (bool, error) {
		var body *countedBody
		err := w.Fetch(desc, func(offset int64) (io.ReadCloser, error) {
			r, err := c.open(ctx, desc, offset)
			if err != nil {
				return nil, err
			}
			body = &countedBody{ReadCloser: r, at: offset, moved: got}
			return body, nil
		})
		return body != nil && body.n > 0, err
	})
}

// A countedBody tells where in a blob reading it is.
type countedBody struct {
	io.ReadCloser
	at, n int64
	moved func(int64)
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.n += int64(n); b.moved != nil {
		b.moved(b.at + b.n)
	}
	return n, err
}

// open asks once for the bytes of a blob from offset on. A registry that can't
// give them from there gives all, and what comes before is skipped.
func (c *client) open(ctx context.Context, desc ocispec.Descriptor, offset int64) (io.ReadCloser, error) {
	r := request{method: http.MethodGet, address: c.url("blobs", desc.Digest.String())}
	if offset == 0 {
		resp, err := c.do(ctx, r, http.StatusOK)
		if err != nil {
			return nil, err
		}
		return resp.Body, nil
	}
	r.ranges = fmt.Sprintf("bytes=%d-%d", offset, desc.Size-1)
	resp, err := c.do(ctx, r, http.StatusOK, http.StatusPartialContent)
	var status *StatusError
	if errors.As(err, &status) && status.Code == http.StatusRequestedRangeNotSatisfiable {
		r.ranges = ""
		resp, err = c.do(ctx, r, http.StatusOK)
	}
	if err != nil {
		return nil, err
	}
	partial := fmt.Sprintf("bytes %d-", offset)
	switch {
	case resp.StatusCode == http.StatusOK:
		_, err = io.CopyN(io.Discard, resp.Body, offset)
		err = unexpected(err)
	case !strings.HasPrefix(resp.Header.Get("Content-Range"), partial):
		err = &oci.FormatError{What: r.address, Detail: fmt.Sprintf("Content-Range is %q, want %s…", resp.Header.Get("Content-Range"), partial)}
	}
	if err != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp.Body, nil
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// has reports whether the repository has the blob that desc names.
func (c *client) has(ctx context.Context, desc ocispec.Descriptor) (has bool, err error) {
	r := request{method: http.MethodHead, address: c.url("blobs", desc.Digest.String())}
	err = c.retry(ctx, func() error {
		resp, err := c.do(ctx, r, http.StatusOK)
		if IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		resp.Body.Close()
		if n := resp.ContentLength; n >= 0 && n != desc.Size {
			return &oci.SizeError{Blob: "blob " + desc.Digest.String(), Expected: desc.Size, Got: n}
		}
		has = true
		return nil
	})
	return has, err
}

// IsNotFound reports whether err is that a registry has nothing there.
func IsNotFound(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && status.Code == http.StatusNotFound
}
