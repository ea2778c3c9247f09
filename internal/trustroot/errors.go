package trustroot

import (
	"fmt"
	"strings"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
)

// A FormatError reports that File is not what this package would publish: it is
// broken, or uses something of TUF that the trust root has no place for.
type FormatError struct{ File, Problem string }

func (e *FormatError) Error() string { return e.File + ": " + e.Problem }

// A LimitError reports that What has more than Limit bytes, which clients don't
// read, or more than Limit entries.
type LimitError struct {
	What        string
	Size, Limit int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s has %d, more than the limit of %d", e.What, e.Size, e.Limit)
}

// A ChangeError reports that a change was asked for that the trust root doesn't
// allow, for example a threshold of 3 with two keys.
type ChangeError struct{ Role, Problem string }

func (e *ChangeError) Error() string { return e.Role + ": " + e.Problem }

// A TooFewKeysError reports a change after which Role had fewer keys than have to sign.
type TooFewKeysError struct {
	Role            string
	Delegation      bool // and not a top-level role
	Threshold, Keys int
}

func (e *TooFewKeysError) Error() string {
	if e.Keys == 0 {
		return e.Role + ": it would have no key left"
	}
	return fmt.Sprintf("%s: %d of its keys have to sign, and it would have %d", e.Role, e.Threshold, e.Keys)
}

// A RevokedKeyError reports that Key, which is to sign for Role, was revoked once.
type RevokedKeyError struct {
	Role, Key string
	trust.Revocation
}

func (e *RevokedKeyError) Error() string {
	return fmt.Sprintf("%s: the key %s was revoked on %s: %q", e.Role, e.Key, date(e.At), e.Reason)
}

// A StaleError reports a staged file that doesn't follow the published one: it
// was staged on an older version.
type StaleError struct {
	Role              string
	Staged, Published int64
}

func (e *StaleError) Error() string {
	return fmt.Sprintf("%s: version %d is staged, but version %d is published, and %d would be next",
		e.Role, e.Staged, e.Published, e.Published+1)
}

// A NoRoleError reports a key that may not sign for Role. May names those that
// may, by their IDs.
type NoRoleError struct {
	Role, Key string
	May       []string
}

func (e *NoRoleError) Error() string {
	return fmt.Sprintf("%s: the key %s may not sign it, only %s", e.Role, e.Key, strings.Join(e.May, ", "))
}

// A NotStagedError reports that nothing is staged for Role, or at all when Role
// is empty.
type NotStagedError struct{ Role string }

func (e *NotStagedError) Error() string {
	if e.Role == "" {
		return "nothing is staged"
	}
	return e.Role + ": nothing is staged"
}

// A MissingError reports that the trust root has no What, for example "delegation
// for the name mqtt".
type MissingError struct{ What string }

func (e *MissingError) Error() string { return "there is no " + e.What }

// An UnsoundError reports published files that don't verify: somebody changed
// them, or putting new ones in place was interrupted.
type UnsoundError struct{ Err error }

func (e *UnsoundError) Error() string { return "what is published doesn't verify: " + e.Err.Error() }
func (e *UnsoundError) Unwrap() error { return e.Err }

// A SignatureError reports that Role's file has fewer good signatures than its
// threshold. By says whose rules: "root 1".
type SignatureError struct {
	Role, By  string
	Got, Want int
}

func (e *SignatureError) Error() string {
	return fmt.Sprintf("%s: %d good signatures by the keys that %s names, want %d", e.Role, e.Got, e.By, e.Want)
}

// An ExpiredError reports that Role's file was good until Expired.
type ExpiredError struct {
	Role    string
	Expired time.Time
}

func (e *ExpiredError) Error() string {
	return fmt.Sprintf("%s expired on %s", e.Role, e.Expired.Format(time.RFC3339))
}

// A BusyError reports that another process is changing the folder Dir.
type BusyError struct{ Dir string }

func (e *BusyError) Error() string { return e.Dir + ": another process is at work in it" }

// An OtherRootError reports that the published chain of roots doesn't go through
// the root that the caller trusts.
type OtherRootError struct{ Version int64 }

func (e *OtherRootError) Error() string {
	return fmt.Sprintf("root %d is not the one that you trust", e.Version)
}
