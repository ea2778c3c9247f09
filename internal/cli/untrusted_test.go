package cli

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
)

// TestUntrusted: whatever the trust root's client says, a user is told what to do,
// and nothing is taken for trusted.
func TestUntrusted(t *testing.T) {
	mqtt := &trust.Release{Ref: trust.Ref{Name: "mqtt", Version: "2.7.9"}, Target: &trust.Target{Revoked: &trust.Revocation{}}}
	for _, c := range []struct {
		err  error
		code int
		hint string
	}{
		{&trust.CacheError{Dir: "/c", Err: errors.Join(errors.New("x"), &trust.RollbackError{})}, exitRefused, "remove /c"},
		{errors.Join(&trust.BusyError{}, &trust.LimitError{What: "time"}), exitOther, "other tailsbuild"},
		{&trust.ClockError{}, exitRefused, "clock"},
		{&trust.ExpiredError{Role: "snapshot"}, exitRefused, "if snapshot is expired there"},
		{&trust.RollbackError{}, exitRefused, "older"},
		{&trust.RevokedError{Release: mqtt}, exitRefused, "newer release of mqtt"},
		{&trust.SequenceError{Release: mqtt, Seen: trust.Seen{Ref: trust.Ref{Name: "mqtt", Version: "3"}}}, exitRefused, "use mqtt:3-r0"},
		{&trust.ConflictError{Release: mqtt}, exitRefused, "never changes"},
		{&trust.NotFoundError{}, exitRefused, "check the name"},
		{&trust.RefusedError{Err: &trust.VersionError{}}, exitRefused, "newer tailsbuild"},
		{&trust.SignatureError{}, exitRefused, "another place"},
		{&trust.ChangedError{}, exitRefused, "another place"},
		{&trust.MismatchError{}, exitRefused, "another place"},
		{&trust.RefusedError{Err: errors.New("x")}, exitRefused, "another place"},
		{&trust.FormatError{}, exitRefused, "another place"},
		{&trust.LimitError{What: "snapshot"}, exitRefused, "another place"},
		{errors.Join(&trust.SourceError{Err: errors.New("x")}, &trust.LimitError{What: "time"}), exitRefused, "--offline"},
		{&trust.MissingError{}, exitRefused, "whole trust root"},
		{&trust.SourceError{Err: &trust.RedirectError{}}, exitRefused, "another place"},
		{&trust.SourceError{Err: errors.New("refused")}, exitOther, "socks5h"},
		{errors.New("anything"), exitRefused, ""},
	} {
		got := outcomeOf(fmt.Errorf("mqtt: %w", &untrustedError{c.err}))
		if got.code != c.code || !strings.Contains(got.hint, c.hint) {
			t.Errorf("%T: exit %d, hint %q, want %d and %q", c.err, got.code, got.hint, c.code, c.hint)
		}
	}
}
