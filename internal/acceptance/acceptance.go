// Package acceptance lets an image run that a policy doesn't trust: a foreign one
// after a warning, every time, and an unsigned one after a person at a terminal
// accepted it twice. The machine's administrator can accept either by its digest,
// in a file that is root's.
//
// Whatever is accepted is written to a log first. Everything else, an error among
// it, means that the image is not accepted.
package acceptance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/verdict"
)

// ConfigFile is where the administrator names images that are accepted. Nothing
// but a change of this package makes it another file.
const ConfigFile = "/etc/tailsbuild/accepted.hcl"

// An Acceptor asks whether images are accepted. Make it with [New].
type Acceptor struct {
	in, out *os.File
	log     string
	config  config
	uid     int
}

// New returns an acceptor that asks a person at in and out, if both are terminals,
// and writes what is accepted to the file log.
func New(in, out *os.File, log string) *Acceptor {
	return &Acceptor{in: in, out: out, log: log, config: config{root: "/", file: ConfigFile}, uid: os.Getuid()}
}

// The reasons why an image is not accepted, beside errors of files.
var (
	ErrRefused    = errors.New("it is refused, which nobody can change but by another policy")
	ErrNoTerminal = errors.New("there is no terminal with a person to ask")
	ErrDeclined   = errors.New("it was not accepted")
	ErrNoDigest   = errors.New("it isn't known which image it is")
)

// A NotAcceptedError reports that an image may not run. Err is one of this
// package's, or what could not be read or written.
type NotAcceptedError struct {
	Verdict verdict.Verdict
	Err     error
}

func (e *NotAcceptedError) Error() string {
	return fmt.Sprintf("%q is %s: %v", e.Verdict.Reference, e.Verdict.Kind, e.Err)
}
func (e *NotAcceptedError) Unwrap() error { return e.Err }

// Accept returns nil when the image that v is on may run: it is trusted, or was
// accepted and the log, in which it happens now, has it. Otherwise it returns a
// *[NotAcceptedError].
func (a *Acceptor) Accept(ctx context.Context, v verdict.Verdict, now time.Time) error {
	if v.Kind == verdict.Trusted {
		return nil
	}
	by, err := a.accepted(ctx, v)
	if err == nil {
		err = a.write(v, by, now)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return &NotAcceptedError{v, err}
	}
	return nil
}

// accepted returns who accepts the image.
func (a *Acceptor) accepted(ctx context.Context, v verdict.Verdict) (approval, error) {
	if v.Kind != verdict.Foreign && v.Kind != verdict.Unsigned {
		return approval{}, ErrRefused
	}
	if v.Digest.Validate() != nil || v.Digest.Algorithm() != digest.SHA256 {
		return approval{}, ErrNoDigest
	}
	reason, ok, err := a.config.accepts(v.Digest)
	switch {
	case err != nil:
		return approval{}, err
	case ok:
		return approval{By: "configuration", Why: reason}, nil
	}
	if err := a.ask(ctx, v); err != nil {
		return approval{}, err
	}
	return approval{By: "person"}, nil
}
