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
	return &Acceptor{in: in, out: out, log: log, config: config{root: "/", file: ConfigFile, owner: 0}, uid: os.Getuid()}
}

// A Request asks to run an image.
type Request struct {
	// Reference is how the image was asked for.
	Reference string
	Digest    digest.Digest
	Verdict   verdict.Verdict
	Now       time.Time
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
	Request Request
	Err     error
}

func (e *NotAcceptedError) Error() string {
	return fmt.Sprintf("%q is %s: %v", e.Request.Reference, e.Request.Verdict.Kind, e.Err)
}
func (e *NotAcceptedError) Unwrap() error { return e.Err }

// Accept returns nil when the image may run: it is trusted, or was accepted and
// the log has it. Otherwise it returns a *[NotAcceptedError].
func (a *Acceptor) Accept(ctx context.Context, r Request) error {
	if r.Verdict.Kind == verdict.Trusted {
		return nil
	}
	by, err := a.accepted(ctx, r)
	if err == nil {
		err = a.write(r, by)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return &NotAcceptedError{r, err}
	}
	return nil
}

// accepted returns who accepts the image.
func (a *Acceptor) accepted(ctx context.Context, r Request) (approval, error) {
	if r.Verdict.Kind != verdict.Foreign && r.Verdict.Kind != verdict.Unsigned {
		return approval{}, ErrRefused
	}
	if r.Digest.Validate() != nil || r.Digest.Algorithm() != digest.SHA256 {
		return approval{}, ErrNoDigest
	}
	reason, ok, err := a.config.accepts(r.Digest)
	switch {
	case err != nil:
		return approval{}, err
	case ok:
		return approval{By: "configuration", Why: reason}, nil
	}
	if err := a.ask(ctx, r); err != nil {
		return approval{}, err
	}
	return approval{By: "person"}, nil
}
