package cli

import (
	"errors"
	"fmt"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
)

// The exit codes. They do not depend on --format.
const (
	exitOK          = 0   // yes: built and reproduced, identical, verified
	exitDifferent   = 1   // the two differ
	exitUsage       = 2   // the command line is wrong
	exitRecipe      = 3   // a recipe, lock or policy is wrong
	exitRefused     = 4   // untrusted
	exitOther       = 5   // anything else: I/O, a daemon, a bug
	exitInputs      = 6   // inputs are missing, or not what the lock says
	exitStep        = 7   // a build step or a test failed
	exitForeign     = 8   // signed, but not by whom the policy asks for, and not accepted
	exitToolchain   = 9   // the release was made for another toolchain than this one's
	exitInterrupted = 130 // SIGINT or SIGTERM
)

// An interruptedError is what a command returned after a signal.
type interruptedError struct{ Err error }

func (e *interruptedError) Error() string { return "interrupted" }
func (e *interruptedError) Unwrap() error { return e.Err }

// An outcome is what the command line makes of an error.
type outcome struct {
	code int
	hint string // "" when there is nothing useful to say
	// detail is printed before the error: source snippets.
	detail string
	// log is what a step or program wrote last, oldest line first. Its end is printed
	// after detail, and is a member of the error's JSON.
	log []string
}

// A rule says the outcome of one type of error.
type rule func(error) (outcome, bool)

func on[E error](f func(E) outcome) rule {
	return func(err error) (outcome, bool) {
		var e E
		if !errors.As(err, &e) {
			return outcome{}, false
		}
		return f(e), true
	}
}

// outcomeOf returns the outcome of err by the first rule that knows it.
func outcomeOf(err error) outcome {
	for _, r := range rules {
		if o, ok := r(err); ok {
			return o
		}
	}
	return outcome{code: exitOther}
}

// report prints err, which cmd returned, and returns the exit code.
func (a *app) report(cmd string, err error) int {
	if err == nil {
		return exitOK
	}
	o := outcomeOf(err)
	if o.code == exitUsage && o.hint == "" {
		o.hint = cmd + " --help"
	}
	o.log = last(o.log)
	fmt.Fprint(a.stderr, progress.Clean(o.detail+quote(o.log)))
	a.say("error", err.Error())
	if o.hint != "" {
		a.say("hint", o.hint)
	}
	if a.out.json() {
		if a.out.command == "" {
			a.out.command = strings.TrimPrefix(cmd, "tailsbuild ")
		}
		// Stdout may be what failed; the exit code says so already.
		_ = a.out.object("error", struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
			Hint    string `json:"hint,omitempty"`
			// Log is what a step or program wrote last.
			Log []string `json:"log,omitempty"`
		}{o.code, err.Error(), o.hint, o.log})
	}
	return o.code
}

// say writes a message to stderr. The lines after the first, as those of joined errors,
// are seen to belong to it: names in it may have line breaks of their own.
func (a *app) say(kind, message string) {
	message = strings.TrimRight(progress.Clean(message), "\n")
	fmt.Fprintf(a.stderr, "tailsbuild: %s: %s\n", kind, strings.ReplaceAll(message, "\n", "\n  "))
}
