package trust

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// A FormatError reports that What is not written as it must be.
type FormatError struct{ What, Problem string }

func (e *FormatError) Error() string { return e.What + ": " + e.Problem }

// A VersionError reports a format that this version of tailsbuild doesn't know.
type VersionError struct {
	What      string
	Got, Want int
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("%s has format version %d, want %d", e.What, e.Got, e.Want)
}

// A LimitError reports that What has more than Limit bytes or entries, or, for
// "time", takes longer than Limit seconds.
type LimitError struct {
	What  string
	Limit int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: more than the limit of %d", e.What, e.Limit)
}

// formatError turns what package oci says of JSON into this package's errors.
func formatError(what string, err error) error {
	var limit *oci.LimitError
	if errors.As(err, &limit) {
		return &LimitError{What: limit.What, Limit: limit.Limit}
	}
	var format *oci.FormatError
	if errors.As(err, &format) {
		return &FormatError{What: what, Problem: format.Detail}
	}
	return &FormatError{What: what, Problem: err.Error()}
}

// An ExpiredError reports that Role's metadata was good until Expired and is no
// more. Nobody signed newer metadata, somebody withholds it, or the clock is wrong.
type ExpiredError struct {
	Role         string
	Expired, Now time.Time
}

func (e *ExpiredError) Error() string {
	return fmt.Sprintf("%s expired at %s, and it is %s now", e.Role, stamp(e.Expired), stamp(e.Now))
}

// A ClockError reports that Now is more than a day before Seen, when this machine
// last checked the trust root or, with a Role, when the newest of what that lists was
// released or revoked. What has expired looks good to such a clock.
type ClockError struct {
	Now, Seen time.Time
	Role      string
}

func (e *ClockError) Error() string {
	if e.Role != "" {
		return fmt.Sprintf("the clock says %s, but %s lists something of %s already", stamp(e.Now), e.Role, stamp(e.Seen))
	}
	return fmt.Sprintf("the clock says %s, but the trust root was checked at %s already", stamp(e.Now), stamp(e.Seen))
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// A RollbackError reports that Role has version Got where version Seen was seen
// before. Got is 0 when the role is not listed any more.
type RollbackError struct {
	Role      string
	Got, Seen int64
}

func (e *RollbackError) Error() string {
	if e.Got == 0 {
		return fmt.Sprintf("%s is gone, but version %d was seen before", e.Role, e.Seen)
	}
	return fmt.Sprintf("%s has version %d, but version %d was seen before", e.Role, e.Got, e.Seen)
}

// A MismatchError reports that Role has version Got where what names it says Want.
type MismatchError struct {
	Role      string
	Got, Want int64
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("%s has version %d, want %d", e.Role, e.Got, e.Want)
}

// A SignatureError reports that Role's metadata has good signatures of Got of its
// keys, and needs those of Want.
type SignatureError struct {
	Role      string
	Got, Want int
	// By is who says which keys count: "the root before it", for the rules of the
	// last root that was trusted, empty for the only rules there are.
	By string
	// Revoked says why keys were taken from the role, when the trust root does.
	Revoked *RoleRevocation
}

func (e *SignatureError) Error() string {
	s := fmt.Sprintf("%s is signed by %d of its keys, want %d", e.Role, e.Got, e.Want)
	if e.By != "" {
		s = fmt.Sprintf("%s is signed by %d of the keys of %s, want %d", e.Role, e.Got, e.By, e.Want)
	}
	if e.Revoked != nil {
		s += fmt.Sprintf("; a key was revoked at %s: %s", stamp(e.Revoked.At), e.Revoked.Reason)
	}
	return s
}

// A MissingError reports that Location doesn't have File.
type MissingError struct{ File, Location string }

func (e *MissingError) Error() string {
	return fmt.Sprintf("%s is missing from %s", e.File, e.Location)
}

// A ChangedError reports that File is not what the metadata that names it says. Got
// is empty when File is longer, and was not read to its end.
type ChangedError struct {
	File      string
	Want, Got digest.Digest
}

func (e *ChangedError) Error() string {
	if e.Got == "" {
		return fmt.Sprintf("%s: expected %s, got more bytes", e.File, e.Want)
	}
	return fmt.Sprintf("%s: expected %s, got %s", e.File, e.Want, e.Got)
}

// A RefusedError reports anything else that is wrong with Role's metadata.
type RefusedError struct {
	Role string
	Err  error
}

func (e *RefusedError) Error() string { return fmt.Sprintf("%s: %v", e.Role, e.Err) }
func (e *RefusedError) Unwrap() error { return e.Err }

// A SourceError reports that Location can't be read.
type SourceError struct {
	Location string
	Err      error
}

func (e *SourceError) Error() string { return fmt.Sprintf("%s: %v", e.Location, e.Err) }
func (e *SourceError) Unwrap() error { return e.Err }

// A StatusError reports an HTTP response other than a file.
type StatusError struct{ Code int }

func (e *StatusError) Error() string { return fmt.Sprintf("HTTP status %d", e.Code) }

// A RedirectError reports a redirection that was not followed.
type RedirectError struct{ To, Reason string }

func (e *RedirectError) Error() string {
	return fmt.Sprintf("redirection to %q: %s", e.To, e.Reason)
}

// A CacheError reports that what this machine remembers of the trust root is
// damaged or gone, so that an older trust root could pass for the newest. Nothing
// is trusted until a person has removed Dir, which forgets all of it.
type CacheError struct {
	Dir string
	Err error
}

func (e *CacheError) Error() string { return fmt.Sprintf("cache %s: %v", e.Dir, e.Err) }
func (e *CacheError) Unwrap() error { return e.Err }

// A BusyError reports that another process held the cache Dir for too long.
type BusyError struct{ Dir string }

func (e *BusyError) Error() string { return fmt.Sprintf("cache %s is in use", e.Dir) }

// A NotFoundError reports that nobody who may sign What, a release or a digest,
// has done so.
type NotFoundError struct {
	What string
	// Revoked says why nobody may any more, when the trust root does.
	Revoked *RoleRevocation
}

func (e *NotFoundError) Error() string {
	s := e.What + " is not in the trust root"
	if e.Revoked != nil {
		s += fmt.Sprintf("; who signed %s was revoked at %s: %s",
			strings.Join(e.Revoked.Paths, ", "), stamp(e.Revoked.At), e.Revoked.Reason)
	}
	return s
}

// A RevokedError reports a release that must not be used any more.
type RevokedError struct{ Release *Release }

func (e *RevokedError) Error() string {
	r := e.Release.Target.Revoked
	return fmt.Sprintf("%s was revoked at %s: %s", e.Release.Ref, stamp(r.At), r.Reason)
}

// A SequenceError reports a release older than Seen, which this machine has
// accepted and which is not revoked.
type SequenceError struct {
	Release *Release
	Seen    Seen
}

func (e *SequenceError) Error() string {
	return fmt.Sprintf("%s is older than %s, which was accepted before", e.Release.Ref, e.Seen.Ref)
}

// A ConflictError reports a release that takes the name or the sequence number of
// Seen, which this machine has accepted, and is another image.
type ConflictError struct {
	Release *Release
	Seen    Seen
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s is %s, but %s was accepted as %s with the same sequence or name",
		e.Release.Ref, e.Release.Digest, e.Seen.Digest, e.Seen.Ref)
}
