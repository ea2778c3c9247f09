package cli

import (
	"errors"
	"fmt"

	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
)

// An untrustedError reports that the trust root, as a client sees it, gives no
// reason to trust anything, or not this release. Whatever the reason is: refused.
type untrustedError struct{ Err error }

func (e *untrustedError) Error() string { return e.Err.Error() }
func (e *untrustedError) Unwrap() error { return e.Err }

// untrustedOutcome says what a user can do about it.
func untrustedOutcome(e *untrustedError) outcome {
	for _, r := range untrustedRules {
		if o, ok := r(e.Err); ok {
			return o
		}
	}
	return outcome{code: exitRefused}
}

const askElsewhere = "nothing of it was used; get the trust root from another place or by another way, and if it is the same there, ask its officers"

// untrustedRules are in the order of rules: what explains comes first.
var untrustedRules = []rule{
	on(func(e *trust.CacheError) outcome {
		return outcome{code: exitRefused, hint: fmt.Sprintf(
			"if this disk was full or damaged, or the trust root is another one now, remove %s: this machine then forgets which releases it has seen, and an older one could pass for the newest", e.Dir)}
	}),
	on(func(*trust.BusyError) outcome {
		return outcome{code: exitOther, hint: "wait until the other tailsbuild has ended, then try again"}
	}),
	on(func(*trust.ClockError) outcome {
		return outcome{code: exitRefused, hint: "set this machine's clock"}
	}),
	on(func(e *trust.ExpiredError) outcome {
		return outcome{code: exitRefused, hint: fmt.Sprintf(
			"if the clock is right, get the newest trust root, online or on a new stick; if %s is expired there, too, its officers have not renewed it, or somebody withholds what they signed", e.Role)}
	}),
	on(func(*trust.RollbackError) outcome {
		return outcome{code: exitRefused, hint: "this trust root is older than one that this machine has seen: a stick has to be copied anew; a server that stays behind may be an attacker's"}
	}),
	on(func(e *trust.RevokedError) outcome {
		return outcome{code: exitRefused, hint: fmt.Sprintf("do not use it; look for a newer release of %s", e.Release.Ref.Name)}
	}),
	on(func(e *trust.SequenceError) outcome {
		return outcome{code: exitRefused, hint: fmt.Sprintf("use %s or a newer release; an older one is accepted again only when its publishers revoke the newer", e.Seen.Ref)}
	}),
	on(func(*trust.ConflictError) outcome {
		return outcome{code: exitRefused, hint: "do not use it; a release never changes, so ask its publishers which of the two digests is theirs"}
	}),
	on(func(*trust.NotFoundError) outcome {
		return outcome{code: exitRefused, hint: "check the name, the version and its -rN; if they are right, it is not a release of this trust root"}
	}),
	on(func(*trust.VersionError) outcome {
		return outcome{code: exitRefused, hint: "use a newer tailsbuild"}
	}),
	on(func(*trust.SignatureError) outcome { return outcome{code: exitRefused, hint: askElsewhere} }),
	on(func(*trust.ChangedError) outcome { return outcome{code: exitRefused, hint: askElsewhere} }),
	on(func(*trust.MismatchError) outcome { return outcome{code: exitRefused, hint: askElsewhere} }),
	on(func(*trust.RefusedError) outcome { return outcome{code: exitRefused, hint: askElsewhere} }),
	on(func(*trust.FormatError) outcome { return outcome{code: exitRefused, hint: askElsewhere} }),
	on(func(e *trust.LimitError) outcome {
		if e.What == "time" {
			return outcome{code: exitRefused, hint: "try again, or use what this machine has with --offline"}
		}
		return outcome{code: exitRefused, hint: askElsewhere}
	}),
	on(func(*trust.MissingError) outcome {
		return outcome{code: exitRefused, hint: "get the whole trust root, online or on a stick; with --offline, it has to be in this machine's cache already"}
	}),
	on(sourceOutcome),
}

func sourceOutcome(e *trust.SourceError) outcome {
	var redirect *trust.RedirectError
	if errors.As(e, &redirect) {
		return outcome{code: exitRefused, hint: askElsewhere}
	}
	return outcome{code: exitOther, hint: "see that it can be reached; for Tor, set ALL_PROXY=socks5h://127.0.0.1:9050; without a network, use --offline or a folder"}
}
