package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
)

// maxSingle is how many bytes are sent in one request, which can't be gone on with
// when it is cut off.
const maxSingle = 1 << 20

// An upload brings one blob into a repository (distribution-spec, pushing blobs).
type upload struct {
	*client
	desc ocispec.Descriptor
	// open returns the blob's bytes from offset on.
	open func(offset int64) (io.ReadCloser, error)
	// sent, which may be nil, is told how many bytes were sent.
	sent func(n int64)

	session string // where the bytes go, "" before there is a session
	begun   bool   // something was sent
	offset  int64  // how far the registry is
}

func (u *upload) run(ctx context.Context) error {
	return u.resume(ctx, func() (bool, error) {
		before := u.offset
		err := u.try(ctx)
		return u.offset > before, err
	})
}

// try goes on with the upload, or begins it.
func (u *upload) try(ctx context.Context) error {
	if u.begun {
		if done, err := u.status(ctx); done || err != nil {
			return err
		}
	}
	if u.session == "" {
		if err := u.start(ctx); err != nil {
			return err
		}
	}
	if u.desc.Size <= maxSingle {
		return u.finish(ctx, true)
	}
	if u.offset < u.desc.Size {
		if err := u.send(ctx); err != nil {
			return err
		}
	}
	return u.finish(ctx, false)
}

// start begins a session.
func (u *upload) start(ctx context.Context) error {
	u.begun, u.offset = false, 0
	resp, err := u.do(ctx, request{method: http.MethodPost, address: u.url("blobs", "uploads/")}, http.StatusAccepted)
	if err != nil {
		return err
	}
	resp.Body.Close()
	return u.moved(resp)
}

// mount has the registry take the blob from another of its repositories, and
// reports whether it did. If it began a session instead, that is used.
func (u *upload) mount(ctx context.Context, from string) (mounted bool, err error) {
	address := u.url("blobs", "uploads/") + "?" + url.Values{"mount": {u.desc.Digest.String()}, "from": {from}}.Encode()
	resp, err := u.do(ctx, request{method: http.MethodPost, address: address}, http.StatusCreated, http.StatusAccepted)
	if err != nil {
		return false, err
	}
	resp.Body.Close()
	if resp.StatusCode == http.StatusCreated {
		return true, nil
	}
	return false, u.moved(resp)
}

// moved takes the session's address from an answer.
func (u *upload) moved(resp *http.Response) error {
	location := resp.Header.Get("Location")
	next, err := resp.Request.URL.Parse(location)
	if err != nil || location == "" {
		return &TransferError{URL: resp.Request.URL.Redacted(), Err: fmt.Errorf("it sends blobs to %q", location)}
	}
	u.session = next.String()
	return nil
}

var received = lazyregexp.New(`^(?:bytes=)?0-([0-9]{1,18})$`)

// status asks how far the registry is (distribution-spec, resuming uploads), and
// reports whether it has the blob. Where it doesn't know the session any more, or
// can't say, there is a new one.
func (u *upload) status(ctx context.Context) (done bool, err error) {
	resp, err := u.do(ctx, request{method: http.MethodGet, address: u.session}, http.StatusNoContent)
	var status *StatusError
	if errors.As(err, &status) && !temporary(err) {
		u.session = ""
		return u.has(ctx, u.desc)
	}
	if err != nil {
		return false, err
	}
	resp.Body.Close()
	m := received.FindStringSubmatch(resp.Header.Get("Range"))
	if m == nil || u.moved(resp) != nil {
		u.session = ""
		return false, nil
	}
	last, err := strconv.ParseInt(m[1], 10, 64)
	// Nothing and one byte look the same.
	if u.offset = last + 1; last == 0 {
		u.offset = 0
	}
	if err != nil || u.offset > u.desc.Size {
		u.session = ""
	}
	return false, nil
}

// send sends the rest.
func (u *upload) send(ctx context.Context) error {
	body, err := u.rest()
	if err != nil {
		return err
	}
	r := request{
		method: http.MethodPatch, address: u.session, contentType: "application/octet-stream",
		body: body, size: u.desc.Size - u.offset,
	}
	if u.offset > 0 {
		r.ranges = fmt.Sprintf("%d-%d", u.offset, u.desc.Size-1)
	}
	resumed := u.offset > 0
	resp, err := u.do(ctx, r, http.StatusAccepted, http.StatusNoContent, http.StatusCreated)
	if err != nil {
		return u.broken(body, err, resumed)
	}
	resp.Body.Close()
	u.offset = u.desc.Size
	return u.moved(resp)
}

// finish ends the session, with the whole blob if nothing was sent before.
func (u *upload) finish(ctx context.Context, whole bool) error {
	address := u.session + "?"
	if parsed, err := url.Parse(u.session); err == nil && parsed.RawQuery != "" {
		address = u.session + "&"
	}
	r := request{method: http.MethodPut, address: address + url.Values{"digest": {u.desc.Digest.String()}}.Encode()}
	var body *blobBody
	if whole {
		u.offset = 0
		var err error
		if body, err = u.rest(); err != nil {
			return err
		}
		r.body, r.size, r.contentType = body, u.desc.Size, "application/octet-stream"
		if u.desc.Size == 0 {
			r.body = http.NoBody
		}
	}
	resp, err := u.do(ctx, r, http.StatusCreated, http.StatusNoContent)
	if err != nil {
		if whole {
			u.session = "" // begins anew
		}
		return u.broken(body, err, false)
	}
	resp.Body.Close()
	return nil
}

// rest opens what is to be sent.
func (u *upload) rest() (*blobBody, error) {
	r, err := u.open(u.offset)
	if err != nil {
		return nil, err
	}
	u.begun = u.desc.Size > maxSingle
	return &blobBody{countedBody: countedBody{ReadCloser: r, at: u.offset, moved: u.sent}, left: u.desc.Size - u.offset}, nil
}

// broken returns why sending body ended with err: what reading the blob gave, if
// that was it. A session that was gone on with in vain is given up.
func (u *upload) broken(body *blobBody, err error, resumed bool) error {
	if body != nil {
		if failed := body.failure(); failed != nil {
			return failed
		}
	}
	var status *StatusError
	if resumed && errors.As(err, &status) && !temporary(err) && status.Code != http.StatusUnauthorized && status.Code != http.StatusForbidden {
		err = &TransferError{URL: u.session, Err: err}
		u.session = ""
	}
	return err
}

// A blobBody remembers what reading the blob ended with, which net/http mixes up
// with what sending it ends with, and may still be read when that has ended.
type blobBody struct {
	countedBody
	left int64
	mu   sync.Mutex
	err  error
}

// Read keeps the last bytes back until it is known that all of the blob is right, so
// that a registry gets no whole body, and gives no answer, before that.
func (b *blobBody) Read(p []byte) (int, error) {
	n, err := b.countedBody.Read(p)
	if b.left -= int64(n); b.left == 0 && n > 0 && err == nil {
		if _, err = b.ReadCloser.Read(make([]byte, 1)); err != nil && err != io.EOF {
			n = 0
		}
	}
	if err != nil && err != io.EOF {
		b.mu.Lock()
		b.err = err
		b.mu.Unlock()
	}
	return n, err
}

func (b *blobBody) failure() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}
